//! One run of training as its recipe states it.

use std::path::{Path, PathBuf};

use ff_data::{DatasetConfig, SplitRule};
use ff_inmerge::InMerge;
use ff_models::{Architecture, Precision};
use ff_train::{LrSchedule, TrainConfig, Trainable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{BackboneConfig, DatasetEntry, WeightsSource, check_name, parse_with_overrides};
use crate::error::Error;
use crate::job::DataSource;

/// One run of training: what `ff-train` is given, and `ff-soup select` for its validation data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecipe {
    /// What the run is. Absent: what the command says that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RunKind>,
    /// Names the run's folder.
    pub name: String,
    /// The model.
    pub model: ModelRecipe,
    /// The images.
    pub dataset: DatasetRecipe,
    /// How it is trained.
    pub train: TrainConfig,
    /// In-model merging at every step, drawn from the run's seed. Absent: none.
    pub inmerge: Option<InMerge>,
}

/// What a run of training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RunKind {
    /// Training on a source domain.
    Pretrain,
    /// The linear probe.
    Probe,
    /// Full fine-tuning.
    Finetune,
    /// Fast Geometric Generation.
    Fgg,
}

/// The model of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// Its architecture.
    pub architecture: Architecture,
    /// Side of the images.
    #[serde(alias = "px")]
    pub image_size: u32,
    /// Type to compute in.
    pub precision: Precision,
    /// Where its weights start: a `.safetensors` file, a Hugging Face id, or `random`.
    pub weights: WeightsSource,
    /// Optimizer state to start from: a base's `kept.optimizer.safetensors`.
    pub optimizer_state: Option<PathBuf>,
    /// Seed of whatever of the weights is new.
    pub seed: u64,
}

/// The images of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetRecipe {
    /// Where they are, below the data root.
    pub source: DatasetConfig,
    /// How they are divided.
    pub split: SplitRule,
    /// The most pixels that the shorter side of an image may have: larger ones are shrunk once and
    /// kept on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
}

impl RunKind {
    /// Its name in files and commands.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl RunRecipe {
    /// Reads a recipe file and applies overrides
    /// ([`read_experiment`](crate::experiment::read_experiment) says how).
    ///
    /// # Errors
    /// [`Error::File`]: what is wrong, by key.
    pub fn read(path: &Path, set: &[String]) -> Result<Self, Error> {
        let wrong = |reason: String| Error::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("cannot read this recipe: {error}")))?;
        Self::parse(&text, set).map_err(|error| wrong(error.to_string()))
    }

    /// As [`RunRecipe::read`], from text.
    ///
    /// # Errors
    /// [`Error::Config`]: what is wrong, by key.
    pub fn parse(text: &str, set: &[String]) -> Result<Self, Error> {
        let recipe: Self = parse_with_overrides(text, set).map_err(Error::Config)?;
        check_name(&recipe.name)?;
        Ok(recipe)
    }

    /// Refuses a recipe that is none for a kind of run.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn check(&self, kind: RunKind) -> Result<(), Error> {
        let wrong = |reason: &str| Err(Error::Config(reason.to_owned()));
        let probe = matches!(self.train.trainable, Trainable::Classifier { .. });
        let cyclic = matches!(self.train.schedule, LrSchedule::Cyclic { .. });
        let other = self.kind.is_some_and(|stated| stated != kind);
        if other || probe != (kind == RunKind::Probe) || cyclic != (kind == RunKind::Fgg) {
            return Err(Error::Config(format!(
                "this is not a recipe for `{}`\nhint: a linear probe has train.trainable.kind = \"classifier\", FGG has \
                 train.schedule.kind = \"cyclic\", the others have neither",
                kind.name()
            )));
        }
        if probe && self.inmerge.is_some() {
            return wrong(
                "inmerge: merging changes the convolutions, and a linear probe leaves them as they are",
            );
        }
        if self.model.weights == WeightsSource::Pretrain {
            return wrong("model.weights: `pretrain` belongs in a table's configuration; name a file here");
        }
        Ok(())
    }

    /// Where its images are.
    pub fn data(&self) -> DataSource {
        let DatasetRecipe { source, split, shrink_px } = self.dataset.clone();
        DataSource { source, split: Some(split), shrink_px }
    }

    /// Its model as a table's backbone.
    pub(super) fn backbone(&self) -> BackboneConfig {
        let ModelRecipe { architecture, weights, .. } = self.model.clone();
        BackboneConfig { name: architecture.name.to_owned(), architecture, weights, shallow_layers: None }
    }

    /// Its images as a table's dataset.
    pub(super) fn entry(&self) -> DatasetEntry {
        DatasetEntry {
            name: self.name.clone(),
            metric: self.train.metric,
            source: self.dataset.source.clone(),
            split: self.dataset.split.clone(),
            shrink_px: self.dataset.shrink_px,
            task_weights: self.train.task_weights,
            expected: None,
            paper_column: None,
            ood: Vec::new(),
        }
    }
}
