//! A whole table: plan, run, second run, shared jobs and verification.

use std::collections::{BTreeMap, BTreeSet};

use ff_checkpoint::{OwnedTensor, StateDict};
use serde_json::Value;

use crate::place::{JOBS, Place, RUN, SHAPES, TWIN, assert_has, flip_last};

#[test]
fn a_table_from_plan_to_verified_soup() {
    let place = Place::with_table(SHAPES);

    // The bases of FGG are runs of the grid with heavy augmentation: 4 models are fine-tuned, not
    // 6.
    let plan = place.json_of("ff-grid plan --config tiny.toml --json");
    let count = |kind: &str| plan["total"][kind]["jobs"].as_u64().unwrap();
    let kinds = ["probe", "finetune", "fgg", "soup", "predict", "evaluate"];
    assert_eq!(kinds.map(count), [1, 4, 2, 6, 6, 6]);
    assert_eq!(plan["jobs"].as_array().unwrap().len(), JOBS);
    assert_eq!(plan["total"]["finetune"]["train_images"], 4 * 2 * 24);
    assert!(!place.path("runs").exists(), "a plan writes nothing");

    let printed = place.run(RUN).ok_saying(&format!("{JOBS} jobs done, 0 already done"));
    assert_eq!(printed, place.read("runs/tables/tiny/table.md"));
    let made = [
        "config.toml",
        "files.json",
        "jobs.json",
        "predictions.csv",
        "soup.json",
        "soup.md",
        "soup.safetensors",
        "table.csv",
        "table.json",
        "table.md",
        "table.tex",
    ];
    assert_eq!(place.files("runs/tables/tiny"), made);
    assert_eq!(partial_files(&place), Vec::<String>::new());
    let written = made.map(|name| std::fs::read(place.path("runs/tables/tiny").join(name)).unwrap());

    let status = place.json_of("ff-grid status --config tiny.toml --json");
    for kind in kinds {
        assert_eq!(status["total"][kind]["done"], status["total"][kind]["jobs"], "{kind}");
    }

    let again = place.run(RUN).ok_saying(&format!("0 jobs done, {JOBS} already done"));
    assert_eq!(again, printed);
    assert_eq!(written, made.map(|name| std::fs::read(place.path("runs/tables/tiny").join(name)).unwrap()));

    // The resolved configuration is valid and makes the same table.
    let resolved = "ff-grid status --config runs/tables/tiny/config.toml --json";
    assert_eq!(place.json_of(resolved), status);

    soups_can_be_verified(&place);
    another_table_shares_the_training(&place);
}

fn soups_can_be_verified(place: &Place) {
    let soup = "runs/tables/tiny/soup.safetensors";
    let said = place.run(&format!("ff-soup verify {soup} runs")).ok();
    assert!(said.contains("bit for bit"), "{said}");
    let note = place.json("runs/tables/tiny/soup.json");
    let shares: f64 =
        note["ingredients"].as_array().unwrap().iter().map(|pair| pair[1].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-12 && note["record"]["soup"]["decisions"].is_array(), "{note}");

    let card = place.read("runs/tables/tiny/soup.md");
    assert!(card.contains("timm has no architecture `resnet_pico`") && !card.contains("local-dir"), "{card}");

    // Other weights under the same record.
    let genuine = StateDict::open(place.path(soup)).unwrap();
    let mut tensors: BTreeMap<String, OwnedTensor> = genuine
        .iter()
        .map(|(name, tensor)| {
            let (dtype, shape, data) = (tensor.dtype, tensor.shape.to_vec(), tensor.data.to_vec());
            (name.to_owned(), OwnedTensor { dtype, shape, data })
        })
        .collect();
    tensors.get_mut("fc.bias").unwrap().data[0] ^= 1;
    let forged = place.path("forged.safetensors");
    StateDict::from_tensors(tensors).save(&forged, Some(genuine.provenance().unwrap())).unwrap();
    place
        .run("ff-soup verify forged.safetensors runs")
        .refused(1, &["forged.safetensors", "not the average of its ingredients"]);

    // A flipped bit in the file.
    std::fs::copy(place.path(soup), place.path("damaged.safetensors")).unwrap();
    flip_last(&place.path("damaged.safetensors"));
    place.run("ff-soup verify damaged.safetensors runs").refused(1, &["damaged.safetensors: damaged"]);

    // A folder without the ingredients.
    place.write("nothing/here.txt", "");
    place.run(&format!("ff-soup verify {soup} nothing")).refused(1, &[soup, "needs ingredient"]);
}

