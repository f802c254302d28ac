//! In-model merging: an experiment from plan to plots, soups of merged models, and files of
//! weights.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};

use crate::place::{JOBS, Place, SHAPES, TABLE_FILES, assert_has, table};

const RUN: &str = "ff-grid run --config study.toml";

/// An experiment with two seeds of a small VGG, on 13 findings and on shapes: a baseline, merging,
/// and a sweep of three points, one of which is the method itself.
const EXPERIMENT: &str = r#"
kind = "inmerge"
name = "study"
seeds = [0, 1]

[model]
image_size = 16
precision = "fp32"
batch_size = 8
weight_decay = 1e-4

[training]
epochs = 2
augment = "flip"
momentum = 0.9
schedule = { kind = "reduce-on-plateau", lr = 0.02, factor = 0.1, patience_epochs = 1 }
select_by = "metric"

[merging]
epochs = 2
augment = "flip"
momentum = 0.9
schedule = { kind = "multi-step", lr = 0.02, milestones = [0.5], factor = 0.1 }
select_by = "loss"

[inmerge]
merge_weight = 0.8
merge_probability = 0.9
similarity_threshold = 0.0

[[backbone]]
name = "VGG-pico"
architecture = "vgg_pico"
weights = "random"
shallow_layers = 2

[[dataset]]
name = "findings"
metric = "auroc"
source = { kind = "phantom", task = "findings", image_size = 16, train = 48, val = 40, test = 40, seed = 1 }
split = { kind = "official" }

[[dataset]]
name = "shapes"
metric = "accuracy"
source = { kind = "phantom", task = "shapes", image_size = 16, train = 24, val = 12, test = 12, seed = 1 }
split = { kind = "official" }

[[method]]
name = "Baseline"

[[method]]
name = "InMerge"
inmerge = {}

[[sweep]]
parameter = "shallow_layers"
values = [0, 2]

[[sweep]]
parameter = "similarity_threshold"
values = [0.0]
dissimilar = true

[evaluation]
resamples = 20
seed = 0
"#;

#[test]
fn an_experiment_from_plan_to_plots() {
    let place = Place::new();
    place.write("study.toml", EXPERIMENT);
    place.run(&format!("{RUN} --set backbone.shallow_layers=4")).refused(1, &["study.toml", "found 4"]);
    let plan = place.json_of("ff-grid plan --config study.toml --json");
    let count = |kind: &str| plan["total"][kind]["jobs"].as_u64().unwrap();
    // For each dataset and seed: the first stage, the baseline, and three settings of merging.
    assert_eq!([count("finetune"), count("predict"), count("evaluate")], [2 * 2 * 5, 2 * 2 * 4, 2 * 2 * 4]);
    assert!(!place.path("runs").exists(), "neither a refused run nor a plan writes anything");

    let printed = place.run(RUN).ok_saying("52 jobs done, 0 already done");
    assert_eq!(printed, place.read("runs/tables/study/table.md"));
    assert_has(&printed, &["## Test: VGG-pico", "## Difference from Baseline: VGG-pico"]);
    assert_has(&printed, &["## Tasks: VGG-pico on findings (AUROC)", "L_s = 0", "τ = dissimilar", "(2)"]);
    let mut expected = TABLE_FILES.map(String::from).to_vec();
    for dataset in ["findings", "shapes"] {
        for stem in ["sweep-shallow_layers", "sweep-similarity_threshold", "merges"] {
            expected.extend(["csv", "svg"].map(|ending| format!("VGG-pico/{dataset}/{stem}.{ending}")));
        }
        expected.extend(["kernels", "merged-kernels"].map(|stem| format!("VGG-pico/{dataset}/{stem}.csv")));
    }
    expected.sort();
    assert_eq!(place.files("runs/tables/study"), expected);

    merges_are_recorded(&place);

    assert_eq!(place.run(RUN).ok_saying("0 jobs done, 52 already done"), printed);
    place.run("ff-grid report").ok();
    let expected =
        ["Results per class", ">Baseline, seed 0</h5>", ", seed 0: confusion matrix", "Learning curves"];
    assert_has(&place.read("report.html"), &expected);
    let resolved = place.run("ff-grid run --config runs/tables/study/config.toml");
    assert!(resolved.stderr.contains("0 jobs done"), "the resolved configuration is the same experiment");
}

