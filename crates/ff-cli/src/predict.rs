//! `ff-train predict`: predictions of a trained model.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use ff_checkpoint::{Provenance, StateDict, cores};
use ff_data::{OnBadImage, Split};
use ff_grid::{DataIdentity, loader_threads, trained_on};
use ff_models::Model;
use ff_train::{EvalSet, save_predictions};

use crate::device::DeviceChoice;
use crate::options::GLOBAL;
use crate::recipe::{check_split, output_map, spec_of};
use crate::source::Source;

/// A trained model, and the images to predict.
#[derive(Args)]
pub struct PredictOptions {
    /// Weights that `ff-train`, `ff-soup` or `ff-grid` wrote
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Split to predict
    #[arg(long, value_enum)]
    split: SplitName,
    /// Count a class of the model as another class, such as 4=3
    ///
    /// For classes that the dataset does not distinguish. May be repeated.
    #[arg(long, alias = "merge", value_name = "CLASS=CLASS", value_parser = pair)]
    merge_classes: Vec<(String, String)>,
    /// Allow a model that was trained on these images in another split
    #[arg(long)]
    allow_other_split: bool,
    /// File to write: safetensors with `logits` and `targets`
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    /// Training images
    Train,
    /// Validation images
    Val,
    /// Test images
    Test,
}

/// Computes the logits of a trained model on a split, and writes them with the targets.
pub fn predict(options: &PredictOptions) -> anyhow::Result<()> {
    let PredictOptions { checkpoint, source, split, merge_classes, allow_other_split, output, device } =
        options;
    let weights = StateDict::open(checkpoint)?;
    let spec = spec_of(&weights).with_context(|| checkpoint.display().to_string())?;
    let dataset = source.open()?;
    let splits = source.split(dataset.as_ref())?;
    let data = DataIdentity::of(dataset.as_ref(), &splits);
    check_split(&checkpoint.display().to_string(), &trained_on(&weights), &data, *allow_other_split)?;
    let outputs = output_map(&weights, dataset.task(), merge_classes)
        .with_context(|| checkpoint.display().to_string())?;
    if outputs.is_none() && dataset.task().outputs() != spec.outputs {
        bail!(
            "{}: expected a model with {} outputs, one for each class of the dataset, found {}",
            checkpoint.display(),
            dataset.task().outputs(),
            spec.outputs
        );
    }
    let indices = splits.get(match split {
        SplitName::Train => Split::Train,
        SplitName::Val => Split::Val,
        SplitName::Test => Split::Test,
    });
    let device = device.find()?;
    let mut model = Model::new(&spec, device, 0)?;
    model.load_strict(&weights)?;
    let threads = loader_threads(device, cores().get());
    let images = EvalSet::new(dataset.clone(), indices.clone(), spec.image_size, threads, OnBadImage::Error);
    let predictions = images.predict(&model, outputs.as_ref())?;
    let provenance = Provenance {
        kind: "predict".into(),
        recipe: serde_json::json!({"model": spec, "outputs": outputs}),
        parents: vec![weights.as_parent(&checkpoint.display().to_string())],
        data: Some(dataset.digest().to_owned()),
        code_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    save_predictions(output, &predictions, Some(&provenance))?;
    Ok(())
}

/// Parses two names separated by `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()));
    pair.ok_or_else(|| format!("expected two classes, such as 4=3, found `{text}`"))
}