fn another_table_shares_the_training(place: &Place) {
    let before = place.files("runs/jobs");
    let other = "--set name=other --set evaluation.resamples=30";
    let said = format!("7 jobs done, {} already done", JOBS - 7);
    place.run(&format!("{RUN} {other}")).ok_saying(&said);
    let new: Vec<_> =
        place.files("runs/jobs").into_iter().filter(|file| before.binary_search(file).is_err()).collect();
    assert_eq!(new.len(), 7);
    let kinds = ["evaluate-", "verdict-"];
    assert!(new.iter().all(|file| kinds.iter().any(|kind| file.starts_with(kind))), "{new:?}");
    assert_eq!(place.files("runs/tables/other").len(), 11);
}

#[test]
fn results_do_not_depend_on_workers_and_loader_threads() {
    let place = Place::with_table(SHAPES);
    // Enough workers for libtorch to have one thread in each; several threads would change the last
    // bits.
    let cores = std::thread::available_parallelism().unwrap().get();
    for (runs, workers, threads) in [("a", cores, 0), ("b", cores + 1, 2)] {
        let set = format!("--set run.workers={workers} --set run.loader_threads={threads}");
        place.run(&format!("{RUN} --runs {runs} {set}")).ok();
    }
    // A worker for each of several devices.
    place.run(&format!("{RUN} --runs c --device cpu,cpu --set run.threads=1")).ok();
    let scores = |runs: &str| {
        let mut table = place.json(&format!("{runs}/tables/tiny/table.json"));
        for row in table["rows"].as_array_mut().unwrap() {
            row["cost"]["wall_seconds"].take();
        }
        table
    };
    assert_eq!(scores("a"), scores("b"));
    assert_eq!(scores("a"), scores("c"));
    let digests = |runs: &str| -> BTreeMap<String, String> {
        let files = place.files(runs).into_iter().filter(|file| file.ends_with(".safetensors"));
        let digest =
            |file: &String| StateDict::open(place.path(runs).join(file)).unwrap().digest().to_string();
        files.map(|file| (file.clone(), digest(&file))).collect()
    };
    let (a, b, c) = (digests("a"), digests("b"), digests("c"));
    assert!(a.len() > 30, "{}", a.len());
    assert_eq!(a, b);
    assert_eq!(a, c);
}

#[test]
fn a_plan_prices_the_jobs_that_are_not_done() {
    let place = Place::with_table(SHAPES);
    let plan = "ff-grid plan --config tiny.toml --workers 1,4,1000";
    let unknown = place.run(plan).ok();
    assert_has(&unknown, &["time: unknown; --price measures", "shapes                          24"]);
    assert!(!unknown.contains("lr 1e-2"), "the jobs are listed with --jobs only:\n{unknown}");
    assert_has(&place.run(&format!("{plan} --jobs")).ok(), &["to do    finetune", "lr 1e-2 minimal seed 0"]);
    assert_eq!(place.json_of(&format!("{plan} --json"))["time"], Value::Null);

    let said = place.json_of(&format!("{plan} --json --images-per-second resnet_pico=120"));
    let time = &said["time"];
    // 360 images trained on, and 2248 predicted at three times the rate: a snapshot of each cyclic
    // run is at the end of an epoch, and each of 17 candidates takes 24 training images besides. All
    // but the uniform soup are evaluated again without each of three folds, at most.
    let work = time["work_seconds"].as_f64().unwrap();
    assert!((work - (360.0 + 2248.0 / 3.0) / 120.0).abs() < 1e-9, "{work}");
    let wall: Vec<f64> =
        time["workers"].as_array().unwrap().iter().map(|row| row["seconds"].as_f64().unwrap()).collect();
    assert!(wall[0] > wall[1] && wall[1] >= wall[2], "{wall:?}");
    let chain = time["longest_chain"]["seconds"].as_f64().unwrap();
    assert!((wall[2] - chain).abs() < 1e-4, "{wall:?} {chain}");
    // A probe, a base, its cyclic run, a soup, its predictions and its score.
    assert_eq!(time["longest_chain"]["jobs"].as_array().unwrap().len(), 6);
    place.run(&format!("{plan} --images-per-second vgg=3")).refused(2, &["vgg"]);
    place.run("ff-grid plan --config tiny.toml --workers 0").refused(2, &["--workers"]);

    let priced = place.json_of(&format!("{plan} --json --price --device cpu"));
    let network = &priced["time"]["priced"][0];
    assert_eq!((&network["architecture"], &network["batch"]), (&"resnet_pico".into(), &8.into()));
    let rate = |of: &str| network[of].as_f64().unwrap();
    assert!(rate("evaluate") > rate("train") && rate("train") > 0.0, "{network}");
    assert!(!place.path("runs").exists(), "a plan writes nothing");

    place.run(RUN).ok();
    let done = place.json_of(&format!("{plan} --json"));
    assert_eq!((&done["time"]["work_seconds"], &done["disk_bytes"]["models"]), (&0.0.into(), &0.into()));
    // Jobs that are like finished ones, by their records.
    let more = place.json_of(&format!("{plan} --json --set grid.seeds=[0,1]"));
    assert!(more["time"]["work_seconds"].as_f64().unwrap() > 0.0, "{more}");
    let from = more["time"]["from"].as_str().unwrap();
    assert!(from.starts_with("from ") && from.ends_with(" finished jobs"), "{from}");
    let status = place.json_of("ff-grid status --config tiny.toml --json");
    assert_eq!((&status["seconds_left"], &status["jobs"]), (&Value::Null, &serde_json::json!({})));
}

