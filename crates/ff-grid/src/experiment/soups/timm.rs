//! A folder that timm loads: `timm.create_model("local-dir:FOLDER", pretrained=True)`.
//!
//! timm needs the file names `config.json` and `model.safetensors`, so the soup has a hard link in
//! a folder of its own.

use std::path::{Path, PathBuf};

use ff_checkpoint::write_json;
use ff_models::Normalisation;
use serde_json::json;

use super::card::Card;
use crate::error::Error;
use crate::results::write_text;
use crate::store::remove_file;

/// Writes `config.json`, `model.safetensors` and the card as `README.md`, as in a repository on the
/// hub.
///
/// The weights are a hard link to the file `soup`, or a copy where the file system has no links.
/// Writes nothing for an architecture that timm does not have.
pub(super) fn folder(folder: &Path, soup: &Path, card: &Card<'_>, text: &str) -> Result<Vec<PathBuf>, Error> {
    let architecture = card.backbone.architecture;
    let Some(name) = architecture.timm else { return Ok(Vec::new()) };
    let image_size = card.model.image_size;
    let Normalisation { mean, std } = card.model.normalisation(architecture);
    let mut config = json!({
        "architecture": name,
        "num_classes": card.classes.len(),
        "label_names": card.classes,
        "pretrained_cfg": {
            "num_classes": card.classes.len(),
            "input_size": [3, image_size, image_size],
            "fixed_input_size": architecture.has_fixed_image_size(),
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": mean.map(decimal),
            "std": std.map(decimal),
            "classifier": architecture.timm_classifier,
        },
    });
    if architecture.has_fixed_image_size() {
        config["model_args"] = json!({ "img_size": image_size });
    }
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let path = folder.join("config.json");
    write_json(&path, &config)?;
    let weights = folder.join("model.safetensors");
    link(soup, &weights).map_err(Error::file(&weights))?;
    Ok(vec![path, weights, write_text(folder, "README.md", text)?])
}

/// Returns the number with the shortest decimal form: 0.485 and not 0.48500001430511475.
fn decimal(number: f32) -> f64 {
    number.to_string().parse().expect("a number reads back")
}

/// Links a file under another name, and replaces the file of that name.
fn link(file: &Path, name: &Path) -> std::io::Result<()> {
    let new = name.with_extension("partial");
    remove_file(&new)?;
    if std::fs::hard_link(file, &new).is_err() {
        std::fs::copy(file, &new)?;
    }
    // If both are the same file already, renaming does nothing and `new` stays.
    std::fs::rename(&new, name)?;
    remove_file(&new)
}
