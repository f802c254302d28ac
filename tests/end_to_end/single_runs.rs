//! Single runs: probe, fine-tuning, cyclic run, predictions, scores and soups; inspection of data
//! and models.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use serde_json::Value;

use crate::place::{Place, assert_has};

const SOURCE: &str = "--dataset folder --root data/cells";
const METHODS: [&str; 2] = ["uniform", "greedy"];

/// Returns a recipe of `ff-train`.
fn recipe(name: &str, weights: &str, trainable: &str, schedule: &str) -> String {
    format!(
        r#"
name = "{name}"

[model]
architecture = "resnet_pico"
image_size = 16
precision = "fp32"
weights = "{weights}"
seed = 0

[dataset]
source = {{ kind = "folder", path = "cells" }}
split = {{ kind = "ratio", train = 0.8, val = 0.1, test = 0.1, seed = 0 }}

[train]
epochs = 2
batch_size = 8
augment = "minimal"
seed = 0
optimizer = {{ kind = "adamw", betas = [0.9, 0.999], eps = 1e-8, weight_decay = 0.01 }}
schedule = {schedule}
trainable = {trainable}
select_by = "metric"
metric = "accuracy"
keep_optimizer = true
"#
    )
}

const ALL: &str = "{ kind = \"all\" }";
const LAST: &str = "{ kind = \"classifier\", update_bn_stats = false }";
const COSINE: &str = "{ kind = \"cosine\", lr = 1e-2 }";
const CYCLIC: &str = "{ kind = \"cyclic\", lr_max = 1e-3, lr_min = 1e-5, epochs_per_cycle = 2, phase = 0.0 }";