fn merges_are_recorded(place: &Place) {
    let merged = place.record("finetune", "shapes VGG-pico: InMerge seed 1");
    for epoch in merged["output"]["training"]["history"].as_array().unwrap() {
        let layers = epoch["hooks"]["inmerge"].as_array().unwrap();
        assert_eq!(layers.iter().map(|layer| layer["layer"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4]);
        assert!(layers.iter().all(|layer| layer["merged"].as_u64().unwrap() > 0), "{epoch}");
    }
    let baseline = place.record("finetune", "shapes VGG-pico: Baseline seed 1");
    assert!(baseline["output"]["training"]["history"][0].get("hooks").is_none());
    assert_eq!(baseline["inputs"], merged["inputs"], "both start from the same network");
    for record in [&merged, &baseline] {
        let kernels = record["kernels"].as_array().unwrap();
        assert_eq!(kernels.len(), 4);
        assert!(kernels.iter().all(|layer| layer["stats"]["effective_rank"].as_f64().unwrap() >= 1.0));
    }
    let lines = |name: &str| place.read(&format!("runs/tables/study/VGG-pico/shapes/{name}")).lines().count();
    assert_eq!(lines("kernels.csv"), 1 + 6 * 2 * 4, "six rows, two seeds, four layers");
    let picture = place.read("runs/tables/study/VGG-pico/findings/sweep-shallow_layers.svg");
    assert!(picture.contains("<svg") && picture.contains("Baseline") && picture.contains("Average"));
}

#[test]
fn merged_models_can_be_averaged() {
    let place = Place::new();
    let merging = "\n[inmerge]\nmerge_weight = 0.8\nmerge_probability = 0.9\nsimilarity_threshold = 0.0\n";
    let config = table(SHAPES).replace("[evaluation]", &format!("{merging}\n[evaluation]"));
    place.write("tiny.toml", &config);
    place
        .run("ff-grid run --config tiny.toml")
        .refused(1, &["backbone `pico`: shallow_layers: expected L_s of in-model merging"]);
    place
        .run("ff-grid run --config tiny.toml --set backbone.shallow_layers=3")
        .ok_saying(&format!("{JOBS} jobs done"));
    for (kind, label) in [("finetune", "lr 1e-3 minimal"), ("fgg", "FGG from lr 1e-3")] {
        let record = place.record(kind, label);
        let epoch = &record["output"]["training"]["history"][0];
        assert_eq!(epoch["hooks"]["inmerge"].as_array().unwrap().len(), 4, "of 7 convolutions");
    }
    place.run("ff-soup verify runs/tables/tiny/soup.safetensors runs").ok();
}

/// Writes a file with only the convolutions of a small VGG, whose kernels are equal in pairs.
fn trunk(place: &Place) -> BTreeMap<String, OwnedTensor> {
    let mut layers = BTreeMap::new();
    for (name, shape) in ff_models::Architecture::VGG_PICO.convolutions() {
        let shape = shape.map(|size| size as usize);
        let length: usize = shape[1..].iter().product();
        let value = |at: usize| (((at / length / 2 * 31 + at % length * 17) % 23) as f32 - 11.0) / 50.0;
        let values: Vec<f32> = (0..shape[0] * length).map(value).collect();
        layers.insert(name, OwnedTensor::f32(shape, &values));
    }
    StateDict::from_tensors(layers.clone()).save(place.path("trunk.safetensors"), None).unwrap();
    layers
}

#[test]
fn weight_files_are_merged_and_inspected() {
    let place = Place::new();
    let before = trunk(&place);
    let common = "--arch vgg_pico --weights trunk.safetensors";
    let text = place.run(&format!("ff-inmerge similarity {common}")).ok();
    assert!(text.contains("features.8.weight") && text.contains("100.00 %"), "{text}");
    let json = place.json_of(&format!("ff-inmerge similarity {common} --similarity-threshold 0.99 --json"));
    let layer = &json["layers"][3];
    assert_eq!((&layer["layer"], &layer["name"]), (&4.into(), &"features.8.weight".into()));
    assert_eq!(layer["redundancy"]["duplicate_share"], 1.0);
    let histogram = layer["similarities"]["histogram"].as_array().unwrap();
    let pairs: u64 = histogram.iter().map(|bin| bin.as_u64().unwrap()).sum();
    assert_eq!((histogram.len(), pairs), (20, 64 * 63 / 2));

    let merge =
        format!("ff-inmerge merge {common} --shallow-layers 2 --merge-probability 1 --iterations 3 --seed 7");
    let json = place.json_of(&format!("{merge} --output a.safetensors --json"));
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(
        layers.iter().map(|layer| layer["merges"]["compared"].as_u64().unwrap()).collect::<Vec<_>>(),
        [192, 192]
    );
    assert!(layers.iter().all(|layer| layer["merges"]["merged"].as_u64().unwrap() > 0), "{json}");
    place.run(&format!("{merge} --output b.safetensors")).ok();
    let [a, b] = ["a", "b"].map(|name| StateDict::open(place.path(&format!("{name}.safetensors"))).unwrap());
    assert_eq!(a.digest(), b.digest(), "equal seeds give equal merges");
    for (name, tensor) in a.iter() {
        let deep = ["features.6.weight", "features.8.weight"].contains(&name);
        assert_eq!(tensor.to_owned() != before[name], deep, "{name}");
    }
    assert_eq!(a.provenance().unwrap().kind, "merge");

    // With α = 1 a file of any type does not change.
    for dtype in [Dtype::F32, Dtype::F64, Dtype::BF16] {
        let typed = before.iter().map(|(name, tensor)| {
            let values: Vec<f64> =
                (0..tensor.shape.iter().product()).map(|at| (at as f64 * 0.1).sin()).collect();
            (name.clone(), OwnedTensor::rounded(dtype, &tensor.shape, &values))
        });
        let genuine = StateDict::from_tensors(typed.collect());
        genuine.save(place.path("trunk.safetensors"), None).unwrap();
        place.run(&format!("{merge} --merge-weight 1 --output c.safetensors")).ok();
        assert_eq!(
            StateDict::open(place.path("c.safetensors")).unwrap().digest(),
            genuine.digest(),
            "{dtype}"
        );
    }
}

#[test]
fn a_merged_file_keeps_its_model_and_data() {
    let place = Place::new();
    place.write("study.toml", EXPERIMENT);
    place.run(&format!("{RUN} --set seeds=[0] --set sweep=[]")).ok();
    let kept = place.job("finetune", "shapes VGG-pico: Baseline").join("kept.safetensors");
    let merge = "ff-inmerge merge --arch vgg_pico --shallow-layers 2 --similarity-threshold 0 --output merged.safetensors";
    place.run(&format!("{merge} --weights {}", kept.display())).ok();
    let [before, after] =
        [kept, place.path("merged.safetensors")].map(|file| StateDict::open(&file).unwrap());
    let [from, to] = [&before, &after].map(|weights| weights.provenance().unwrap());
    for key in ["model", "fields", "data"] {
        assert!(from.recipe.get(key).is_some() && from.recipe[key] == to.recipe[key], "{key}");
    }
    assert_eq!((&from.data, to.parents[0].digest), (&to.data, *before.digest()));
}

#[test]
fn a_diverging_seed_is_named_and_the_experiment_continues() {
    let place = Place::new();
    place.write("study.toml", &EXPERIMENT.replace("lr = 0.02", "lr = 1e30"));
    let printed = place.run(RUN).ok_saying("skipped, since its run diverged");
    assert!(printed.contains("seed 0 diverged; seed 1 diverged"), "{printed}");
    assert!(place.run(RUN).stderr.contains("0 jobs done"), "and it is not run again");
}

#[test]
fn files_that_cannot_be_merged_are_refused() {
    let place = Place::new();
    let mut layers = trunk(&place);
    layers.remove("features.6.weight");
    StateDict::from_tensors(layers).save(place.path("hole.safetensors"), None).unwrap();
    place.write("text.safetensors", "not weights");
    for (line, expected) in [
        (
            "--arch vgg_pico --weights trunk.safetensors --shallow-layers 4",
            "the network's 4 convolutions, found 4",
        ),
        (
            "--arch vgg_pico --weights trunk.safetensors --shallow-layers 1 --merge-probability 1.5",
            "merge_probability: expected a number in [0, 1], found 1.5",
        ),
        (
            "--arch vgg_pico --weights trunk.safetensors --shallow-layers 1 --merge-weight -1",
            "merge_weight: expected a number in [0, 1], found -1",
        ),
        (
            "--arch vgg_pico --weights trunk.safetensors --shallow-layers 1 --similarity-threshold 2",
            "similarity_threshold: expected a number in [-1, 1], found 2",
        ),
        ("--arch deit_pico_patch4 --weights trunk.safetensors --shallow-layers 0", "no convolutions"),
        (
            "--arch vgg16 --weights trunk.safetensors --shallow-layers 10",
            "`features.0.weight`: expected a convolution",
        ),
        ("--arch vgg_pico --weights hole.safetensors --shallow-layers 1", "`features.6.weight`"),
        ("--arch vgg_pico --weights text.safetensors --shallow-layers 1", "text.safetensors"),
        ("--arch vgg_pico --weights gone.safetensors --shallow-layers 1", "gone.safetensors"),
    ] {
        place.run(&format!("ff-inmerge merge {line} --output out.safetensors")).refused(1, &[expected]);
        assert!(!place.path("out.safetensors").exists(), "{line}");
    }
    place
        .run("ff-inmerge similarity --arch vgg_pico --weights trunk.safetensors --similarity-threshold 3")
        .refused(1, &["similarity_threshold"]);
}
