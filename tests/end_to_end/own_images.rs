//! A user's own images: class folders, split folders, a manifest.

use crate::place::{FOLDER, Place, picture, table};

#[test]
fn class_folders_below_a_data_root() {
    let place = Place::with_table(FOLDER);
    place.images("mine/cells", &["blue", "green", "red"], 14);
    let set = "--set name=cells --set fgg.epochs=1 --set grid.learning_rates=[1e-2]";
    let printed = place.run(&format!("ff-grid run --config tiny.toml --data-root mine {set}")).ok();
    assert!(printed.contains("cells"), "{printed}");
    let note = place.json("runs/tables/cells/soup.json");
    assert_eq!(note["classes"], serde_json::json!(["blue", "green", "red"]));
    // Overridden values are in the resolved configuration.
    let resolved = place.read("runs/tables/cells/config.toml");
    assert!(resolved.contains("epochs = 1") && resolved.contains("name = \"cells\""), "{resolved}");
    let rows = place.json("runs/tables/cells/table.json")["rows"].clone();
    for row in rows.as_array().unwrap() {
        let score = &row["cells"][0]["test"];
        assert!(score["value"].is_number(), "{row}");
        assert_eq!(score["samples"], 8, "{row}");
    }
}

#[test]
fn the_example_for_own_images_runs_on_split_folders() {
    let place = Place::new();
    for (split, count) in [("train", 6), ("val", 3), ("test", 3)] {
        place.images(&format!("cells/{split}"), &["a", "b"], count);
    }
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/examples/own-images.toml");
    let line = "--data-root cells --set backbone.weights=random --set backbone.architecture=resnet_pico \
                --set model.image_size=16 --set model.batch_size=8 --set finetune.epochs=1 --set fgg.epochs=4 \
                --set grid.learning_rates=[1e-2] --set fgg.learning_rates=[1e-2] \
                --set grid.augmentations=['heavy'] --set evaluation.resamples=20";
    place.run(&format!("ff-grid run --config {config} {line}")).ok();
    assert!(place.path("runs/tables/own-images/soup.safetensors").is_file());
}

#[test]
fn a_manifest_with_unknown_labels() {
    let place = Place::new();
    let mut csv = "path,cold,warm,group\n".to_owned();
    std::fs::create_dir_all(place.path("data/pictures")).unwrap();
    for number in 0..40 {
        let class = number % 3;
        picture(&place.path(&format!("data/pictures/{number}.png")), class, number);
        let label = |class_of_task| match number % 7 {
            0 => String::new(),
            _ => u8::from(class == class_of_task).to_string(),
        };
        csv += &format!("pictures/{number}.png,{},{},p{}\n", label(0), label(1), number / 2);
    }
    place.write("data/labels.csv", &csv);
    let dataset = r#"
[[dataset]]
name = "tasks"
metric = "auroc"
source = { kind = "manifest", path = "labels.csv" }
split = { kind = "ratio", train = 0.5, val = 0.25, test = 0.25, seed = 0, grouped = true }
"#;
    place.write("tiny.toml", &table(dataset));
    let printed = place.run("ff-grid run --config tiny.toml --data-root data").ok();
    assert!(printed.contains("tasks"), "{printed}");
    let table = place.json("runs/tables/tiny/table.json");
    assert_eq!(table["columns"][0]["metric"], "auroc");
    for row in table["rows"].as_array().unwrap() {
        let validation = row["cells"][0]["validation"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&validation), "{row}");
    }

    // A metric of another task blocks its column.
    place
        .run("ff-grid run --config tiny.toml --data-root data --set dataset.metric=accuracy --runs other")
        .refused(
            1,
            &[
                "tasks",
                "metric: expected one for multilabel targets, found accuracy",
                "--set dataset.metric=auroc",
            ],
        );
    assert!(!place.path("other").exists());

    let inspected = "ff-data inspect --dataset manifest --root data/labels.csv --grouped --json";
    let inspected = place.json_of(inspected);
    assert_eq!(inspected["images"], 40);
    assert_eq!(inspected["leakage"]["groups"], 20);
    assert_eq!(inspected["leakage"]["shared"], serde_json::json!([]));
}
