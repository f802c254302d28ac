//! The scripts of the GPU kit (`cargo xtask gpu-kit`), on the CPU and small.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::place::{Place, Ran, binary, works};

const STAGES: [&str; 7] = ["right", "step", "evaluate", "inmerge", "table", "memory", "compile"];

/// Returns the kit's command with programs of this build and results in `results`; `None` where
/// there is no Python for it.
fn kit(place: &Place, words: &[&str]) -> Option<Command> {
    if !works(&["bash", "--version"])
        || !works(&["python3", "-c", "import sys; assert sys.version_info >= (3, 10)"])
    {
        eprintln!("skipped: the GPU kit needs bash and Python 3.10");
        return None;
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/gpu-kit/run.sh");
    let programs = Path::new(binary("ff-grid")).parent().unwrap();
    let mut command = Command::new("bash");
    command.arg(scripts).args(words).arg("--programs").arg(programs).args(["--results", "results"]);
    // Without it, libtorch's threads would spin on cores that other tests use.
    command.current_dir(place.path("")).env("OMP_WAIT_POLICY", "passive").env_remove("PYTHON");
    Some(command)
}

/// Asserts that a stage's results have the documented form, and returns their cases.
fn cases(place: &Place, stage: &str) -> Vec<Value> {
    let found = place.json(&format!("results/{stage}.json"));
    assert_eq!((&found["stage"], &found["finished"]), (&stage.into(), &true.into()), "{found}");
    assert_eq!((&found["device"], &found["quick"]), (&"cpu".into(), &true.into()));
    let columns = found["columns"].as_array().unwrap().len();
    let rows = found["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row.as_array().unwrap().len() == columns), "{found}");
    assert!(place.read(&format!("results/{stage}.md")).starts_with(&format!("## {stage}\n")));
    let cases = found["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty() && rows.len() >= cases.len());
    for case in &cases {
        assert!(
            case["case"].is_string() && case["seconds"].is_number() && case["figures"].is_object(),
            "{case}"
        );
        assert!(["done", "left out"].contains(&case["status"].as_str().unwrap()), "{case}");
    }
    cases
}

#[test]
fn every_stage_ends_and_every_check_is_good() {
    let place = Place::new();
    place.images("images", &["a", "b", "c"], 12);
    let words = ["all", "--device", "cpu", "--quick", "--images", "images"];
    let Some(mut command) = kit(&place, &words) else { return };
    let said = Ran::of(&mut command).ok();
    for stage in STAGES {
        assert!(said.contains(&format!("## {stage}\n")), "{said}");
        assert!(!cases(&place, stage).is_empty());
    }
    let checks: Vec<Value> = cases(&place, "right")
        .iter()
        .filter_map(|case| case["figures"]["checks"].as_array().cloned())
        .flatten()
        .collect();
    assert!(checks.len() > 10 && checks.iter().all(|check| check["ok"] == true), "{checks:?}");
    let epochs = cases(&place, "step").iter().filter(|case| case["figures"]["epochs"].is_array()).count();
    assert_eq!(epochs, 2, "from files and from the cache");
    let tables: Vec<Value> =
        cases(&place, "table").iter().map(|case| case["figures"]["table"].clone()).collect();
    assert!(tables.len() == 2 && tables[0].is_string() && tables[0] == tables[1], "{tables:?}");
    let machine = place.json("results/machine.json");
    assert!(machine["gpus"].is_array() && machine["cores"].is_number() && machine["command"].is_string());

    // A finished stage is not run again; results of other settings are not continued.
    let written = || std::fs::metadata(place.path("results/right.json")).unwrap().modified().unwrap();
    let before = written();
    let stage = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        Ran::of(&mut kit(&place, &[&words[..], &["--device", "cpu", "--images", "images"]].concat()).unwrap())
    };
    stage("right --quick").ok_saying("finished before");
    assert_eq!(written(), before);
    stage("right").refused(1, &["quick", "hint:", "--results"]);
    stage("right --again").refused(1, &["quick"]);
    assert_eq!(written(), before);

    // A case that failed is tried again, and the others are kept.
    let mut inmerge = place.json("results/inmerge.json");
    inmerge["cases"][0]["status"] = "failed".into();
    inmerge["cases"][1]["figures"]["merge_ms"] = vec![7.5].into();
    place.write("results/inmerge.json", &inmerge.to_string());
    let said = stage("inmerge --quick");
    assert_eq!(said.stderr.matches("[inmerge] vgg_pico").count(), 1, "{}", said.stderr);
    let again = cases(&place, "inmerge");
    assert_eq!((&again[0]["status"], &again[1]["figures"]["merge_ms"][0]), (&"done".into(), &7.5.into()));
}

#[test]
fn a_stage_whose_time_is_over_resumes() {
    let place = Place::new();
    let words = ["inmerge", "--device", "cpu", "--quick", "--limit", "0.01"];
    let Some(mut first) = kit(&place, &words) else { return };
    let ran = Ran::of(&mut first);
    assert_eq!(ran.code, 75, "{}", ran.stderr);
    assert!(ran.stderr.contains("unfinished: 1 of 2 cases left"), "{}", ran.stderr);
    assert_eq!(place.json("results/inmerge.json")["finished"], false);
    Ran::of(&mut kit(&place, &words).unwrap()).ok();
    assert_eq!(cases(&place, "inmerge").len(), 2);
    assert!(!place.path("results/inmerge.partial.jsonl").exists());
}

#[test]
fn wrong_input_is_refused_before_anything_is_written() {
    let place = Place::new();
    let Some(mut unknown) = kit(&place, &["heat"]) else { return };
    let ran = Ran::of(&mut unknown);
    assert!(ran.code == 2 && ran.stderr.contains("invalid choice: 'heat'"), "{}", ran.stderr);
    let mut no_python = kit(&place, &["all"]).unwrap();
    Ran::of(no_python.env("PYTHON", "no-python")).refused(1, &["no-python", "hint:"]);
    // The program's own message.
    let mut no_device = kit(&place, &["all", "--device", "cuda:99"]).unwrap();
    Ran::of(&mut no_device).refused(1, &["--device cuda:99"]);
    assert!(!place.path("results").exists());
}
