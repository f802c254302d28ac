//! Protection against wrong results: weights trained on the images that they are evaluated on,
//! files in the place of others, images in several splits, malicious names, and results of another
//! configuration.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, Provenance, StateDict, read_sealed, write_sealed};
use ff_models::tch::Device;
use ff_models::{Architecture, Model, Spec};
use serde_json::{Value, json};

use crate::place::{FOLDER, PROBE, Place, RUN, SHAPES, assert_has, flip_last, picture, table};

const OTHER_SPLIT: [&str; 2] = ["in another split", "--allow-other-split"];

fn place() -> Place {
    let place = Place::with_table(FOLDER);
    place.images("data/cells", &["a", "b"], 20);
    place.write("probe.toml", PROBE);
    place
}

#[test]
fn weights_trained_on_another_split_are_refused() {
    let place = place();
    place.run("ff-train finetune --config probe.toml").ok();
    let file = "runs/probe/kept.safetensors";
    let other = "--set dataset.split.seed=1";

    // A run that starts from the weights, and one that starts from that run.
    let next =
        format!("ff-train finetune --config probe.toml --set name=next --set model.weights={file} {other}");
    place.run(&next).refused(1, &[file, OTHER_SPLIT[0], OTHER_SPLIT[1]]);
    assert!(!place.path("runs/next").exists());
    place
        .run(&format!("{next} --allow-other-split"))
        .ok_saying("warning: dataset next: the weights of runs/probe/kept.safetensors");
    let kept = StateDict::open(place.path("runs/next/kept.safetensors")).unwrap();
    assert_eq!(kept.provenance().unwrap().recipe["trained_on"].as_array().unwrap().len(), 1);
    let own =
        "ff-train finetune --config probe.toml --set name=own --set model.weights=runs/next/kept.safetensors";
    place.run(&format!("{own} {other}")).refused(1, &OTHER_SPLIT);

    // Selection by their scores, and predictions.
    let select =
        format!("ff-soup select --method greedy --config probe.toml --output soup.safetensors {file}");
    place.run(&format!("{select} {other}")).refused(1, &[file, OTHER_SPLIT[0], OTHER_SPLIT[1]]);
    assert!(!place.path("soup.safetensors").exists());
    place.run(&format!("{select} {other} --allow-other-split")).ok();
    place.run(&format!("{select} --set train.seed=5")).ok();
    let predict =
        "--dataset folder --root data/cells --split test --output p.safetensors --ratio 0.6,0.2,0.2";
    place
        .run(&format!("ff-train predict --checkpoint soup.safetensors {predict} --split-seed 3"))
        .refused(1, &["soup.safetensors", OTHER_SPLIT[0], OTHER_SPLIT[1]]);
    place.run(&format!("ff-train predict --checkpoint soup.safetensors {predict}")).ok();
    // An average records the data of its ingredients.
    place.run(&format!("ff-soup average --output mean.safetensors {file} runs/next/kept.safetensors")).ok();
    place
        .run(&format!("ff-train predict --checkpoint mean.safetensors {predict}"))
        .refused(1, &["mean.safetensors", OTHER_SPLIT[0]]);
    // A merge is of its base, too.
    let fresh = "runs/fresh/kept.safetensors";
    place.run(&format!("ff-train finetune --config probe.toml --set name=fresh {other}")).ok();
    let line = format!("--method line --base {file} --output line.safetensors {fresh}");
    place
        .run(&format!("ff-soup select --config probe.toml {other} {line}"))
        .refused(1, &[file, OTHER_SPLIT[0], OTHER_SPLIT[1]]);
    place.run(&format!("ff-soup merge {line}")).ok();
    place
        .run(&format!("ff-train predict --checkpoint line.safetensors {predict} --split-seed 1"))
        .refused(1, &["line.safetensors", OTHER_SPLIT[0]]);

    // A table.
    let set = format!("--set backbone.weights={file} --set dataset.split.seed=7");
    place.run(&format!("{RUN} {set} --runs table")).refused(
        1,
        &["nothing can be run", "dataset cells: the weights of pico", OTHER_SPLIT[0], OTHER_SPLIT[1]],
    );
    assert!(!place.path("table").exists());
    place
        .run(&format!("{RUN} {set} --allow-other-split"))
        .ok_saying("warning: dataset cells: the weights of pico");
    for name in ["table.md", "soup.md"] {
        assert!(place.read(&format!("runs/tables/tiny/{name}")).contains(OTHER_SPLIT[0]), "{name}");
    }
    let record: Value = read_sealed(&place.job("finetune", "lr 1e-2 minimal").join("record.json")).unwrap();
    assert!(record["remarks"][0].as_str().unwrap().contains(OTHER_SPLIT[0]), "{record}");
}

