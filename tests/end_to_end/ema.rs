//! Moving averages of weights as models of a table.

use std::collections::BTreeSet;

use ff_checkpoint::StateDict;
use serde_json::json;

use crate::place::{JOBS, Place, RUN, SHAPES, assert_has, flip_last, table};

const ROWS: &str = r#"
[[method]]
name = "EMA (best)"
pool = "ema"
select = { kind = "best" }

[[method]]
name = "With and without"
pool = "grid-ema"
select = { kind = "gou", by = "average" }
"#;

#[test]
fn rows_select_from_moving_averages() {
    let place = Place::new();
    place.write("tiny.toml", &(table(SHAPES) + ROWS));
    let plan = place.json_of("ff-grid plan --config tiny.toml --json");
    // Each run has two epochs and the average, and 24 images for the average's statistics.
    assert_eq!(plan["total"]["finetune"]["evaluated_images"], 4 * (3 * 8 + 24));

    // Two soups with predictions and scores more; the bases of FGG are still runs of the grid.
    let jobs = JOBS + 6;
    let printed = place.run(RUN).ok_saying(&format!("{jobs} jobs done, 0 already done"));
    assert_has(&printed, &["EMA (best)", "With and without"]);
    place.run(RUN).ok_saying(&format!("0 jobs done, {jobs} already done"));
    let run = place.record("finetune", "lr 1e-2 minimal seed 0");
    let cost = json!({"epochs": 2, "train_images": 48, "evaluated_images": 3 * 8 + 24, "evaluations": 3});
    assert_eq!(run["cost"], cost);
    let saved = &run["output"]["training"]["ema"];
    assert_eq!((&saved["epoch"], &saved["step"]), (&json!(2), &json!(6)));

    let averages: Vec<_> =
        place.files("runs/jobs").into_iter().filter(|file| file.ends_with("/ema.safetensors")).collect();
    assert_eq!(averages.len(), 4);
    assert!(averages.iter().all(|file| file.starts_with("finetune-")), "{averages:?}");
    let digest =
        |file: &String| StateDict::open(place.path("runs/jobs").join(file)).unwrap().digest().to_string();
    let digests: BTreeSet<String> = averages.iter().map(digest).collect();
    let best = &place.record("soup", "EMA (best)")["output"]["soup"];
    assert!(digests.contains(best["digest"].as_str().unwrap()), "{best}");
    assert_eq!(best["candidates"], 4);
    let name = best["soup"]["average"]["ingredient"].as_str().unwrap();
    assert!(name.starts_with("lr 1e-") && name.ends_with(" seed 0 ema"), "{name}");

    let soup = &place.record("soup", "With and without")["output"]["soup"];
    assert_eq!(soup["candidates"], 8);
    let groups: BTreeSet<_> = soup["soup"]["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| decision["group"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(groups.into_iter().collect::<Vec<_>>(), ["", "average=ema", "average=none"]);
    let file = place.job("soup", "With and without").join("soup.safetensors");
    let said = place.run(&format!("ff-soup verify {} runs", place.name(&file))).ok();
    assert!(said.contains("bit for bit"), "{said}");

    place.run("ff-grid doctor").ok();
    flip_last(&place.path("runs/jobs").join(&averages[0]));
    let ran = place.run("ff-grid doctor");
    assert!(ran.stdout.contains(&averages[0]), "{}", ran.stdout);
    ran.refused(1, &["1 finding"]);
}
