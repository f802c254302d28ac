//! One run of training as its recipe states it.

use std::path::{Path, PathBuf};

use ff_data::{DatasetConfig, SplitRule};
use ff_inmerge::InMerge;
use ff_models::{Architecture, Normalisation, Precision};
use ff_train::{LrSchedule, TrainConfig, Trainable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::config::{
    BackboneConfig, DatasetEntry, ModelConfig, NO_WEIGHTS, PretrainConfig, WeightsSource, check_name, fill,
    override_values, read_toml,
};
use crate::error::Error;
use crate::experiment::soups::{FggConfig, ProbeConfig};
use crate::job::DataSource;

/// One run of training, for `ff-train`; `ff-soup select` takes its model and validation data from
/// it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunRecipe {
    /// Kind of run: `pretrain`, `probe`, `finetune` or `fgg`. Absent: that of the command that runs
    /// it. The defaults of other keys depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<RunKind>,
    /// Name of the run's folder. Empty: the name of the recipe's file, without `.toml`.
    pub name: String,
    /// The model.
    pub model: ModelRecipe,
    /// The images.
    pub dataset: DatasetRecipe,
    /// How the model is trained.
    pub train: TrainConfig,
    /// In-model merging at every step, drawn from the run's seed. Absent: none.
    pub inmerge: Option<InMerge>,
}

/// FissionFusion's full fine-tuning.
impl Default for RunRecipe {
    fn default() -> Self {
        Self {
            kind: None,
            name: String::new(),
            model: ModelRecipe::default(),
            dataset: DatasetRecipe::default(),
            train: TrainConfig::default(),
            inmerge: None,
        }
    }
}

/// Just enough of a recipe to tell its kind.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stated {
    kind: Option<RunKind>,
}

/// Kinds of training runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RunKind {
    /// Training on a source dataset.
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
#[serde(deny_unknown_fields, default)]
pub struct ModelRecipe {
    /// Architecture, by timm's name.
    pub architecture: Architecture,
    /// Side of the images that the model sees, in pixels.
    pub image_size: u32,
    /// Type to compute in: `fp32`, `tf32` or `bf16`.
    pub precision: Precision,
    /// How images are normalised: RGB, of pixels from 0 to 1. Absent: as the architecture's published
    /// weights have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// Where the weights start: `pretrained` (the architecture's ImageNet weights on the Hugging Face
    /// hub), another id of the hub, a file of weights or a folder that holds one, or `random`.
    pub weights: WeightsSource,
    /// File of optimizer state to start from: a base's `kept.optimizer.safetensors`.
    pub optimizer_state: Option<PathBuf>,
    /// Seed of the weights that are new, such as the classifier.
    pub seed: u64,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        let ModelConfig { image_size, precision, normalisation, .. } = ModelConfig::default();
        let BackboneConfig { architecture, weights, .. } = BackboneConfig::default();
        Self { architecture, image_size, precision, normalisation, weights, optimizer_state: None, seed: 0 }
    }
}

/// The images of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatasetRecipe {
    /// Where the images are, and in which form. Paths are relative to the data root.
    pub source: DatasetConfig,
    /// How images are split into train, val and test.
    pub split: SplitRule,
    /// Largest shorter side in pixels. Larger images are shrunk once to this side and kept on disk.
    /// Absent: images are decoded at their full size each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
}

impl RunKind {
    /// Its name in files and commands.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Folders in a runs folder that are not a run's.
const OF_THE_RUNS_FOLDER: [&str; 4] = ["cache", "jobs", "slurm", "tables"];

impl RunRecipe {
    /// The defaults of a kind of run: FissionFusion's (§3).
    pub fn of_kind(kind: RunKind) -> Self {
        let mut recipe = Self { kind: Some(kind), ..Self::default() };
        let train = &mut recipe.train;
        match kind {
            RunKind::Pretrain => {
                let section = PretrainConfig::default();
                (train.epochs, train.augment, train.seed) = (section.epochs, section.augment, section.seed);
                train.schedule = LrSchedule::Cosine { lr: section.learning_rate };
                recipe.model.weights = WeightsSource::Random;
            }
            RunKind::Probe => {
                let section = ProbeConfig::default();
                (train.epochs, train.augment, train.seed) = (section.epochs, section.augment, section.seed);
                train.schedule = LrSchedule::Cosine { lr: section.learning_rate };
                train.trainable = Trainable::Classifier { update_bn_stats: section.update_bn_stats };
            }
            RunKind::Finetune => {}
            RunKind::Fgg => {
                let section = FggConfig::default();
                (train.epochs, train.augment, train.seed) = (section.epochs, section.augment, section.seed);
                train.schedule = section.schedule();
            }
        }
        recipe
    }

    /// Reads a recipe file and applies overrides ([`read_experiment`](crate::experiment::read_experiment)
    /// says how). `kind` is the command's, for a file that names none; without either the defaults
    /// are those of full fine-tuning.
    ///
    /// # Errors
    /// [`Error::File`] names the file and the key that is wrong.
    pub fn read(path: &Path, set: &[String], kind: Option<RunKind>) -> Result<Self, Error> {
        let wrong = |reason: String| Error::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("cannot read this recipe: {error}")))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&text, set, kind, &name).map_err(|error| {
            let file: toml::Table = toml::from_str(&text).unwrap_or_default();
            let of_table = file.contains_key("backbone") || file.get("dataset").is_some_and(Value::is_array);
            let hint = if of_table {
                "\nhint: this is the configuration of a table: run it with `ff-grid run --config`"
            } else {
                ""
            };
            wrong(format!("{}{hint}", error.to_string().trim_end()))
        })
    }

    /// As [`RunRecipe::read`], from text; `name` is the run's where the text gives none.
    ///
    /// # Errors
    /// [`Error::Config`] names the key that is wrong.
    pub fn parse(text: &str, set: &[String], kind: Option<RunKind>, name: &str) -> Result<Self, Error> {
        let stated = read_toml(text, &Stated::default()).and_then(|stated| override_values(stated, set));
        let Stated { kind: stated } = stated.map_err(Error::Config)?;
        let of_kind = stated.or(kind).unwrap_or(RunKind::Finetune);
        let defaults = Self { kind: stated, ..Self::of_kind(of_kind) };
        let recipe = read_toml(text, &defaults).and_then(|recipe| override_values(recipe, set));
        let mut recipe = recipe.map_err(Error::Config)?;
        fill(&mut recipe.name, name);
        check_name(&recipe.name)?;
        if OF_THE_RUNS_FOLDER.contains(&recipe.name.as_str()) {
            return Err(Error::Config(format!(
                "name: expected one that no other folder of a runs folder has ({}), found `{}`",
                OF_THE_RUNS_FOLDER.join(", "),
                recipe.name
            )));
        }
        recipe.model.weights = recipe.model.weights.of(recipe.model.architecture);
        if recipe.model.weights == WeightsSource::Pretrained {
            return Err(Error::Config(format!("model.{NO_WEIGHTS}")));
        }
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
