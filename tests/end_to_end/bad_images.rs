//! Unreadable images, empty classes and duplicate ids.

use crate::place::{FOLDER, Place, RUN, official_folder};

/// Fewer jobs: one learning rate, one augmentation.
const SMALL: &str = "--set grid.learning_rates=[1e-2] --set grid.augmentations=['heavy'] \
                     --set fgg.learning_rates=[1e-2] --set fgg.epochs=2 --set finetune.epochs=1";

fn cells() -> Place {
    let place = Place::with_table(FOLDER);
    place.images("data/cells", &["a", "b", "c"], 10);
    place
}

#[test]
fn corrupt_images_fail_the_job_or_are_skipped() {
    let place = cells();
    // Truncate every image of a class: some are in train, some in val and test.
    let cut = |file: &str| {
        let path = place.path("data/cells").join(file);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 3]).unwrap();
    };
    (0..10).for_each(|number| cut(&format!("b/b{number:02}.png")));
    place
        .run(&format!("{RUN} {SMALL}"))
        .refused(1, &["data/cells/b/b0", ".png", "probe", "1 job failed", "--on-bad-image skip"]);
    assert!(!place.path("runs/tables/tiny/soup.safetensors").exists());

    let ran = place.run(&format!("{RUN} {SMALL} --on-bad-image skip"));
    assert!(ran.stderr.contains("data/cells/b/b0"), "the images are not named:\n{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "colours without a terminal:\n{}", ran.stderr);
    let printed = ran.ok();
    assert!(printed.contains("2 unreadable test images left out"), "{printed}");
    let epoch = &place.record("probe", "probe")["output"]["training"]["history"][0];
    assert_eq!((&epoch["images"], epoch["skipped"].as_array().unwrap().len()), (&12.into(), 6));
    let note = "6 unreadable training images left out of the BatchNorm statistics";
    let soup = &place.record("soup", ": GoU")["output"]["soup"];
    assert!(soup["notes"].as_array().unwrap().contains(&note.into()), "{soup}");
    assert!(printed.contains(note), "{printed}");
    // Where training predicted the validation images in another process, the best model reads none.
    std::fs::remove_file(place.job("soup", ": GS (best)").join("record.json")).unwrap();
    place.run(&format!("{RUN} {SMALL} --on-bad-image skip")).ok_saying("1 job done, 21 already done");
    let best = &place.record("soup", ": GS (best)")["output"]["soup"];
    let note = "2 unreadable validation images left out";
    assert!(best["notes"].as_array().unwrap().contains(&note.into()), "{best}");

    place.run("ff-grid report").ok();
    let said = "<p class=\"warning\">10 unreadable images were left out: 6 of training, 2 of validation, 2 of test.</p>";
    assert!(place.read("report.html").contains(said));

    let inspect = "ff-data inspect --dataset folder --root data/cells --decode --json";
    let inspected = place.run(inspect);
    let report: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(report["unreadable"].as_array().unwrap().len(), 10);
    inspected.refused(1, &["10 of 30 images cannot be read"]);
}

#[test]
fn a_dataset_without_readable_images_is_refused() {
    let place = cells();
    for class in ["a", "b", "c"] {
        for number in 0..10 {
            place.write(&format!("data/cells/{class}/{class}{number:02}.png"), "not an image");
        }
    }
    place
        .run(&format!("{RUN} {SMALL} --set run.on_bad_image=skip"))
        .refused(1, &["none of", "can be read", "cells/"]);
}

/// Asserts that a folder is refused before anything is written.
fn refused(place: &Place, expected: &[&str]) {
    let stderr = place.run(RUN).refused(1, expected);
    assert!(stderr.contains("dataset cells"), "the dataset is not named:\n{stderr}");
    assert!(!place.path("runs").exists());
}

#[test]
fn a_class_that_is_only_in_test_is_refused() {
    let place = Place::with_table(&official_folder());
    for split in ["train", "val"] {
        place.images(&format!("data/cells/{split}"), &["a", "b"], 3);
    }
    place.images("data/cells/test", &["a", "b", "c"], 3);
    refused(&place, &["`c`", "test"]);
}

#[test]
fn an_empty_class_folder_is_refused() {
    let place = cells();
    std::fs::create_dir(place.path("data/cells/empty")).unwrap();
    refused(&place, &["data/cells/empty", "none"]);
}

#[test]
fn an_empty_split_is_refused() {
    let place = cells();
    let set = "dataset.split={kind='ratio',train=0.99,val=0.01,test=0.0,seed=0}";
    place.run(&format!("{RUN} --set {set}")).refused(1, &["cells", "samples in val", "none"]);
    assert!(!place.path("runs").exists());
}

#[test]
fn duplicate_ids_are_refused() {
    let place = cells();
    let file = |extension: &str| place.path(&format!("data/cells/a/a00.{extension}"));
    std::fs::copy(file("png"), file("bmp")).unwrap();
    refused(&place, &["a00.bmp", "a00.png"]);

    place.write("data/cells.csv", "path,label\ncells/a/a01.png,a\ncells/b/b01.png,b\ncells/a/a01.png,a\n");
    let inspect = "ff-data inspect --dataset manifest --root data/cells.csv";
    place.run(inspect).refused(1, &["cells.csv", "row 4", "cells/a/a01.png", "row 2"]);
}
