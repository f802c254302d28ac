//! Invalid configurations, missing data, wrong weights and diverging learning rates.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use serde_json::Value;

use crate::place::{FOLDER, JOBS, PROBE, Place, RUN, SHAPES, assert_has, table};

#[test]
fn invalid_configurations_are_refused() {
    let place = Place::with_table(SHAPES);
    for (set, expected) in [
        ("fgg.epochs=-5", "fgg.epochs"),
        ("finetune.epochs=0", "finetune.epochs: expected at least 1"),
        ("grid.learning_rates=[1e-2,1e-2]", "grid.learning_rates"),
        ("method.4.select.by=lr", "`GoU`"),
        ("backbone.weights=pretrain", "hint: add the line [pretrain]"),
        ("dataset.1.name=x", "there is no entry 1"),
        ("name=a/b", "a/b"),
        ("fgg.epochs", "expected KEY=VALUE"),
        ("dataset.source.size=3", "dataset.source.size: unknown key"),
        (
            "model.image_size='large'",
            "model.image_size: expected a whole number of 0 or more, found \"large\"",
        ),
        ("method.paper_row=GoX", "GoX"),
    ] {
        let stderr = place.run(&format!("{RUN} --set {set}")).refused(1, &["tiny.toml", expected]);
        assert!(!stderr.contains("line 0"), "{stderr}");
    }
    place.write("half.toml", "name = \"half\"\n[model]\nimage_size = 16\n");
    // What a file leaves out has a default.
    let printed = place.run("ff-grid plan --config half.toml").ok();
    assert_has(&printed, &["half\n", "resnet50 ", "dataset images: data: "]);
    assert!(!place.path("runs").exists());

    place.run("ff-grid plan").refused(2, &["--config"]);
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let place = Place::with_table(FOLDER);
    place.images("data/cells", &["a", "b"], 4);
    place
        .run("ff-data inspect --dataset folder --root data/cells --ratio 0.5,0.6,0.1")
        .refused(1, &["folder data/cells: split rule `ratio`: expected three shares"]);
    let rows: String = ["a/a00", "b/b00"].map(|path| format!("{path},1,0\n")).concat();
    place.write("data/cells/tasks.csv", &format!("image,x,y\n{rows}"));
    let tasks = "--dataset manifest --root data/cells/tasks.csv";
    place.run(&format!("ff-data inspect {tasks} --ratio 0.5,0.5,0")).ok();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("gone", place.path("link")).unwrap();
        place.run(&format!("{RUN} --runs link")).refused(2, &["a link to gone, which does not exist\nhint:"]);
    }
}

#[test]
fn missing_data_blocks_only_its_columns() {
    let place = Place::with_table(&format!("{SHAPES}{FOLDER}"));
    let ran = place.run(&format!("{RUN} --data-root nowhere"));
    assert_has(&ran.stderr, &["left out: dataset cells: nowhere/cells", &format!("{JOBS} jobs done")]);
    let printed = ran.ok();
    assert!(printed.contains("nowhere/cells"), "the table does not say why:\n{printed}");
    assert!(place.path("runs/tables/tiny/pico/shapes/soup.safetensors").is_file());

    place.write("only.toml", &table(FOLDER));
    place
        .run("ff-grid run --config only.toml --data-root nowhere --runs none")
        .refused(1, &["nothing can be run", "dataset cells: nowhere/cells", "--data-root, now nowhere"]);
    assert!(!place.path("none").exists());
}

#[test]
fn missing_and_wrong_weights_are_refused() {
    let place = Place::with_table(SHAPES);
    let weights = |name: &str| format!("{RUN} --set backbone.weights={name} --set grid.seeds=[0]");
    place.run(&weights("gone.safetensors")).refused(1, &["weights of pico", "gone.safetensors"]);
    place.write("text.safetensors", "these are no weights");
    place
        .run(&weights("text.safetensors"))
        .refused(1, &["text.safetensors", "expected weights, found a text"]);
    assert!(!place.path("runs").exists());

    let tensor = |shape: [usize; 2]| OwnedTensor::f32(shape, &vec![0.5; shape[0] * shape[1]]);
    let other = BTreeMap::from([
        ("features.0.weight".to_owned(), tensor([2, 3])),
        ("fc.weight".to_owned(), tensor([6, 9])),
    ]);
    StateDict::from_tensors(other).save(place.path("other.safetensors"), None).unwrap();
    let expected = ["other.safetensors", "do not fit resnet_pico", "features.0.weight", "1 job failed"];
    let stderr = place.run(&weights("other.safetensors")).refused(1, &expected);
    assert!(stderr.contains("skipped"), "{stderr}");
    assert!(!place.path("runs/tables/tiny/soup.safetensors").exists());
    // What failed is in the runs folder, until the job starts again.
    let options = "--config tiny.toml --set backbone.weights=other.safetensors --set grid.seeds=[0]";
    let status = place.json_of(&format!("ff-grid status {options} --json"));
    assert_eq!(
        (&status["total"]["probe"]["failed"], &status["total"]["finetune"]["waiting"]),
        (&1.into(), &4.into())
    );
    let text = place.run(&format!("ff-grid status {options}")).ok();
    assert_has(
        &text,
        &[
            "failed:\n  shapes pico: probe: ",
            "do not fit resnet_pico",
            "hint: `ff-grid run` with the same options repeats",
        ],
    );
    assert_eq!(place.files("runs/jobs").iter().filter(|file| file.ends_with("/failure.json")).count(), 1);
    place.run("ff-grid doctor --runs runs").ok();
}

