//! `ff-models`: comparisons of a device with the CPU, and the speed of a step.

use serde_json::{Value, json};

use crate::place::{Place, assert_has};

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
        ("--optimizer sgd", json!("sgd"), false),
        ("--evaluate", Value::Null, true),
    ] {
        let found = place.json_of(&format!("{bench} {options} --json"));
        assert_eq!((&found["optimizer"], &found["evaluate"]), (&optimizer, &json!(evaluate)), "{found}");
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
