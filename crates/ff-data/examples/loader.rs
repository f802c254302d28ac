//! Opens a folder of images, splits it, and loads the batches of an epoch.
//!
//!     cargo run -p ff-data --example loader [-- FOLDER]
//!
//! FOLDER holds a folder of images for each class. Without it, small images of two classes are made
//! in a temporary folder.

use std::path::{Path, PathBuf};

use ff_data::datasets::Folder;
use ff_data::{
    Augment, DatasetConfig, Error, FileHashes, Image, Loader, LoaderConfig, OnBadImage, Split, SplitRule,
    write_png,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let made = tempfile::tempdir()?;
    let path = match std::env::args_os().nth(1) {
        Some(path) => std::path::absolute(path)?,
        None => make_images(made.path())?,
    };

    let data_root = Path::new("");
    let dataset = DatasetConfig::Folder(Folder { path }).open(data_root, &FileHashes::none())?;
    println!("classes: {}", dataset.task().names().join(", "));
    let rule = SplitRule::Ratio { train: 0.8, val: 0.1, test: 0.1, seed: 0, grouped: false };
    let splits = rule.split(&*dataset, data_root)?;
    for split in Split::ALL {
        println!("{}: {} images", split.name(), splits.get(split).len());
    }

    let config = LoaderConfig {
        batch_size: 8,
        image_size: 32,
        augment: Augment::Medium,
        shuffle: true,
        seed: 0,
        threads: 2,
        prefetch: 4,
        on_bad_image: OnBadImage::Error,
    };
    for batch in Loader::new(dataset, splits.train, config).epoch(0) {
        let batch = batch?;
        println!("batch {}: {} images, {:?}", batch.number, batch.indices.len(), batch.targets);
    }
    Ok(())
}

/// Writes 20 plain images of each of two classes, and returns their folder.
fn make_images(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    for (class, [red, green, blue]) in [("benign", [210, 160, 150]), ("malignant", [120, 70, 60])] {
        std::fs::create_dir(folder.join(class))?;
        (0..20).try_for_each(|number| -> Result<(), Error> {
            let image = Image::filled(48, 40, [red + number, green, blue]);
            write_png(&folder.join(class).join(format!("{number:02}.png")), &image)
        })?;
    }
    Ok(folder.to_owned())
}