#[test]
fn a_status_needs_a_runs_folder() {
    let place = Place::with_table(SHAPES);
    for command in ["status", "cancel"] {
        let line = format!("ff-grid {command} --config tiny.toml --runs gone");
        place.run(&line).refused(
            1,
            &["gone: expected a runs folder, found none\nhint: `ff-grid run --config tiny.toml`"],
        );
    }
}

#[test]
fn every_reason_is_named_if_nothing_can_be_run() {
    let findings = "[[dataset]]\nname = \"findings\"\nmetric = \"accuracy\"\n\
        source = { kind = \"phantom\", task = \"findings\", image_size = 16, train = 40, val = 40, test = 0 }\n";
    let place = Place::with_table(&format!("{findings}{FOLDER}"));
    let stderr = place.run(&format!("{RUN} --data-root nowhere")).refused(1, &["nothing can be run: "]);
    assert_has(
        &stderr,
        &[
            "dataset findings: metric: expected one for multilabel targets, found accuracy",
            "--set dataset.metric=auroc",
            "dataset cells: nowhere/cells: cannot be read",
            "hint: dataset paths are relative to --data-root, now nowhere",
        ],
    );
}

/// The values of a section matter only if a row needs it.
#[test]
fn sections_that_no_method_needs_are_optional() {
    let place = Place::with_table(SHAPES);
    let best = "--set method=[{name=\"best\",select={kind=\"best\"}}]";
    let plan = |set: &str| place.run(&format!("ff-grid plan --config tiny.toml {best} {set}"));
    plan("--set fgg.learning_rates=[]").ok();
    plan("--set grid.learning_rates=[] --set method.pool=fgg --set fgg.learning_rates=[1e-2]").ok();
    plan("--set grid.learning_rates=[]").refused(1, &["grid.learning_rates: expected at least one entry"]);
}

#[test]
fn a_diverging_model_is_left_out_by_name() {
    let place = Place::with_table(SHAPES);
    let diverging = "--set grid.learning_rates=[1e-2,1e30] --set fgg.learning_rates=[1e30,1e-2]";
    let printed = place.run(&format!("{RUN} {diverging}")).ok_saying("diverged at step");
    assert!(printed.contains("diverged"), "{printed}");
    for soup in ["Uniform Soup", "Greedy Soup", "GoU", "GoG", "GS (best)", "FGG (best)"] {
        let record = place.record("soup", soup);
        let soup = &record["output"]["soup"];
        let left_out = soup["left_out"].as_array().unwrap();
        assert_eq!(left_out.len(), 2, "{record}");
        assert!(left_out.iter().all(|label| label.as_str().unwrap().contains("lr 1e30")), "{record}");
        assert!(!soup["soup"].to_string().contains("lr 1e30"), "{record}");
    }
}

#[test]
fn soups_without_any_model_fail() {
    let place = Place::with_table(SHAPES);
    let diverging = "--set grid.learning_rates=[1e30] --set fgg.learning_rates=[1e30]";
    place
        .run(&format!("{RUN} {diverging}"))
        .refused(1, &["6 jobs failed", "Uniform Soup", "diverged", "13 jobs skipped"]);
    assert!(!place.path("runs/tables/tiny/soup.safetensors").exists());
}

#[test]
fn a_diverging_run_names_the_step() {
    let place = Place::new();
    place.images("data/cells", &["a", "b"], 20);
    place.write("wild.toml", &PROBE.replace("\"probe\"", "\"wild\"").replace("lr = 1e-2", "lr = 1e30"));
    place.run("ff-train finetune --config wild.toml").refused(1, &["at step", "epoch 1", "1e30"]);
    assert!(!place.path("runs/wild/kept.safetensors").exists());
    assert_ne!(place.json("runs/wild/record.json")["output"]["training"]["diverged"], Value::Null);
    place
        .run("ff-train finetune --config wild.toml --set train.momentum=0.5")
        .refused(1, &["wild.toml", "train.momentum: unknown key"]);
}
