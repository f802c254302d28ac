//! A trained model in use: predictions of unlabelled images, calibration, thresholds, explanations
//! and ONNX.

use std::collections::BTreeMap;
use std::process::Command;

use ff_checkpoint::serde_json::{Value, from_str, json};
use ff_checkpoint::{Provenance, StateDict};
use ff_models::tch::Device;
use ff_models::{Architecture, Model, Spec};

use crate::place::{Place, Ran, assert_has, binary};

const CLASSES: [&str; 3] = ["a", "b", "c"];

/// Makes a model that records what it is, and images of three classes in `data/cells`.
fn place() -> Place {
    let place = Place::new();
    place.images("data/cells", &CLASSES, 12);
    save(&place, "model.safetensors", Architecture::RESNET_PICO, "multiclass");
    place
}

fn save(place: &Place, file: &str, architecture: Architecture, task: &str) {
    save_seed(place, file, architecture, task, 3);
}

fn save_seed(place: &Place, file: &str, architecture: Architecture, task: &str, seed: u64) {
    let side = if architecture == Architecture::DEIT_PICO { 32 } else { 16 };
    let spec = Spec { image_size: side, ..Spec::new(architecture, 3) };
    let tensors = Model::new(&spec, Device::Cpu, seed).unwrap().state_dict();
    let recipe = json!({ "model": spec, "classes": CLASSES, "task": task });
    StateDict::from_tensors(tensors)
        .save(place.path(file), Some(&Provenance::new("finetune", recipe)))
        .unwrap();
}

const PREDICT: &str =
    "ff-models predict --model model.safetensors --images data/cells --batch 5 --output out.csv";

/// Runs a command of `sh` in the folder, with the path of a binary as `$0`.
fn shell(place: &Place, program: &str, script: &str) -> Ran {
    Ran::of(Command::new("sh").args(["-c", script, binary(program)]).current_dir(place.path("")))
}