#[test]
fn an_intact_file_in_the_place_of_another_is_found() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let [one, other] = ["lr 1e-2 minimal", "lr 1e-3 minimal"]
        .map(|label| place.job("finetune", label).join("kept.safetensors"));
    let sound = std::fs::read(&one).unwrap();
    std::fs::copy(&other, &one).unwrap();
    let name = place.name(&one);
    let again = format!("{RUN} --set method.2.select={{kind='greedy',accept='at-least'}}");
    place.run(&again).refused(1, &[name, "not the file that was recorded", "hint:"]);
    let examined = place.run("ff-grid doctor");
    assert!(examined.stdout.contains("not the file that was recorded"), "{}", examined.stdout);
    // This soup has every model of the grid.
    let soup = place.job("soup", "Uniform Soup").join("soup.safetensors").display().to_string();
    let deep = ["ff-soup", "verify", "--deep", &soup, "runs"];
    place.run_words(&deep).refused(1, &[]);
    // An intact copy at another path does not replace it.
    std::fs::write(place.path("runs/copy.safetensors"), &sound).unwrap();
    let said = place.run_words(&deep);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains(&format!("DAMAGED, {name}")), "{}", said.stdout);
    std::fs::write(&one, &sound).unwrap();
    place.run_words(&deep).ok();
    place.run("ff-grid doctor").ok();
    place.run(&again).ok();

    // Predictions are checked like weights.
    let [one, other] = ["GoU: predict", "Uniform Soup: predict"]
        .map(|label| place.job("predict", label).join("predictions.safetensors"));
    let differ = std::fs::read(&one).unwrap() != std::fs::read(&other).unwrap();
    std::fs::copy(&other, &one).unwrap();
    assert_eq!(place.run("ff-grid doctor").code, i32::from(differ));
}

/// Returns weights under names of `DataParallel`, so that the imported model has another digest.
fn wrapped(seed: u64) -> BTreeMap<String, OwnedTensor> {
    let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, 2) };
    let tensors = Model::new(&spec, Device::Cpu, seed).unwrap().state_dict();
    tensors.into_iter().map(|(name, tensor)| (format!("module.{name}"), tensor)).collect()
}

