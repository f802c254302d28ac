//! Datasets in their published forms, from the command line to the table.

use serde_json::Value;

use crate::place::{Place, picture};

const FINDINGS: &str = "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,\
    Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices";

/// Returns the labels of a row: two tasks follow the image's colour, the others are in turn
/// unknown, uncertain and absent.
fn labels(number: usize) -> String {
    let mut cells = vec!["".to_owned(); 14];
    for (task, cell) in cells.iter_mut().enumerate().skip(1) {
        *cell = match (task, (number + task) % 5) {
            (2 | 5, 4) => String::new(),
            (2, _) => format!("{}.0", u8::from(number.is_multiple_of(3))),
            (5, _) => format!("{}.0", u8::from(number % 3 == 1)),
            (_, 0) => "1.0".into(),
            (_, 1) => "-1.0".into(),
            (_, 2) => String::new(),
            _ => "0.0".into(),
        };
    }
    cells.join(",")
}

fn chexpert(place: &Place) {
    for (name, folder, first, count) in [("train.csv", "train", 0, 30), ("valid.csv", "valid", 30, 10)] {
        let mut csv = format!("Path,Sex,Age,Frontal/Lateral,AP/PA,{FINDINGS}\n");
        for number in first..first + count {
            let path = format!("{folder}/patient{number:05}/study1/view1_frontal.jpg");
            csv += &format!("CheXpert-v1.0/{path},Male,50,Frontal,AP,{}\n", labels(number));
            let path = place.path("data/chexpert").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture(&path, number % 3, number);
        }
        place.write(&format!("data/chexpert/{name}"), &csv);
    }
}

fn mimic(place: &Place) {
    let (mut split, mut metadata, mut chexpert) = (
        "dicom_id,study_id,subject_id,split\n".to_owned(),
        "dicom_id,subject_id,study_id,ViewPosition\n".to_owned(),
        format!("subject_id,study_id,{FINDINGS}\n"),
    );
    for number in 0..12 {
        let (patient, experiment, image) =
            (10_000_000 + number, 50_000_000 + number, format!("abc-{number}"));
        let part = if number < 2 { "train" } else { "test" };
        split += &format!("{image},{experiment},{patient},{part}\n");
        metadata += &format!("{image},{patient},{experiment},PA\n");
        chexpert += &format!("{patient},{experiment},{}\n", labels(number));
        if part == "test" {
            let path = place.path(&format!("data/mimic-cxr/files/p10/p{patient}/s{experiment}/{image}.jpg"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture(&path, number % 3, number);
        }
    }
    place.write("data/mimic-cxr/mimic-cxr-2.0.0-split.csv", &split);
    place.write("data/mimic-cxr/mimic-cxr-2.0.0-metadata.csv", &metadata);
    place.write("data/mimic-cxr/mimic-cxr-2.0.0-chexpert.csv", &chexpert);
}

fn grades(
    place: &Place,
    below: &str,
    (header, table, folder, extension): (&str, &str, &str, &str),
    last: usize,
) {
    let mut csv = format!("{header}\n");
    std::fs::create_dir_all(place.path(below).join(folder)).unwrap();
    for number in 0..40 {
        let grade = number % (last + 1);
        csv += &format!("eye{number:02},{grade}\n");
        picture(&place.path(below).join(folder).join(format!("eye{number:02}.{extension}")), grade, number);
    }
    place.write(&format!("{below}/{table}"), &csv);
}

const GRADES: &str = r#"
[[dataset]]
name = "APTOS"
metric = "macro-f1"
source = { kind = "aptos2019", path = "aptos2019" }
split = { kind = "ratio", train = 0.6, val = 0.2, test = 0.2, seed = 0 }
shrink_px = 12
ood = [
    { name = "Messidor", source = { kind = "messidor", path = "messidor" }, merge_classes = { "4" = "3" } },
    { name = "Messidor-2", source = { kind = "messidor2", path = "messidor2" } },
]
"#;

const CHEST: &str = r#"
[[dataset]]
name = "CheXpert"
metric = "auroc"
source = { kind = "chexpert", path = "chexpert" }
split = { kind = "ratio", train = 0.5, val = 0.25, test = 0.25, seed = 0, grouped = true }
task_weights = "rarity"
ood = [{ name = "MIMIC-CXR", source = { kind = "mimic-cxr", path = "mimic-cxr", only = "test" } }]
"#;

const SMALL: &str = "--set grid.learning_rates=[1e-2] --set fgg.epochs=1";

#[test]
fn datasets_of_five_and_of_four_grades() {
    let place = Place::with_table(GRADES);
    grades(&place, "data/aptos2019", ("id_code,diagnosis", "train.csv", "train_images", "png"), 4);
    let messidor = ("Image name,Retinopathy grade", "Annotation_Base11.csv", "Base11", "tif");
    grades(&place, "data/messidor", messidor, 3);
    let run = format!("ff-grid run --config tiny.toml --data-root data {SMALL}");
    let ran = place.run(&run);
    assert!(ran.stderr.contains("messidor2") || ran.stdout.contains("messidor2"), "{}", ran.stderr);
    ran.ok();
    let table = place.json("runs/tables/tiny/table.json");
    let cell = &table["rows"][0]["cells"][0];
    assert!(
        cell.to_string().contains("\"Messidor\"") && cell.to_string().contains("\"samples\":40"),
        "{cell}"
    );
    let note = cell["note"].as_str().unwrap();
    assert!(note.contains("Messidor: predictions of 4 count as 3"), "{note}");
    assert!(note.contains("dataset Messidor-2: "), "{note}");
    // Resized images are kept once, for all runs.
    let packs = place.files("runs/cache/images");
    assert_eq!(packs.iter().filter(|file| file.ends_with(".pack")).count(), 2, "{packs:?}");

    // The same from the soup's file only.
    let soup = "runs/tables/tiny/soup.safetensors";
    let predict = format!("ff-train predict --checkpoint {soup} --dataset messidor --root data/messidor");
    let only = "--split test --with x=1 --output p.safetensors";
    place.run(&format!("{predict} {only}")).refused(1, &["unknown field `x`"]);
    let split = "--ratio 0.2,0.1,0.7 --split test --shrink-px 12 --output p.safetensors";
    place
        .run(&format!("{predict} {split}"))
        .refused(1, &["of the model among 0, 1, 2, 3, found `4`", "hint:"]);
    place.run(&format!("{predict} {split} --merge-classes 4=3")).ok();
    let score = place.run("ff-eval score --predictions p.safetensors --task multiclass --json").ok();
    assert!(score.contains("macro"), "{score}");
}

#[test]
fn chest_findings_are_matched_by_name_for_ood() {
    let place = Place::with_table(CHEST);
    chexpert(&place);
    mimic(&place);
    place.run(&format!("ff-grid run --config tiny.toml --data-root data {SMALL}")).ok();
    let table = place.read("runs/tables/tiny/table.json");
    assert!(table.contains("MIMIC-CXR"), "{table}");
    let record = place.record("probe", "probe");
    assert_eq!(record["spec"]["train"]["task_weights"], "rarity", "{record}");
}

#[test]
fn inspect_compares_with_published_counts_and_finds_copies() {
    let place = Place::new();
    grades(&place, "aptos", ("id_code,diagnosis", "train.csv", "train_images", "png"), 4);
    let inspect = "ff-data inspect --dataset aptos2019 --root aptos";
    let found = place.json_of(&format!("{inspect} --json --strict"));
    assert_eq!(found["published"]["images"], 3662);
    assert_eq!(found["differences"][0], "all: expected 3662 images as published, found 40");
    assert_eq!(found["leakage"]["duplicates"]["across"], serde_json::json!([]));
    assert_eq!(found["train"]["per_class"]["4"], 6, "{found}");

    // A copy of an image in the same split, and one in another.
    let folder = place.path("aptos/train_images");
    std::fs::copy(folder.join("eye00.png"), folder.join("copy.png")).unwrap();
    std::fs::copy(folder.join("eye01.png"), folder.join("again.png")).unwrap();
    let text = place.read("aptos/train.csv");
    place.write("aptos/train.csv", &format!("{text}copy,0\nagain,1\n"));
    let mut split = "id,split\ncopy,test\nagain,train\n".to_owned();
    for number in 0..40 {
        let part = ["train", "val", "test"][usize::from(number > 20) + usize::from(number > 30)];
        split += &format!("eye{number:02},{part}\n");
    }
    place.write("split.csv", &split);
    let with_split = format!("{inspect} --split-csv split.csv");
    let text = place.run(&with_split).ok();
    assert!(
        text.contains("1 images have identical copies in more than one split:\n  eye00 = copy"),
        "{text}"
    );
    assert!(text.contains("copies of an image within train: 1, val: 0, test: 0"), "{text}");
    place.run(&format!("{with_split} --strict")).refused(1, &["eye00 = copy", "hint: "]);
}

#[test]
fn a_dataset_is_prepared_once() {
    let place = Place::new();
    place.images("cells", &["a", "b"], 6);
    std::fs::write(place.path("cells/a/a00.png"), "no picture").unwrap();
    let prepare = "ff-data prepare --dataset folder --root cells --shrink-px 8";
    place.run(prepare).refused(1, &["--cache: expected a folder", "hint: "]);
    let said = place.run(&format!("{prepare} --cache cache --json")).ok_saying("unreadable: a/a00.png: ");
    let made: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&made["added"], &made["bytes"]), (&11.into(), &(11 * 8 * 8 * 3).into()));
    let again = place.json_of(&format!("{prepare} --cache cache --json"));
    assert_eq!((&again["kept_before"], &again["added"]), (&11.into(), &0.into()));
    assert_eq!(again["digest"], made["digest"]);
}