/// The rows of a file of predictions, by column.
fn rows_of(place: &Place, file: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(place.path(file)).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn images_without_labels_are_predicted() {
    let place = place();
    place.write("data/cells/b/broken.png", "not an image");
    let ran = place.run(PREDICT);
    assert_has(
        &ran.stderr,
        &["warning: ", "broken.png", "out.csv: 37 images in ", " images/s); 1 cannot be read"],
    );
    ran.ok();
    let found = rows_of(&place, "out.csv");
    assert_eq!(found.len(), 37);
    let (broken, good): (Vec<_>, Vec<_>) = found.iter().partition(|row| row["path"].ends_with("broken.png"));
    assert!(broken[0]["error"].contains("expected a JPEG, PNG"), "{broken:?}");
    assert_eq!(broken[0]["prediction"], "");
    for row in &good {
        let probability = |class: &str| row[&format!("probability_{class}")].parse::<f64>().unwrap();
        let all = CLASSES.map(probability);
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{row:?}");
        let highest = (0..3).max_by(|&a, &b| all[a].total_cmp(&all[b])).unwrap();
        assert_eq!((row["prediction"].as_str(), row["error"].as_str()), (CLASSES[highest], ""), "{row:?}");
    }
    // A table of the same images, JSON lines, and a folder of weights as timm has it.
    place.write(
        "list.csv",
        &format!("id,path\n{}", good.iter().map(|row| format!("1,{}\n", row["path"])).collect::<String>()),
    );
    place.run(&PREDICT.replace("data/cells", "list.csv").replace("out.csv", "out.jsonl")).ok();
    let lines: Vec<Value> = place.read("out.jsonl").lines().map(|line| from_str(line).unwrap()).collect();
    for (line, row) in lines.iter().zip(&good) {
        assert_eq!(line["path"], row["path"].as_str());
        assert_eq!(line["prediction"], row["prediction"].as_str());
        let b = row["probability_b"].parse::<f64>().unwrap();
        assert!((line["probabilities"]["b"].as_f64().unwrap() - b).abs() < 1e-5, "{line} {row:?}");
    }
    assert!(place.read("out.jsonl").starts_with(r#"{"path":"data/cells/a/"#));
    std::fs::create_dir(place.path("folder")).unwrap();
    std::fs::copy(place.path("model.safetensors"), place.path("folder/model.safetensors")).unwrap();
    place.run(&PREDICT.replace("model.safetensors", "folder").replace("out.csv", "again.csv")).ok();
    assert_eq!(place.read("again.csv"), place.read("out.csv"));
    // The same rows on stdout.
    let printed = place.run(&PREDICT.replace("out.csv", "-")).ok();
    assert_eq!(printed, place.read("out.csv"));
}

#[test]
fn an_interrupted_prediction_resumes_with_whole_rows() {
    let place = place();
    place.run(PREDICT).ok();
    let whole = place.read("out.csv");
    std::fs::remove_file(place.path("out.csv")).unwrap();
    let words = PREDICT.split_once(' ').unwrap().1;
    // The system ends the process when its file is larger than a block.
    let killed = shell(&place, "ff-models", &format!("ulimit -f 1; \"$0\" {words}"));
    assert!(killed.code > 128, "{killed:?}");
    let partial = place.files("").into_iter().find(|file| file.ends_with(".partial")).expect("rows are kept");
    assert!(partial.starts_with("out.csv."), "{partial}");
    let kept = place.read(&partial);
    assert!(whole.starts_with(&kept) && kept.len() < whole.len());
    // A write that fails leaves whole rows and says so.
    let refused = shell(&place, "ff-models", &format!("trap '' XFSZ; ulimit -f 1; exec \"$0\" {words}"));
    refused.refused(1, &["cannot be written: ", "hint: ", "the same command appends the others"]);
    assert!(place.read(&partial).ends_with('\n'));
    // Rows of other images are not thrown away.
    std::fs::copy(place.path("data/cells/a/a00.png"), place.path("data/cells/a/a.png")).unwrap();
    place
        .run(PREDICT)
        .refused(1, &["expected the rows of these images, found those of others from row 1 on"]);
    std::fs::remove_file(place.path("data/cells/a/a.png")).unwrap();
    let resumed = place.run(&format!("{PREDICT} --json")).json();
    assert_eq!(resumed["images"], 36);
    let kept = resumed["resumed"].as_u64().unwrap();
    assert!(kept >= 5 && kept.is_multiple_of(5), "{resumed}");
    assert_eq!(place.read("out.csv"), whole);
    assert!(!place.path(&partial).exists());
    // Rows of other weights are not continued.
    std::fs::rename(place.path("out.csv"), place.path(&partial)).unwrap();
    let weights = StateDict::open(place.path("model.safetensors")).unwrap();
    let made = weights.provenance().unwrap().clone();
    let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, 3) };
    let others = Model::new(&spec, Device::Cpu, 4).unwrap().state_dict();
    StateDict::from_tensors(others).save(place.path("model.safetensors"), Some(&made)).unwrap();
    assert_eq!(place.run(&format!("{PREDICT} --json")).json()["resumed"], 0);
    // The first model's rows are still there.
    assert!(place.path(&partial).exists());
}

#[test]
fn labelled_images_are_an_external_test() {
    let place = place();
    let table = |rows: &str| place.write("labels.csv", &format!("path,label,group,sex\n{rows}"));
    let all: Vec<(String, &str)> = CLASSES
        .iter()
        .flat_map(|class| {
            place.files(&format!("data/cells/{class}")).into_iter().map(move |file| (file, *class))
        })
        .collect();
    let line = |(at, (file, class)): (usize, &(String, &str))| {
        format!("data/cells/{class}/{file},{class},p{},{}\n", at / 2, if at % 2 == 0 { "f" } else { "m" })
    };
    table(&all.iter().enumerate().map(line).collect::<String>());
    let line = "ff-models predict --model model.safetensors --labels labels.csv --by sex --output external.csv --json";
    let external = place.run(line).json();
    let scores = &external["scores"];
    assert_eq!((&scores["samples"], &scores["groups"]), (&json!(36), &json!(18)));
    assert!(scores["scores"][0]["value"].is_number(), "{scores}");
    assert_eq!(scores["subgroups"][0]["rows"][1]["value"], "m");
    // The file is one that ff-eval reads.
    let again =
        place.json_of("ff-eval score --predictions external.csv --model model.safetensors --by sex --json");
    assert_eq!(again["scores"], scores["scores"]);
    assert_eq!(again["subgroups"], scores["subgroups"]);
    // The folders have the same labels, and no patients.
    let folders = "ff-models predict --model model.safetensors --images data/cells --class-folders --output f.csv --json";
    let folders = place.run(folders).json();
    assert_eq!(folders["scores"]["scores"][0]["value"], scores["scores"][0]["value"]);
    assert_eq!(folders["scores"]["groups"], Value::Null);

    // Calibration and thresholds go into the model, and out into rows and scores.
    let calibrate = "ff-models calibrate --model model.safetensors --predictions external.csv \
                     --operating-point sensitivity=0.9 --of b --output calibrated.safetensors --json";
    let decision = place.run(calibrate).json();
    let temperature = decision["calibrator"]["temperature"].as_f64().unwrap();
    let threshold = decision["points"][0]["threshold"].as_f64().unwrap();
    assert!(decision["points"][0]["sensitivity"].as_f64().unwrap() >= 0.9);
    let line = "ff-models predict --model calibrated.safetensors --labels labels.csv --output c.csv --json";
    let scored = place.run(line).json()["scores"].clone();
    assert_eq!(
        scored["operating_points"][0]["score"]["sensitivity"]["value"],
        decision["points"][0]["sensitivity"]
    );
    assert_ne!(scored["calibration"], scored["calibrated"]);
    for row in rows_of(&place, "c.csv") {
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        let powers: Vec<f64> =
            (0..3).map(|at| (number(&format!("logit_{at}")) / temperature).exp()).collect();
        let probability = powers[1] / powers.iter().sum::<f64>();
        assert!((number("probability_b") - probability).abs() < 1e-5, "{row:?}");
        assert_eq!(row["decision_b"] == "1", number("probability_b") >= threshold, "{row:?}");
    }
    let compared = place.run("ff-eval compare external.csv c.csv").ok();
    assert_has(
        &compared,
        &["accuracy", "+0.0000  [+0.0000, +0.0000]  no difference shown", "DeLong, output 0: "],
    );
    save_seed(&place, "other.safetensors", Architecture::RESNET_PICO, "multiclass", 4);
    let line = "ff-models predict --model other.safetensors --labels labels.csv --output o.csv";
    place.run(line).ok();
    let forth = place.json_of("ff-eval compare external.csv o.csv --json")["metrics"][0].clone();
    let back = place.json_of("ff-eval compare o.csv external.csv --json")["metrics"][0].clone();
    let number = |of: &Value| of.as_f64().unwrap();
    assert_eq!((&forth["baseline"], &forth["other"]), (&back["other"], &back["baseline"]));
    let gain = number(&forth["other"]) - number(&forth["baseline"]);
    assert!((number(&forth["difference"]["value"]) - gain).abs() < 1e-12 && gain != 0.0, "{forth}");
    assert!((number(&back["difference"]["value"]) + gain).abs() < 1e-12, "{back}");
    place.write("short.csv", &place.read("c.csv").lines().take(9).collect::<Vec<_>>().join("\n"));
    place.run("ff-eval compare external.csv short.csv").refused(1, &["found other numbers of samples"]);
    // A class without an image has no threshold.
    let none: String = all
        .iter()
        .filter(|(_, class)| *class != "b")
        .map(|(file, class)| format!("data/cells/{class}/{file},{class},,\n"))
        .collect();
    table(&none);
    place.run("ff-models predict --model model.safetensors --labels labels.csv --output no-b.csv").ok();
    place.run(&calibrate.replace("external.csv", "no-b.csv").replace("calibrated", "other")).refused(
        1,
        &["no-b.csv: b: expected images known to be positive and negative, found no positive sample", "--of"],
    );
}

#[test]
fn what_a_model_does_not_say_is_asked_for() {
    let place = place();
    let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, 3) };
    let tensors = Model::new(&spec, Device::Cpu, 3).unwrap().state_dict();
    StateDict::from_tensors(tensors).save(place.path("bare.safetensors"), None).unwrap();
    let bare = PREDICT.replace("model.safetensors", "bare.safetensors");
    place
        .run(&bare)
        .refused(1, &["expected the names of its classes, found none recorded", "hint: ", "--classes"]);
    let named = format!("{bare} --classes a,b,c");
    place
        .run(&named)
        .refused(1, &["expected the size of its images, found none recorded", "--image-size 32"]);
    let ran = place.run(&format!("{named} --image-size 16"));
    assert_has(&ran.stderr, &["its normalisation is not recorded", "multiclass is assumed"]);
    ran.ok();
    let whole = place.read("out.csv");
    std::fs::remove_file(place.path("out.csv")).unwrap();
    place.run(PREDICT).ok();
    assert_eq!(place.read("out.csv"), whole);
    place.run(PREDICT).refused(1, &["expected the name of a new file, found out.csv", "hint: "]);
    // What the file says is not contradicted.
    for (option, expected) in [
        ("--image-size 32", "expected the image size that the file records, 16 px, found 32 px"),
        ("--classes b,a,c", "expected the classes that the file records, a, b, c, found b, a, c"),
        ("--mean 0.5,0.5,0.5 --std 0.5,0.5,0.5", "expected the normalisation that the file records"),
        (
            "--task multilabel",
            "expected the kind of task that the file records, multiclass, found multilabel",
        ),
    ] {
        place
            .run(&format!("{} {option}", PREDICT.replace("out.csv", "x.csv")))
            .refused(1, &[expected, "hint: "]);
    }
    std::fs::create_dir(place.path("empty")).unwrap();
    let empty = PREDICT.replace("data/cells", "empty").replace("out.csv", "x.csv");
    place.run(&empty).refused(1, &["empty: expected a folder with images, found none"]);
    place.write("empty/notes.png", "not an image");
    place.run(&empty).refused(1, &["expected at least one readable image, found none among 1"]);
    assert!(place.files("").iter().all(|file| !file.starts_with("x.csv")));
}