#[test]
fn an_imported_file_is_checked_where_it_is_searched() {
    let place = Place::new();
    place.images("data/cells", &["a", "b"], 20);
    std::fs::create_dir_all(place.path("own/sharded")).unwrap();
    let made = Provenance::new("elsewhere", json!({"classes": ["a", "b"]}));
    let file = place.path("own/a.safetensors");
    StateDict::from_tensors(wrapped(0)).save(&file, Some(&made)).unwrap();
    let mut map = BTreeMap::new();
    let (first, second): (BTreeMap<_, _>, BTreeMap<_, _>) =
        wrapped(1).into_iter().partition(|(name, _)| name.contains("layer1"));
    for (shard, tensors) in [("one.safetensors", first), ("two.safetensors", second)] {
        map.extend(tensors.keys().map(|name| (name.clone(), shard)));
        StateDict::from_tensors(tensors).save(place.path("own/sharded").join(shard), None).unwrap();
    }
    place.write("own/sharded/model.safetensors.index.json", &json!({ "weight_map": map }).to_string());
    place.write("own/sharded/config.json", r#"{"classes": ["a", "b"]}"#);
    let select = "ff-soup select own --images data/cells --image-size 16 --method uniform";
    place.run(&format!("{select} --output soup.safetensors")).ok();

    let deep = "ff-soup verify --deep soup.safetensors runs";
    let absent = ["not searched: a.safetensors, weights ", "not searched: sharded, weights "];
    assert_has(&place.run(deep).ok(), &absent);
    let text = place.run(&format!("{deep} own")).ok();
    let found = ["intact, own/a.safetensors\n", "intact, own/sharded/model.safetensors.index.json\n"];
    assert_has(&text, &found);
    assert!(!text.contains("not searched"), "{text}");
    flip_last(&file);
    let ran = place.run(&format!("{deep} own"));
    assert_has(&ran.stdout, &["DAMAGED, own/a.safetensors"]);
    ran.refused(1, &["1 ancestor or dataset is missing, damaged or changed"]);

    // An average of shards has no copy of them.
    place.run("ff-soup average own/sharded --output mean.safetensors").ok();
    place.run("ff-soup verify mean.safetensors own").ok();
}

#[test]
fn the_doctor_checks_the_files_of_a_table() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    place.run("ff-grid doctor").ok();
    for name in ["table.md", "table.csv", "config.toml", "soup.safetensors", "soup.md", "files.json"] {
        let path = place.path("runs/tables/tiny").join(name);
        let sound = std::fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let examined = place.run("ff-grid doctor");
        assert!(examined.stdout.contains(&format!("tables/tiny/{name}: ")), "{name}: {}", examined.stdout);
        std::fs::write(&path, sound).unwrap();
    }
    std::fs::remove_file(place.path("runs/tables/tiny/table.tex")).unwrap();
    place.run("ff-grid doctor --repair").ok();
    place.run(RUN).ok();
    place.run("ff-grid doctor").ok();
    assert!(place.path("runs/tables/tiny/table.tex").exists());
}

#[test]
fn images_and_patients_in_several_splits_are_reported() {
    let place = Place::new();
    let mut csv = "path,label,group,split\n".to_owned();
    std::fs::create_dir_all(place.path("data/pictures")).unwrap();
    for number in 0..40 {
        picture(&place.path(&format!("data/pictures/{number}.png")), number % 2, number);
        let split = ["train", "train", "val", "test"][number / 10];
        // Two images per patient; one patient is in train and in test.
        let group = if number == 39 { 0 } else { number / 2 };
        csv += &format!("pictures/{number}.png,c{},p{group},{split}\n", number % 2);
    }
    std::fs::copy(place.path("data/pictures/0.png"), place.path("data/pictures/20.png")).unwrap();
    place.write("data/labels.csv", &csv);
    let dataset = r#"
[[dataset]]
name = "eyes"
metric = "macro-f1"
source = { kind = "manifest", path = "labels.csv" }
split = { kind = "official" }
"#;
    place.write("tiny.toml", &table(dataset));
    let remark = "1 of 20 groups (patients) and 1 image in more than one split";
    let planned = place.run("ff-grid plan --config tiny.toml").ok();
    assert!(planned.contains(&format!("warning: dataset eyes: {remark}")), "{planned}");
    assert!(!place.path("runs").exists(), "a plan writes nothing");
    let ran = place.run(RUN);
    assert!(ran.stderr.contains(remark), "{}", ran.stderr);
    assert!(ran.ok().contains(remark));
    place.run("ff-grid report").ok();
    for (name, text) in [
        ("table.csv", place.read("runs/tables/tiny/table.csv")),
        ("soup.md", place.read("runs/tables/tiny/soup.md")),
        ("report", place.read("report.html")),
    ] {
        assert!(text.contains(remark), "{name}");
    }
    let page = place.read("report.html");
    let warning = format!("<p class=\"warning\">{remark}: scores may be too high.</p>");
    let images = "<th scope=\"row\">All images</th><td class=\"number\">20</td><td class=\"number\">10</td>";
    let said = [
        "Validation: fewer than 10 of c0, c1",
        "1 of 20 patients or other groups are in more than one split.",
    ];
    assert_has(&page, &[&warning, images, said[0], said[1]]);
    // Intervals resample patients, and classes of five validation images are named.
    let table = place.json("runs/tables/tiny/table.json");
    let cell = &table["rows"][0]["cells"][0];
    assert_eq!((&cell["test"]["samples"], &cell["test"]["groups"]), (&10.into(), &6.into()), "{cell}");
    let markdown = place.read("runs/tables/tiny/table.md");
    assert!(markdown.contains("10 of 6 groups"), "{markdown}");
    assert!(markdown.contains("fewer than 10 samples of c0 (5), c1 (5)"), "{markdown}");
}