#[test]
fn disk_space_is_estimated_from_the_networks() {
    let place = Place::with_table(SHAPES);
    let planned = place.json_of("ff-grid plan --config tiny.toml --json");
    place.run(RUN).ok();
    let bytes = |ends: &str| -> u64 {
        let files = place.files("runs").into_iter().filter(|file| file.ends_with(".safetensors"));
        // A link to the soup beside it.
        let files = files
            .filter(|file| file.ends_with(".val.safetensors") == (ends == "val") && !file.contains("/timm/"));
        files.map(|file| std::fs::metadata(place.path("runs").join(file)).unwrap().len()).sum()
    };
    let estimate = planned["disk_bytes"]["weights"].as_u64().unwrap();
    let (found, low) = (bytes("weights"), estimate * 9 / 10);
    // Headers, statistics of BatchNorm, and predictions of 8 images.
    assert!((low..estimate * 12 / 10).contains(&found), "expected {estimate}, found {found}");
}

#[test]
fn several_columns_pretraining_and_ood() {
    let findings = r#"
[[dataset]]
name = "findings"
metric = "auroc"
source = { kind = "phantom", task = "findings", image_size = 16, train = 40, val = 40, test = 0, seed = 1 }
split = { kind = "official" }
"#;
    let pretrain = r#"
[pretrain]
source = { kind = "phantom", task = "source", image_size = 16, train = 40, val = 20, test = 0, seed = 1 }
split = { kind = "official" }
epochs = 1
learning_rate = 3e-3
augment = "minimal"
seed = 0
"#;
    let place = Place::with_table(&format!("{SHAPES}{TWIN}{findings}{pretrain}"));
    let line = format!("{RUN} --set backbone.weights=pretrain --set grid.augmentations=['heavy']");
    let printed = place.run(&line).ok();
    assert_has(&printed, &["shapes", "twin", "findings", "the dataset has no test split"]);
    let kinds = |kind: &str| {
        let jobs = place.files("runs/jobs").into_iter().filter(|file| file.ends_with("/record.json"));
        jobs.filter(|file| file.starts_with(kind)).count()
    };
    // One source model for both columns; heavy is FGG's augmentation, so its bases are the whole
    // grid.
    assert_eq!([kinds("pretrain"), kinds("finetune"), kinds("fgg")], [1, 4, 4]);
    for column in ["pico/shapes", "pico/findings"] {
        assert!(place.path("runs/tables/tiny").join(column).join("soup.safetensors").is_file(), "{column}");
    }
}

