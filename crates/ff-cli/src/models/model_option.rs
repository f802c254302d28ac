//! `--model`: a trained model, and what its file does not record.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use ff_checkpoint::StateDict;
use ff_eval::TaskKind;
use ff_models::{Architecture, Normalisation};
use ff_train::{Classifier, Told};

use crate::device::DeviceChoice;
use crate::hub::Blob;
use crate::options::{GLOBAL, trimmed};
use crate::output::say;

const UNRECORDED: &str = "What the model's file does not record";

/// A trained model.
#[derive(Args)]
pub struct ModelOption {
    /// Trained model: a file of weights, or a folder that holds one, such as timm/
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Architecture, such as resnet50
    #[arg(long, help_heading = UNRECORDED)]
    arch: Option<Architecture>,
    /// Names of the classes in the order of the outputs, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = trimmed, help_heading = UNRECORDED)]
    classes: Option<Vec<String>>,
    /// Whether an image has one class, or any number of labels
    #[arg(long, value_enum, help_heading = UNRECORDED)]
    task: Option<TaskName>,
    /// Side of the images in pixels
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..), help_heading = UNRECORDED)]
    image_size: Option<u32>,
    /// Mean of the normalisation, RGB from 0 to 1
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', num_args = 1, requires = "std", help_heading = UNRECORDED)]
    mean: Option<Vec<f32>>,
    /// Standard deviation of the normalisation
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', num_args = 1, requires = "mean", help_heading = UNRECORDED)]
    std: Option<Vec<f32>>,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
}

/// The kind of a task.
#[derive(Clone, Copy, ValueEnum)]
enum TaskName {
    /// One class for each image
    Multiclass,
    /// Any number of labels for each image
    Multilabel,
}

impl ModelOption {
    /// Opens the weights and loads the model. Says what is assumed.
    ///
    /// # Errors
    /// Weights that cannot be read, or do not fit what the options say; no such device.
    pub(super) fn open(&self) -> anyhow::Result<(StateDict, Classifier)> {
        let Self { model, arch, classes, task, image_size, device, .. } = self;
        let weights = StateDict::open(model)?;
        if let Some(blob) = weights.path().and_then(Blob::at) {
            blob.check(None)?;
        }
        let told = Told {
            architecture: *arch,
            classes: classes.clone(),
            kind: task.map(|task| match task {
                TaskName::Multiclass => TaskKind::Multiclass,
                TaskName::Multilabel => TaskKind::Multilabel,
            }),
            image_size: *image_size,
            normalisation: self.normalisation()?,
        };
        let classifier = Classifier::open(&weights, &told, device.find()?)?;
        classifier.notes.iter().for_each(|note| say(&format!("note: {}: {note}", model.display())));
        Ok((weights, classifier))
    }

    fn normalisation(&self) -> anyhow::Result<Option<Normalisation>> {
        let (Some(mean), Some(std)) = (&self.mean, &self.std) else { return Ok(None) };
        let three = |name: &str, values: &[f32]| {
            let found = values.len();
            <[f32; 3]>::try_from(values)
                .map_err(|_| anyhow!("--{name}: expected three numbers, one for each colour, found {found}"))
        };
        Ok(Some(Normalisation { mean: three("mean", mean)?, std: three("std", std)? }))
    }
}