#[test]
fn fetch_names_where_to_apply_and_the_sizes_of_a_mirror() {
    let place = Place::new();
    let text = place.run("ff-data fetch mimic-cxr --root data").ok();
    assert!(text.contains("physionet.org") && text.contains("ROOT/files/p10/"), "{text}");
    assert!(!place.path("data").exists());
    place.run("ff-data fetch imagenet --root data").refused(2, &["possible values: "]);
    place.run("ff-data fetch pathmnist --image-size 32 --root data").refused(1, &["28, 64, 128"]);
}

#[test]
fn a_pass_over_large_images_needs_little_memory() {
    let place = Place::new();
    // Two gigabytes of pixels in one file of a few kilobytes with sixty names.
    let image = ff_data::Image::filled(4000, 3000, [90, 20, 20]);
    for class in ["a", "b"] {
        std::fs::create_dir_all(place.path("big").join(class)).unwrap();
    }
    ff_data::write_png(&place.path("big/a/00.png"), &image).unwrap();
    for number in 1..60 {
        let class = if number % 2 == 0 { "a" } else { "b" };
        let name = place.path(&format!("big/{class}/{number:02}.png"));
        std::fs::hard_link(place.path("big/a/00.png"), name).unwrap();
    }
    let bench = "ff-data bench --dataset folder --root big --epochs 1 --ratio 0.9,0.1,0 --json";
    for more in ["", "--shrink-px 256 --cache cache"] {
        let found = place.json_of(&format!("{bench} {more}"));
        assert_eq!(found["images"], 54);
        let peak = found["peak_memory_mib"].as_f64().unwrap();
        assert!(peak < 1024.0, "{peak}");
    }
}