fn place() -> Place {
    let place = Place::new();
    place.images("data/cells", &["a", "b", "c"], 20);
    place.write("lp.toml", &recipe("lp", "random", LAST, COSINE));
    place.write("ft.toml", &recipe("ft", "runs/lp/kept.safetensors", ALL, COSINE));
    let fgg = recipe("fgg", "runs/ft/kept.safetensors", ALL, CYCLIC);
    place.write("fgg.toml", &fgg.replace("keep_optimizer = true", "keep_optimizer = false"));
    place
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn from_a_probe_to_a_soup_by_hand() {
    let place = place();
    place.run("ff-train finetune --config lp.toml").refused(1, &["lp.toml", "not a recipe for"]);
    let merging =
        "inmerge={shallow_layers=3,merge_weight=0.8,merge_probability=0.3,similarity_threshold=0.3}";
    place
        .run(&format!("ff-train lp --config lp.toml --set {merging}"))
        .refused(1, &["inmerge", "linear probe"]);
    for wrong in [
        "name=jobs",
        "train.early_stopping_epochs=0",
        "train.task_weights=rarity",
        "train.epochs=0",
        "train.ema={decay=0.9}",
        "model.image_size=100000",
    ] {
        place.run(&format!("ff-train lp --config lp.toml --set {wrong}")).refused(1, &["expected"]);
    }
    assert!(!place.path("runs").exists());

    assert_eq!(place.run("ff-train lp --config lp.toml").ok(), "runs/lp/kept.safetensors\n");
    place.run("ff-train finetune --config ft.toml").ok();
    place.run(&format!("ff-train finetune --config ft.toml --set name=merged --set {merging}")).ok();
    let averaged = "ff-train finetune --config ft.toml --set name=averaged --set train.ema={decay=0.9}";
    assert_eq!(place.run(averaged).ok(), "runs/averaged/kept.safetensors\nruns/averaged/ema.safetensors\n");
    let history = place.read("runs/merged/history.jsonl");
    assert!(history.lines().all(|epoch| parsed(epoch)["hooks"]["inmerge"][0]["layer"] == 4), "{history}");
    let state = "--set model.optimizer_state=runs/ft/kept.optimizer.safetensors --set train.epochs=4";
    let made = place.run(&format!("ff-train fgg --config fgg.toml {state}")).ok();
    assert_eq!(
        made.lines().collect::<Vec<_>>(),
        ["runs/fgg/snapshot-1.safetensors", "runs/fgg/snapshot-2.safetensors"]
    );
    assert_eq!(place.read("runs/fgg/history.jsonl").lines().count(), 4);
    assert!(!place.path("runs/fgg/resume.safetensors").exists());
    // The resolved recipe is valid and gives the same weights.
    place.run("ff-train lp --config runs/lp/recipe.toml --runs again").ok();
    let digest = |file: &str| *StateDict::open(place.path(file)).unwrap().digest();
    assert_eq!(digest("runs/lp/kept.safetensors"), digest("again/lp/kept.safetensors"));

    // A finished run is kept; another recipe does not replace it.
    let history = place.read("runs/ft/history.jsonl");
    assert_eq!(place.run("ff-train finetune --config ft.toml").ok(), "runs/ft/kept.safetensors\n");
    place.run("ff-train finetune --config ft.toml --set train.seed=1").refused(1, &["runs/ft", "hint:"]);
    assert_eq!(place.read("runs/ft/history.jsonl"), history);

    predictions_and_scores(&place);
    soups(&place);
}

fn predictions_and_scores(place: &Place) {
    let predict = "ff-train predict --checkpoint runs/ft/kept.safetensors";
    place.run(&format!("{predict} {SOURCE} --split val --output val.safetensors")).ok();
    // The split is the recipe's, so the logits are those that training saved.
    let digest = |file: &str| *StateDict::open(place.path(file)).unwrap().digest();
    assert_eq!(digest("val.safetensors"), digest("runs/ft/kept.val.safetensors"));

    let score = "ff-eval score --predictions val.safetensors --resamples 50";
    let scored = place.json_of(&format!("{score} --task multiclass --json"));
    assert_eq!(scored["samples"], 6);
    let metrics: Vec<_> =
        scored["scores"].as_array().unwrap().iter().map(|score| score["metric"].as_str().unwrap()).collect();
    assert_eq!(metrics, ["accuracy", "macro-f1", "macro-recall", "auroc", "quadratic-kappa", "log-loss"]);
    let printed = place.run(&format!("{score} --task multiclass --metric accuracy")).ok();
    assert!(printed.starts_with("6 samples\naccuracy"), "{printed}");
    let printed = place.run(&format!("{score} --task multiclass --metric macro-f1")).ok();
    assert!(printed.contains(" samples by class: "), "{printed}");
    place.run(&format!("{score} --task multilabel")).refused(1, &["val.safetensors", "multiclass"]);
    place.run(&format!("{score} --task multiclass --metric f1")).refused(2, &["f1"]);
    place
        .run("ff-eval score --predictions runs/ft/kept.safetensors --task multiclass")
        .refused(1, &["kept.safetensors", "no tensor `logits`"]);
}

fn soups(place: &Place) {
    let files = "runs/ft/kept.safetensors runs/fgg/snapshot-1.safetensors runs/fgg/snapshot-2.safetensors";
    place.run(&format!("ff-soup average --output mean.safetensors {files}")).ok();
    place.run("ff-soup verify mean.safetensors runs").ok();
    for method in METHODS {
        let select = format!(
            "ff-soup select --method {method} --bn averaged --config fgg.toml --output {method}.safetensors"
        );
        let chosen = place.json_of(&format!("{select} {files} --json"));
        assert_eq!(chosen["decisions"].as_array().unwrap().len(), 3, "{chosen}");
        place.run(&format!("ff-soup verify {method}.safetensors runs")).ok();
    }
    let printed = place.run(&format!("ff-soup select --method greedy --config fgg.toml --output x {files}"));
    assert!(printed.ok().contains("of 3 models"));
    // Statistics are beside an output of any name.
    let fisher = "ff-soup select --method fisher --statistics-images 4 --config fgg.toml";
    for output in ["plain", "plain.0", "plain.1"] {
        place.run(&format!("{fisher} --output {output} {files}")).ok();
        assert!(place.path(&format!("{output}.statistics/statistics-3.safetensors")).is_file());
    }
    let gou = "ff-soup select --method gou --config fgg.toml";
    let printed = place.run(&format!("{gou} --output gou.safetensors {files}")).ok();
    assert!(printed.contains("learning_rate=1e-2: runs/fgg/snapshot-2.safetensors"), "{printed}");
    place
        .run(&format!("{gou} --by lr --output y {files}"))
        .refused(1, &["`runs/ft/kept.safetensors`", "`lr`"]);
    // Runs do not record a field that is as usual.
    place.run("ff-train finetune --config ft.toml --set name=drawn --set train.sample=bootstrap").ok();
    let more = "runs/drawn/kept.safetensors runs/averaged/ema.safetensors";
    for (field, groups) in [
        ("sample", ["all: runs/ft", "bootstrap: runs/drawn"]),
        ("image_size", ["16: runs/ft", "16: runs/drawn"]),
        ("average", ["none: runs/ft", "ema: runs/averaged"]),
    ] {
        let printed = place.run(&format!("{gou} --by {field} --output x {files} {more}")).ok();
        groups.iter().for_each(|group| assert_has(&printed, &[&format!("{field}={group}")]));
    }
    known_scores(place, files);
    let digest = |file: &str| *StateDict::open(place.path(file)).unwrap().digest();
    assert_eq!(digest("mean.safetensors"), digest("uniform.safetensors"));
    // By default only the BatchNorm statistics are others.
    let uniform = "ff-soup select --method uniform --config fgg.toml --output recomputed.safetensors";
    place.run(&format!("{uniform} {files}")).ok();
    assert_ne!(digest("recomputed.safetensors"), digest("mean.safetensors"));
    let said = place.run("ff-soup verify recomputed.safetensors runs").ok();
    assert!(said.contains("bit for bit, except for") && said.contains("running_mean"), "{said}");
    // A soup predicts like any other weights.
    let predict = "ff-train predict --checkpoint greedy.safetensors";
    place.run(&format!("{predict} {SOURCE} --split test --output test.safetensors")).ok();

    place
        .run("ff-soup average --output x.safetensors runs/ft/kept.safetensors runs/ft/kept.safetensors")
        .refused(1, &["two ingredients are named `runs/ft/kept.safetensors`"]);
    place
        .run("ff-soup average --output x.safetensors runs/ft/kept.safetensors val.safetensors")
        .refused(1, &["`val.safetensors` does not fit"]);
    place.run("ff-soup average --output x.safetensors gone.safetensors").refused(1, &["gone.safetensors"]);
    place.run("ff-soup average --output x.safetensors").refused(2, &["<FILES>..."]);
    assert!(!place.path("x.safetensors").exists());
}

/// Predictions that training saved beside weights replace an evaluation and give the same result;
/// those of other weights are ignored.
fn known_scores(place: &Place, files: &str) {
    std::fs::create_dir(place.path("alone")).unwrap();
    for (number, file) in files.split(' ').enumerate() {
        std::fs::copy(place.path(file), place.path(&format!("alone/{number}.safetensors"))).unwrap();
    }
    let another = place.path("runs/fgg/snapshot-1.val.safetensors");
    std::fs::copy(another, place.path("alone/0.val.safetensors")).unwrap();
    let select = |files: &str, known: &str| {
        let select = "ff-soup select --method greedy --config fgg.toml --output x -v --json";
        let soup = parsed(&place.run(&format!("{select} {files}")).ok_saying(known));
        let decisions = soup["decisions"].as_array().unwrap().clone();
        let scores = |decision: &Value| {
            ["alone", "before", "tried", "at_most", "taken"].map(|field| decision[field].clone())
        };
        (soup["score"].clone(), decisions.iter().map(scores).collect::<Vec<_>>())
    };
    let alone = select("alone/0.safetensors alone/1.safetensors alone/2.safetensors", "known=0");
    assert_eq!(select(files, "known=3"), alone);
    std::fs::remove_dir_all(place.path("alone")).unwrap();
}

#[test]
fn soups_of_networks_without_batchnorm_record_no_recomputed_statistics() {
    let place = Place::new();
    place.images("data/cells", &["a", "b", "c"], 20);
    let deit = recipe("deit", "random", ALL, COSINE).replace("resnet_pico", "deit_pico_patch4");
    place.write("deit.toml", &deit.replace("image_size = 16", "image_size = 32"));
    for seed in [0, 1] {
        let set = format!("--set name=seed-{seed} --set train.seed={seed} --set train.epochs=1");
        place.run(&format!("ff-train finetune --config deit.toml {set}")).ok();
    }
    let files = "runs/seed-0/kept.safetensors runs/seed-1/kept.safetensors";
    let select = "ff-soup select --method uniform --config deit.toml --output soup.safetensors";
    place.run(&format!("{select} {files}")).ok();
    let soup = StateDict::open(place.path("soup.safetensors")).unwrap();
    let recipe = &soup.provenance().unwrap().recipe;
    assert_eq!(recipe["select"]["kind"], "uniform");
    // Folds change no weights.
    for field in ["recalibrate", "bn_images", "recomputed", "folds"] {
        assert_eq!(recipe.get(field), None, "{recipe}");
    }
}

#[test]
fn data_is_inspected_augmented_and_measured() {
    let place = place();
    let inspected = place.json_of(&format!("ff-data inspect {SOURCE} --decode --json"));
    assert_eq!(inspected["images"], 60);
    assert_eq!(inspected["train"]["per_class"], serde_json::json!({"a": 16, "b": 16, "c": 16}));
    assert_eq!(inspected["unreadable"], serde_json::json!([]));
    let printed = place.run(&format!("ff-data inspect {SOURCE} --ratio 0.5,0.5,0")).ok();
    assert!(
        printed.contains("60 images") && printed.contains("all         30       30        0"),
        "{printed}"
    );
    place.run(&format!("ff-data inspect {SOURCE} --ratio 0.5,0.5")).refused(2, &["--ratio", "0.8,0.1,0.1"]);
    place.run(&format!("ff-data inspect {SOURCE} --ratio 0.5,0.5,0.5")).refused(1, &["sum to 1"]);

    let augment =
        "ff-data augment --augment heavy --image-size 16 --seed 3 --count 2 data/cells/a/a00.png --output";
    let first = place.run(&format!("{augment} versions")).ok();
    assert_eq!(first, "versions/heavy-000.png\nversions/heavy-001.png\n");
    place.run(&format!("{augment} again")).ok();
    for name in ["heavy-000.png", "heavy-001.png"] {
        let bytes = |folder: &str| std::fs::read(place.path(folder).join(name)).unwrap();
        assert_eq!(bytes("versions"), bytes("again"));
    }
    let bench =
        format!("ff-data bench {SOURCE} --augment heavy --image-size 16 --threads 2 --epochs 1 --json");
    let bench = place.json_of(&bench);
    assert_eq!(bench["images"], 48);
    assert!(bench["images_per_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn logits_of_given_inputs() {
    let place = place();
    place.run("ff-train lp --config lp.toml --set train.epochs=1").ok();
    let values: Vec<f32> = (0..2 * 3 * 16 * 16).map(|at| (at % 13) as f32 / 6.0 - 1.0).collect();
    let input = OwnedTensor::f32([2, 3, 16, 16], &values);
    StateDict::from_tensors(BTreeMap::from([("input".to_owned(), input)]))
        .save(place.path("x.safetensors"), None)
        .unwrap();
    let weights = "--weights runs/lp/kept.safetensors --input x.safetensors";
    place.run(&format!("ff-models logits --arch resnet_pico {weights} --output y.safetensors")).ok();
    let logits = StateDict::open(place.path("y.safetensors")).unwrap();
    let logits = logits.get("logits").unwrap();
    assert_eq!(logits.shape, [2, 3]);
    assert!(logits.to_f32().unwrap().iter().all(|value| value.is_finite()));

    let wrong = |line: &str, code, expected: &[&str]| {
        place.run(&format!("ff-models logits {line} --output z.safetensors")).refused(code, expected);
        assert!(!place.path("z.safetensors").exists());
    };
    wrong(&format!("--arch resnet18 {weights}"), 1, &["runs/lp/kept.safetensors", "do not fit resnet18"]);
    wrong(&format!("--arch vgg_pico {weights}"), 1, &["runs/lp/kept.safetensors", "those of a ResNet"]);
    wrong(&format!("--arch resnet51 {weights}"), 2, &["resnet51", "resnet50"]);
    let swapped = "--weights x.safetensors --input runs/lp/kept.safetensors";
    wrong(&format!("--arch resnet_pico {swapped}"), 1, &["kept.safetensors", "no tensor `input`"]);
}
