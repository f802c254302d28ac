//! `ff-models`: the architectures, what files are, logits of weights of many forms, comparisons of a
//! device with the CPU, and the speed of a step.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, Parent, Provenance, StateDict};
use ff_models::{Architecture, Model, Spec, tch::Device};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::place::{PROBE, Place, assert_has};

/// Writes weights of the smallest ResNet with 3 outputs under the names that `name` gives; without
/// a name, a tensor is left out.
fn write(place: &Place, file: &str, name: impl Fn(&str) -> Option<String>) {
    let own = Model::new(&Spec::new(Architecture::RESNET_PICO, 3), Device::Cpu, 5).unwrap().state_dict();
    let tensors = own.into_iter().filter_map(|(own, tensor)| Some((name(&own)?, tensor)));
    let path = place.path(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    StateDict::from_tensors(tensors.collect()).save(path, None).unwrap();
}

#[test]
fn the_list_has_every_architecture() {
    let place = Place::new();
    let listed = place.json_of("ff-models list --json");
    let listed = listed.as_array().unwrap();
    let names = listed.iter().map(|one| one["name"].as_str().unwrap());
    assert!(names.eq(Architecture::names()));
    let of = |name: &str| listed.iter().find(|one| one["name"] == name).unwrap();
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let expected = json!({"name": "resnet50", "timm": "resnet50", "image_size": 224,
        "image_sizes": {"at_least": 1}, "normalisation": {"mean": mean, "std": std}, "outputs": 1000,
        "weights": 25_557_032, "multiply_adds": 4_089_184_256u64, "batch_norm": true,
        "published": "timm/resnet50.a1_in1k"});
    assert_eq!(of("resnet50"), &expected);
    let small = of("deit_pico_patch4");
    assert_eq!((&small["timm"], &small["published"]), (&Value::Null, &Value::Null));
    assert_eq!(small["image_sizes"], json!({"multiple_of": 4}));

    let table = place.run("ff-models list").ok();
    assert_has(
        &table,
        &[
            "resnet50                224 (≥1)    25.6 M   4.09 G  BN  timm/resnet50.a1_in1k\n",
            "deit_pico_patch4        32 (×4) ",
            "but for\n    resnet_pico, resnet_nano, deit_pico_patch4, vgg_pico,\n    vgg16_quarter, vgg16_trunk\n",
            "normalisation of all: mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]\n",
        ],
    );
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

#[test]
fn logits_do_not_depend_on_the_form_of_the_weights() {
    let place = Place::new();
    let values: Vec<f32> = (0..2 * 3 * 16 * 16).map(|at| (at % 13) as f32 / 6.0 - 1.0).collect();
    let input = OwnedTensor::f32([2, 3, 16, 16], &values);
    let input = StateDict::from_tensors(BTreeMap::from([("input".to_owned(), input)]));
    input.save(place.path("x.safetensors"), None).unwrap();
    let own = |name: &str| Some(name.to_owned());
    write(&place, "plain.safetensors", own);
    write(&place, "prefixed.pth", |name| Some(format!("model._orig_mod.{name}")));
    write(&place, "folder/model.safetensors", own);
    place.write("folder/config.json", r#"{"architecture": "resnet_pico", "num_classes": 3}"#);
    let logits = |options: &str| {
        let ran = place.run(&format!("ff-models logits {options} --input x.safetensors --output y"));
        (ran, std::fs::read(place.path("y")).unwrap_or_default())
    };
    let (ran, expected) = logits("--arch resnet_pico --weights plain.safetensors");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for (options, said) in [
        ("--arch resnet_pico --weights prefixed.pth", "prefix `model._orig_mod.` taken off the names"),
        ("--arch resnet_pico --weights folder", ""),
        ("--weights folder", ""),
        ("--weights folder/model.safetensors", ""),
    ] {
        let (ran, found) = logits(options);
        ran.ok_saying(said);
        assert!(found == expected, "{options}");
    }

    std::fs::remove_file(place.path("y")).unwrap();
    write(&place, "headless.safetensors", |name| (!name.starts_with("fc.")).then(|| name.to_owned()));
    write(&place, "other/model.safetensors", own);
    place.write("other/config.json", r#"{"architecture": "resnet18", "num_classes": 1000}"#);
    write(&place, "classes/model.safetensors", own);
    place.write("classes/config.json", r#"{"architecture": "resnet_pico", "num_classes": 4}"#);
    write(&place, "unknown/model.safetensors", own);
    place.write("unknown/config.json", r#"{"architecture": "resnet26", "num_classes": 3}"#);
    for (options, expected) in [
        (
            "--arch resnet_pico --weights headless.safetensors",
            [
                "headless.safetensors: expected a classifier, found no tensor `fc.weight`",
                "hint: use weights with",
            ],
        ),
        (
            "--arch resnet_pico --weights other",
            ["other/config.json: expected architecture resnet_pico, found `resnet18`", "hint: choose"],
        ),
        (
            "--weights classes",
            ["classes: expected 4 classes, as config.json beside it says, found 3", "hint:"],
        ),
        ("--weights unknown", ["unknown/config.json: expected one of resnet_pico, ", "`resnet26`"]),
        (
            "--weights plain.safetensors",
            ["--arch: expected the architecture of plain.safetensors", "hint: give it"],
        ),
    ] {
        let (ran, _) = logits(options);
        ran.refused(1, &expected);
        assert!(!place.path("y").exists(), "{options}");
    }
    // timm's name of another network may be of the same tensors.
    logits("--arch resnet_pico --weights unknown").0.ok();
    let merged = "--weights prefixed.pth --shallow-layers 2 --output merged.safetensors";
    place.run(&format!("ff-inmerge merge --arch resnet_pico {merged}")).ok();
    let merged = StateDict::open(place.path("merged.safetensors")).unwrap();
    assert!(merged.names().all(|name| name.starts_with("model._orig_mod.")));
}

#[test]
fn training_starts_from_files_and_folders_and_says_what_is_new() {
    let place = Place::new();
    place.images("data/cells", &["a", "b"], 20);
    place.write("probe.toml", PROBE);
    // `dir/model.pth` and `dir/folder` have the form of an id of the hub.
    let backbone = |name: &str| (!name.starts_with("fc.")).then(|| format!("backbone.{name}"));
    write(&place, "dir/model.pth", backbone);
    write(&place, "dir/folder/model.safetensors", |name| Some(name.to_owned()));
    let train = |name: &str, weights: &str| {
        place.run(&format!(
            "ff-train finetune --config probe.toml --set name={name} --set model.weights={weights}"
        ))
    };
    train("headless", "dir/model.pth").ok_saying(
        "dir/model.pth: weights loaded, but the classifier is new (the file has none), prefix `backbone.` taken off",
    );
    let ran = train("whole", "dir/folder");
    assert!(!ran.stderr.contains("weights loaded"), "{}", ran.stderr);
    ran.ok();
    train("gone", "dir/gone.pth").refused(1, &["dir/gone.pth"]);
    train("hub", "dir/gone").refused(1, &["dir/gone", "Hugging Face"]);
    place.write("dir/folder/config.json", r#"{"architecture": "resnet18"}"#);
    train("other", "dir/folder").refused(1, &["dir/folder/config.json: expected architecture resnet_pico"]);
}

/// Puts a file of weights into the cache of the Hugging Face hub as its Python library does, and
/// returns the paths of its content and of the link to it.
fn put_in_cache(place: &Place, id: &str, file: &str) -> [String; 2] {
    let content = std::fs::read(place.path(file)).unwrap();
    let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = format!("hf-home/hub/models--{}", id.replace('/', "--"));
    let [blob, link] =
        [format!("{folder}/blobs/{sha256}"), format!("{folder}/snapshots/c0ffee/model.safetensors")];
    place.write(&format!("{folder}/refs/main"), "c0ffee");
    for path in [&blob, &link] {
        std::fs::create_dir_all(place.path(path).parent().unwrap()).unwrap();
    }
    std::fs::write(place.path(&blob), content).unwrap();
    std::os::unix::fs::symlink(format!("../../blobs/{sha256}"), place.path(&link)).unwrap();
    [blob, link]
}

#[test]
fn training_refuses_a_damaged_file_in_the_cache_of_the_hub() {
    let place = Place::new();
    place.images("data/cells", &["a", "b"], 20);
    place.write("probe.toml", PROBE);
    write(&place, "net.safetensors", |name| Some(name.to_owned()));
    let [blob, _] = put_in_cache(&place, "own/net", "net.safetensors");
    let train = |name: &str| {
        let weights = "--set model.weights=own/net";
        place.run(&format!("ff-train finetune --config probe.toml --set name={name} {weights}"))
    };
    train("whole").ok();
    // Its length and modification time are noted.
    let sha256 = blob.rsplit('/').next().unwrap();
    train("again").ok();
    assert_eq!(place.files("runs/cache/hub"), [sha256]);
    let mut content = std::fs::read(place.path(&blob)).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(place.path(&blob), content).unwrap();
    train("damaged").refused(
        1,
        &[
            &format!("{sha256}: expected SHA-256 {sha256}, found SHA-256 "),
            "hint: the file is damaged: delete it",
        ],
    );
}

/// The folder of files of other programs, which tests/golden/weights/make.py made.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/weights");

#[test]
fn info_says_how_a_model_was_made() {
    let place = Place::new();
    let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, 3) };
    let model = Model::new(&spec, Device::Cpu, 5).unwrap();
    let weights = StateDict::from_tensors(model.state_dict());
    let data = json!({"digest": "abcdef0123456789", "split": "0123456789abcdef"});
    let before = json!({"digest": "fe", "split": "01"});
    let recipe =
        json!({"model": spec, "classes": ["cat", "dog", "owl"], "data": data, "trained_on": [before]});
    let parents = ["a", "b"].map(|id| Parent { weight: Some(0.5), ..weights.as_parent(id) });
    let made = Provenance { parents: parents.to_vec(), ..Provenance::new("soup", recipe) };
    weights.save(place.path("own.safetensors"), Some(&made)).unwrap();

    let found = place.json_of("ff-models info own.safetensors --json")[0].clone();
    let size = std::fs::metadata(place.path("own.safetensors")).unwrap().len();
    assert_eq!((&found["file"], &found["bytes"]), (&json!("own.safetensors"), &json!(size)));
    assert_eq!((&found["form"], &found["files"]), (&json!("safetensors"), &json!(1)));
    assert_eq!(found["digest"], weights.digest().to_string());
    let counters = weights.names().filter(|name| name.ends_with("num_batches_tracked")).count();
    assert_eq!(found["types"], json!({"F32": weights.len() - counters, "I64": counters}));
    assert_eq!((&found["not_finite"], &found["unknown"]), (&Value::Null, &Value::Null));
    let cost = spec.cost().unwrap();
    let network = &found["network"];
    assert_eq!((&network["architecture"], &network["outputs"]), (&json!("resnet_pico"), &json!(3)));
    assert_eq!(
        (&network["weights"], &network["multiply_adds"]),
        (&json!(cost.weights), &json!(cost.multiply_adds))
    );
    assert_eq!((&network["classes"], &network["image_size"]), (&json!(["cat", "dog", "owl"]), &json!(16)));
    assert_eq!(
        (&found["provenance"]["kind"], &found["trained_on"]),
        (&json!("soup"), &json!([data, before]))
    );

    let text = place.run("ff-models info own.safetensors").ok();
    let expected = [
        "own.safetensors\n  form        safetensors, ",
        "network     resnet_pico, told by ",
        "outputs     3: cat, dog, owl (told by ",
        "images      16 px; mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]\n",
        "made as     soup, by version ",
        "made from   a (0.500), b (0.500)\n",
        "  selected on data abcdef012345, split 0123456789ab\n",
        "  trained on  data fe, split 01\n",
    ];
    assert_has(&text, &expected);
}

#[test]
fn info_lists_tensors_of_other_networks_and_refuses_other_files() {
    let place = Place::new();
    let text = place.run(&format!("ff-models info {GOLDEN}/legacy.pth {GOLDEN}/sharded")).ok();
    let expected =
        ["form        PyTorch before 1.6, ", "form        safetensors, 3 shards, ", "network     unknown: "];
    assert_has(&text, &expected);
    let ema = place.run(&format!("ff-models info {GOLDEN}/training.pth.tar")).ok();
    assert_has(&ema, &["note        also holds state_dict_ema, not used\n"]);
    let average = format!("ff-soup average --output mean {GOLDEN}/training.pth.tar {GOLDEN}/bare.pth");
    place.run(&average).ok_saying("note: 1 of 2 files: also holds state_dict_ema, not used\n");
    let found = place.json_of(&format!("ff-models info {GOLDEN}/timm.pth.tar --json"))[0].clone();
    let weights = StateDict::open(format!("{GOLDEN}/timm.pth.tar")).unwrap();
    assert_eq!(found["saved_with"], Value::Object(weights.saved_with().clone()));
    let (first, last) = (weights.names().next().unwrap(), weights.names().last().unwrap());
    for name in [first, last] {
        assert_has(&text, &[&format!(" {name}: F32 [")]);
    }
    assert_eq!(found["unknown"]["tensors"][0][0], first);
    let many = (10..22).map(|number| (format!("t{number}"), OwnedTensor::f32([1], &[0.0])));
    StateDict::from_tensors(many.collect()).save(place.path("many"), None).unwrap();
    let between = format!("t13: F32 [1]\n{0}…\n{0}t18: F32 [1]\n", " ".repeat(14));
    assert_has(&place.run("ff-models info many").ok(), &[&between]);

    let spec = Spec::new(Architecture::RESNET_PICO, 3);
    let mut tensors = Model::new(&spec, Device::Cpu, 5).unwrap().state_dict();
    tensors.insert("fc.bias".to_owned(), OwnedTensor::f32([3], &[0.0, f32::NAN, 0.0]));
    StateDict::from_tensors(tensors).save(place.path("broken.safetensors"), None).unwrap();
    let text = place.run("ff-models info broken.safetensors").ok();
    assert_has(&text, &["not finite  a value of `fc.bias`", " (not recorded: that of resnet_pico)\n"]);

    place.write("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n");
    let run = format!("ff-models info {GOLDEN}/system.pth broken.safetensors pointer.safetensors");
    let ran = place.run(&run);
    assert!(
        ran.stdout.starts_with("broken.safetensors\n") && !ran.stdout.contains("pointer"),
        "{}",
        ran.stdout
    );
    ran.refused(
        1,
        &["system.pth: ", "system", "pointer.safetensors: ", "a Git LFS pointer", "hint: run `git lfs pull`"],
    );
}

#[test]
fn info_says_that_a_network_has_no_classifier() {
    let place = Place::new();
    write(&place, "headless.safetensors", |name| (!name.starts_with("fc.")).then(|| name.to_owned()));
    for (arch, expected) in
        [("", "a known architecture"), ("--arch resnet_pico", "resnet_pico, as --arch says")]
    {
        let text = place.run(&format!("ff-models info headless.safetensors {arch}")).ok();
        let network = format!("network     unknown: headless.safetensors: expected weights of {expected}, ");
        let found = "found those of resnet_pico without its classifier: `fc.weight` is missing, ";
        assert_has(
            &text,
            &[&network, found, "hint: the weights have no classifier `fc` for resnet_pico: train"],
        );
    }
}

#[test]
fn info_checks_a_file_in_the_cache_of_the_hub() {
    let place = Place::new();
    write(&place, "net.safetensors", |name| Some(name.to_owned()));
    let [blob, link] = put_in_cache(&place, "own/net", "net.safetensors");
    let sha256 = blob.rsplit('/').next().unwrap();
    let folder = link.strip_suffix("/model.safetensors").unwrap();
    for path in [&*link, folder] {
        let text = place.run(&format!("ff-models info {path}")).ok();
        assert_has(&text, &[&format!("hub         SHA-256 {sha256}, as the Hugging Face hub says\n")]);
    }
    // The content no longer opens, which says less than its checksum.
    std::fs::write(place.path(&blob), "<html>").unwrap();
    let ran = place.run(&format!("ff-models info {link}"));
    assert_eq!(ran.stdout, "");
    ran.refused(
        1,
        &[&format!("{sha256}: expected SHA-256 {sha256}, found SHA-256 "), "hint: the file is damaged"],
    );
}

#[test]
fn the_cpu_passes_every_check() {
    let place = Place::new();
    let networks = "--arch resnet_pico --arch vgg_pico --arch deit_pico_patch4";
    let line = format!("ff-models check --device cpu {networks} --steps 3");
    let ran = place.run(&format!("{line} --json"));
    // One line for each check.
    assert_has(&ran.stderr, &["resnet_pico: logits, fp32: ", "vgg_pico: dropout: ", "ok\n"]);
    let found = ran.json();
    assert_eq!(found["device"], "cpu");
    let checks = found["checks"].as_array().unwrap();
    let names = |arch: &str| {
        let of_arch = checks.iter().filter(|check| check["arch"] == arch);
        of_arch.map(|check| check["check"].as_str().unwrap()).collect::<Vec<_>>()
    };
    let logits = ["logits"; 3];
    let training = ["losses-adamw", "last-loss-adamw", "losses-sgd", "last-loss-sgd"];
    assert_eq!(names("resnet_pico"), [&logits[..], &training].concat());
    assert_eq!(names("vgg_pico"), [&logits[..], &training, &["dropout"]].concat());
    assert_eq!(names("deit_pico_patch4"), [&logits[..], &training].concat());
    for check in checks {
        assert_eq!(check["ok"], true, "{check}");
        let is_bf16 = check["precision"] == "bf16";
        assert_eq!(check["difference"].as_f64().unwrap() > 0.0, is_bf16, "{check}");
    }
    let precisions: Vec<&Value> = checks[..3].iter().map(|check| &check["precision"]).collect();
    assert_eq!(json!(precisions), json!(["fp32", "tf32", "bf16"]));

    let table = place.run("ff-models check --device cpu --arch vgg_pico --precision fp32 --steps 1").ok();
    assert_has(&table, &["difference", "vgg_pico", "mask of 256 × 4096 elements", "loss of step 1"]);
    assert_eq!(table.lines().count(), 1 + 1 + 4 + 1, "{table}");
}

#[test]
fn wrong_options_of_a_check_are_refused() {
    let place = Place::new();
    let refused = |options: &str, code, expected: &[&str]| {
        let ran = place.run(&format!("ff-models check --device cpu {options}"));
        assert_eq!(ran.stdout, "", "{options}");
        ran.refused(code, expected);
    };
    refused("--arch resnet51", 2, &["resnet51", "resnet50"]);
    refused("--arch vgg16 --arch vgg16", 2, &["--arch", "found vgg16 again"]);
    refused("--precision fp16", 2, &["fp16", "bf16"]);
    refused("--precision bf16 --precision bf16", 2, &["--precision", "found bf16 again"]);
    refused("--batch 1", 2, &["--batch", "1"]);
    refused("--steps 0", 2, &["--steps", "0"]);
    let patches = "--arch resnet_pico --arch deit_tiny_patch16_224 --image-size 65";
    refused(patches, 1, &["deit_tiny_patch16_224", "a multiple of 16 px, found 65 px"]);
}

#[test]
fn bench_measures_training_and_evaluation() {
    let place = Place::new();
    let bench = "ff-models bench --arch resnet_pico --image-size 16 --batch 2 --iters 3 --warmup 1";
    for (options, optimizer, evaluate) in [
        ("", json!("adamw"), false),
        ("--ema", json!("adamw"), false),
        ("--optimizer sgd", json!("sgd"), false),
        ("--evaluate", Value::Null, true),
    ] {
        let found = place.json_of(&format!("{bench} {options} --json"));
        assert_eq!((&found["optimizer"], &found["evaluate"]), (&optimizer, &json!(evaluate)), "{found}");
        assert_eq!(found["ema"], options == "--ema");
        assert_eq!((&found["arch"], &found["batch"]), (&json!("resnet_pico"), &json!(2)), "{found}");
        assert_eq!((&found["image_size"], &found["precision"]), (&json!(16), &json!("fp32")), "{found}");
        let [rate, milliseconds] = ["images_per_s", "ms_per_step"].map(|key| found[key].as_f64().unwrap());
        assert!((rate * milliseconds / 1000.0 - 2.0).abs() < 1e-9, "{found}");
    }
    assert_has(&place.run(&format!("{bench} --evaluate")).ok(), &["forward pass", "images/s", "median step"]);
    place.run(&format!("{bench} --evaluate --optimizer sgd")).refused(2, &["--evaluate", "--optimizer"]);
    place.run(&format!("{bench} --optimizer adam")).refused(2, &["adam", "adamw, sgd"]);
}

#[test]
fn a_batch_that_exceeds_the_memory_is_an_error() {
    let place = Place::new();
    // 768 TB of images: more than the addresses of a process.
    let batch = 1_000_000_000_000u64;
    let stderr =
        place.run(&format!("ff-models bench --arch resnet_pico --image-size 16 --batch {batch}")).refused(
            1,
            &[&format!("batch {batch} of resnet_pico at 16 px does not fit into the memory"), "hint: "],
        );
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
}