#[test]
fn malicious_names_are_escaped() {
    let place = Place::new();
    let classes = ["=cmd()", "<img src=x>", "a\u{1b}[31mb"];
    place.images("data/cells", &classes, 12);
    place.write("tiny.toml", &table(FOLDER).replace("name = \"GoU\"", "name = \"=1+1\""));
    let ran = place.run(RUN);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'), "{}", ran.stderr);
    ran.ok();
    let card = place.read("runs/tables/tiny/soup.md");
    assert!(card.contains(r"\<img src=x>") && !card.contains('\u{1b}'), "{card}");
    let csv = place.read("runs/tables/tiny/table.csv");
    assert!(csv.lines().any(|line| line.starts_with("'=1+1,")), "{csv}");
    let inspected = place.run("ff-data inspect --dataset folder --root data/cells").ok();
    assert!(!inspected.contains('\u{1b}'), "{inspected}");

    let long = "x".repeat(300);
    for (name, found) in [(long.as_str(), "300 bytes"), ("a\\u0000b", "\"a\\0b\"")] {
        place.write("named.toml", &table(SHAPES).replace("name = \"tiny\"", &format!("name = \"{name}\"")));
        place
            .run("ff-grid run --config named.toml --runs none")
            .refused(1, &["named.toml", "name: expected", found]);
        place.write("probe.toml", &PROBE.replace("name = \"probe\"", &format!("name = \"{name}\"")));
        place.run("ff-train finetune --config probe.toml --runs none").refused(1, &["probe.toml", found]);
    }
    assert!(!place.path("none").exists());
}

#[test]
fn scores_of_other_initial_weights_are_not_shown() {
    let place = Place::new();
    place.images("data/cells", &["a", "b"], 20);
    place.write("probe.toml", PROBE);
    place.run("ff-train finetune --config probe.toml --runs base").ok();
    std::fs::rename(place.path("base/probe/kept.safetensors"), place.path("base.safetensors")).unwrap();
    let fixed = table(SHAPES).replace("weights = \"random\"", "weights = \"base.safetensors\"");
    place.write("tiny.toml", &fixed);
    let set = "--set backbone.weights=random";
    place.run(&format!("{RUN} {set}")).ok();
    let shown = |options: &str| {
        place.run(&format!("ff-grid report --config tiny.toml {options}")).ok();
        let page = place.read("report.html");
        page.contains("Most confident mistakes") && !page.contains("GoG has no record yet")
    };
    assert!(shown(set));
    assert!(!shown(""), "scores of random weights under the file's name");
    // The same holds once the file is removed and its digest is unknown.
    std::fs::remove_file(place.path("base.safetensors")).unwrap();
    assert!(!shown(""), "scores of random weights under a file's name");
    assert!(shown(set));
    assert!(
        place.read("report.html").contains("--set &#39;backbone.weights=random&#39;")
            || place.read("report.html").contains("--set 'backbone.weights=random'")
    );
}

#[test]
fn diverged_models_are_used_or_dropped_as_configured() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    // One of the runs seems to have diverged after its best epoch.
    let path = place.job("finetune", "lr 1e-2 minimal").join("record.json");
    let mut record: Value = read_sealed(&path).unwrap();
    record["output"]["training"]["diverged"] =
        serde_json::json!({ "epoch": 2, "step": 9, "learning_rate": 1e-2, "last_finite_loss": 1.0 });
    record.as_object_mut().unwrap().remove("digest");
    write_sealed(&path, &record).unwrap();
    // Another greedy soup, made from the changed records.
    let other = "--set method.2.select={kind='greedy',accept='at-least'}";
    let said = "diverged, models from before used: shapes pico: lr 1e-2 minimal seed 0";
    assert!(place.run(&format!("{RUN} {other}")).ok().contains(said));
    let printed = place.run(&format!("{RUN} {other} --set method.2.diverged=drop")).ok();
    assert!(printed.contains("left out, diverged: shapes pico: lr 1e-2 minimal seed 0"), "{printed}");
    place.run(&format!("{RUN} --set method.2.diverged=never")).refused(1, &["diverged", "never"]);
}