#[test]
fn models_are_explained_and_exported() {
    let place = place();
    let explained = place
        .run("ff-models explain --model model.safetensors --images data/cells/a --class c --output maps")
        .ok();
    assert_eq!(explained.lines().count(), 12);
    assert!(explained.lines().all(|line| line.contains(".png: c (")), "{explained}");
    assert_eq!(place.files("maps").len(), 12);
    // Pictures replace nothing, and the images least of all.
    place
        .run("ff-models explain --model model.safetensors --images data/cells/a --output data/cells/a")
        .refused(1, &["expected a folder without data/cells/a/a00.png"]);
    let again = place
        .run("ff-models explain --model model.safetensors --images data/cells/a --class x --output maps");
    again.refused(1, &["--class: expected one of a, b, c, found x"]);
    save(&place, "deit.safetensors", Architecture::DEIT_PICO, "multiclass");
    place
        .run("ff-models explain --model deit.safetensors --images data/cells/a --output others")
        .refused(1, &["deit_pico_patch4: expected a network with a feature map"]);
    for model in ["model", "deit"] {
        let said =
            place.run(&format!("ff-models export --model {model}.safetensors --output {model}.onnx")).ok();
        assert_has(&said, &["ONNX operator set 17", "in the order a, b, c"]);
        let file = std::fs::read(place.path(&format!("{model}.onnx"))).unwrap();
        let has = |text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(has(r#"["a","b","c"]"#) && has("probabilities") && has("antialiased"));
    }
}

#[test]
fn labels_have_maps_and_thresholds_of_their_own() {
    let place = place();
    save(&place, "model.safetensors", Architecture::RESNET_PICO, "multilabel");
    let row =
        |(at, file): (usize, String)| format!("data/cells/{file},{},{}\n", u8::from(at % 3 == 0), at % 2);
    let rows: String = place.files("data/cells").into_iter().enumerate().map(row).collect();
    // The order of the columns is not that of the outputs, and one task has no labels.
    place.write("labels.csv", &format!("path,b,a\n{rows}"));
    place.run("ff-models predict --model model.safetensors --labels labels.csv --output val.csv").ok();
    let found = rows_of(&place, "val.csv");
    assert_eq!((found[2]["target_0"].as_str(), found[2]["target_1"].as_str()), ("0", "0"));
    assert_eq!((found[3]["target_0"].as_str(), found[3]["target_1"].as_str()), ("1", "1"));
    assert!(found.iter().all(|row| row["target_2"].is_empty()));
    for method in ["platt", "isotonic"] {
        let line = format!(
            "ff-models calibrate --model model.safetensors --predictions val.csv --method {method} --of a,b \
             --output {method}.safetensors --json"
        );
        let decision = place.run(&line).json();
        assert_eq!(decision["calibrator"]["tasks"].as_array().unwrap().len(), 3);
        let thresholds: Vec<f64> = decision["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|of| of["threshold"].as_f64().unwrap())
            .collect();
        place
            .run(&format!(
                "ff-models predict --model {method}.safetensors --labels labels.csv --output {method}.csv"
            ))
            .ok();
        for row in rows_of(&place, &format!("{method}.csv")) {
            let probability = |task: &str| row[&format!("probability_{task}")].parse::<f64>().unwrap();
            let yes: Vec<&str> = ["a", "b", "c"]
                .into_iter()
                .zip([thresholds[0], thresholds[1], 0.5])
                .filter(|(task, threshold)| probability(task) >= *threshold - 1e-9)
                .map(|(task, _)| task)
                .collect();
            assert_eq!(row["prediction"], yes.join(";"), "{row:?}");
        }
    }
    // A task without labels has no threshold.
    let line = "ff-models calibrate --model model.safetensors --predictions val.csv --output c.safetensors";
    place.run(line).refused(1, &["val.csv: c: ", "found no known sample"]);
    place.run("ff-models export --model platt.safetensors --output platt.onnx").ok();
    let isotonic = "ff-models export --model isotonic.safetensors --output isotonic.onnx";
    place.run(isotonic).refused(1, &["isotonic maps", "--uncalibrated"]);
    place.run(&format!("{isotonic} --uncalibrated")).ok();
}

#[test]
fn a_table_decides_and_reports_by_subgroup() {
    let place = Place::new();
    place.images("data/cells", &["benign", "malignant"], 24);
    let mut rows = String::from("path,label,split,sex\n");
    for (at, file) in place.files("data/cells").into_iter().enumerate() {
        let (class, split) = (file.split('/').next().unwrap(), ["train", "val", "test", "test"][at % 4]);
        rows += &format!("{file},{class},{split},{}\n", ["f", "m", ""][at % 3]);
    }
    place.write("data/cells/labels.csv", &rows);
    let table = |attributes: &str| {
        let dataset = format!(
            r#"
[[dataset]]
name = "cells"
metric = "accuracy"
source = {{ kind = "manifest", path = "cells/labels.csv"{attributes} }}
split = {{ kind = "official" }}
"#
        );
        let decision =
            "[decision]\noperating_point = { kind = \"sensitivity\", at_least = 0.8 }\nprevalence = 0.1\n";
        // One comparison needs 40 resamples.
        crate::place::table(&dataset).replace("resamples = 20", "resamples = 200") + decision
    };
    place.write("tiny.toml", &table(""));
    place.run("ff-grid run --config tiny.toml --data-root data").ok();
    let soup = StateDict::open(place.path("runs/tables/tiny/soup.safetensors")).unwrap();
    let recipe = &soup.provenance().unwrap().recipe;
    assert_eq!(recipe["task"], "multiclass");
    let point = &recipe["decision"]["points"][0];
    assert_eq!(point["output"], 1);
    assert!(point["sensitivity"].as_f64().unwrap() >= 0.8, "{point}");
    assert_has(
        &place.read("runs/tables/tiny/soup.md"),
        &["## Probabilities and decisions", "| malignant | "],
    );
    // Attributes train nothing.
    place.write("tiny.toml", &table(r#", attributes = ["sex"]"#));
    place.run("ff-grid run --config tiny.toml --data-root data").ok_saying("0 jobs done, ");
    place.run("ff-grid report --config tiny.toml --data-root data --output r.html").ok();
    let page = place.read("r.html");
    assert_has(
        &page,
        &["Thresholds, subgroups, calibration", "sensitivity of at least 0.8", "at a prevalence of 0.1"],
    );
    let tested = rows.lines().skip(1).filter(|line| line.contains(",test,"));
    for sex in ["f", "m", "unknown"] {
        let count =
            tested.clone().filter(|line| line.ends_with(&format!(",{}", sex.replace("unknown", "")))).count();
        assert_has(&page, &[&format!("<td>{sex}</td><td class=\"number\">{count}</td>")]);
    }
    // The images that it was trained on are no external test.
    let line = "ff-models predict --model runs/tables/tiny/soup.safetensors --labels data/cells/labels.csv --output t.csv";
    let ran = place.run(line);
    assert_has(
        &ran.stderr,
        &["warning: data/cells/labels.csv: the model was trained or selected on a part of these"],
    );
    ran.ok();
    // The soup decides as the table says.
    place
        .run("ff-models predict --model runs/tables/tiny/soup.safetensors --images data/cells --output p.csv")
        .ok();
    let threshold = point["threshold"].as_f64().unwrap();
    for row in rows_of(&place, "p.csv") {
        let probability = row["probability_malignant"].parse::<f64>().unwrap();
        assert_eq!(row["decision_malignant"] == "1", probability >= threshold, "{row:?}");
    }
}