#[test]
fn models_are_grouped_by_sample_and_image_size() {
    let place = Place::with_table(SHAPES);
    let grid = "--set grid.learning_rates=[1e-2] --set grid.augmentations=['minimal'] --set grid.train_sizes=[16,12] \
                --set grid.samples=['all','balanced']";
    let method =
        "--set method=[{name='Soup',pool='grid',select={kind='hierarchy',levels=['image_size','sample']}}]";
    place.run(&format!("{RUN} {grid} {method}")).ok();
    let files = place.files("runs/jobs");
    let runs: Vec<_> = files
        .iter()
        .filter(|file| file.starts_with("finetune-") && file.ends_with("/history.jsonl"))
        .map(|file| place.read(&format!("runs/jobs/{file}")))
        .collect();
    assert_eq!(runs.len(), 4);
    for history in &runs {
        for epoch in history.lines() {
            let epoch: Value = serde_json::from_str(epoch).unwrap();
            assert_eq!(epoch["images"], 24, "a sample has as many images as the training split");
        }
    }
    let note = place.json("runs/tables/tiny/soup.json");
    let decisions = note["record"]["soup"]["decisions"].as_array().unwrap();
    let text = |decision: &Value, key: &str| decision[key].as_str().unwrap().to_owned();
    let innermost: BTreeSet<_> = decisions
        .iter()
        .map(|decision| (text(decision, "group"), text(decision, "candidate")))
        .filter(|(group, _)| group.contains("sample="))
        .collect();
    let expected = [
        ("image_size=12, sample=all", "lr 1e-2 minimal seed 0 12 px"),
        ("image_size=12, sample=balanced", "lr 1e-2 minimal seed 0 balanced 12 px"),
        ("image_size=16, sample=all", "lr 1e-2 minimal seed 0"),
        ("image_size=16, sample=balanced", "lr 1e-2 minimal seed 0 balanced"),
    ];
    let expected = expected.map(|(group, model)| (group.to_owned(), model.to_owned()));
    assert_eq!(innermost, BTreeSet::from(expected));
}

fn partial_files(place: &Place) -> Vec<String> {
    place.files("runs").into_iter().filter(|file| file.ends_with(".partial")).collect()
}

#[test]
fn bn_statistics_of_soups_are_recomputed_or_averaged() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let uniform = "--set method.1.bn=averaged";
    // A new soup, its predictions, its score and the verdict; no training.
    let said = format!("4 jobs done, {} already done", JOBS - 4);
    place.run(&format!("{RUN} --set name=averaged {uniform}")).ok_saying(&said);
    let soups: Vec<_> = place
        .files("runs/jobs")
        .into_iter()
        .filter(|file| file.ends_with("/soup.safetensors"))
        .map(|file| StateDict::open(place.path("runs/jobs").join(file)).unwrap())
        .filter(|soup| soup.provenance().unwrap().recipe["select"]["kind"] == "uniform")
        .collect();
    let recipe = |soup: &StateDict| soup.provenance().unwrap().recipe.clone();
    let (recalibrated, averaged): (Vec<_>, Vec<_>) =
        soups.iter().partition(|soup| recipe(soup).get("recomputed").is_some());
    let (recalibrated, averaged) = (recalibrated[0], averaged[0]);
    let recomputed: Vec<String> = serde_json::from_value(recipe(recalibrated)["recomputed"].clone()).unwrap();
    for (name, tensor) in recalibrated.iter() {
        let same = averaged.get(name).unwrap().data == tensor.data;
        let is_recomputed = recomputed.iter().any(|other| other == name);
        // A count of batches may be the same by chance.
        assert!(same != is_recomputed || name.ends_with("num_batches_tracked"), "{name}");
    }
    let file = recalibrated.path().unwrap().display().to_string();
    let said = place.run(&format!("ff-soup verify {file} runs")).ok();
    assert!(said.contains("bit for bit, except for") && said.contains("running_mean"), "{said}");
}

#[test]
fn a_soup_is_traced_back_to_the_probe_and_the_images() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let line = "ff-soup verify runs/tables/tiny/soup.safetensors runs --deep";
    let text = place.run(&format!("{line} --data-root .")).ok();
    let first = text.lines().nth(1).unwrap();
    assert!(first.contains("finetune") && first.contains("a rerun would be the same job"), "{text}");
    let probe =
        text.lines().find(|line| line.trim_start().starts_with("shapes pico: probe: probe ")).unwrap();
    assert!(probe.contains("intact, runs/jobs/probe-"), "{text}");
    assert!(text.contains("unchanged (shapes)"), "{text}");
    assert!(place.run(line).ok().contains("not checked, which needs --data-root"));

    let kept = place.job("probe", "").join("kept.safetensors");
    flip_last(&kept);
    let ran = place.run(line);
    assert!(ran.stdout.contains("DAMAGED, runs/jobs/probe-"), "{}", ran.stdout);
    ran.refused(1, &["1 ancestor or dataset is missing, damaged or changed"]);
    std::fs::remove_file(&kept).unwrap();
    assert!(place.run(line).stdout.contains("MISSING"));

    let other = place.read("tiny.toml").replace("seed = 1 }", "seed = 2 }");
    place.write("runs/tables/tiny/config.toml", &other);
    assert!(place.run(&format!("{line} --data-root .")).stdout.contains("missing or changed"));
}
