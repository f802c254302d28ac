//! The recipe of one run of training, as a file states it.

use std::path::Path;

use anyhow::{Context, anyhow};
use ff_checkpoint::StateDict;
use ff_data::{DatasetConfig, SplitRule};
use ff_grid::{Catalog, Opened, WeightsSource};
use ff_models::{Architecture, Precision, Spec};
use ff_train::TrainConfig;
use serde::{Deserialize, Serialize};

/// One run of training: what `ff-train` is given, and `ff-soup select` for its validation data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecipe {
    /// Names the run's folder.
    pub name: String,
    /// The model.
    pub model: ModelRecipe,
    /// The images.
    pub dataset: DatasetRecipe,
    /// How it is trained.
    pub train: TrainConfig,
}

/// The model of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// Its architecture.
    pub architecture: Architecture,
    /// Side of the images.
    pub px: u32,
    /// Type to compute in.
    pub precision: Precision,
    /// Where its weights start: a `.safetensors` file, a Hugging Face id, or `random`.
    pub weights: WeightsSource,
    /// Optimizer state to start from: a base's `kept.optimizer.safetensors`.
    pub optimizer_state: Option<std::path::PathBuf>,
    /// Seed of whatever of the weights is new.
    pub seed: u64,
}

/// The images of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetRecipe {
    /// Where they are, below the data root.
    pub source: DatasetConfig,
    /// How they are divided.
    pub split: SplitRule,
}

impl RunRecipe {
    /// Reads a recipe file and applies overrides ([`ff_grid::Config::read`] says how).
    pub fn read(path: &Path, set: &[String]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot read this recipe", path.display()))?;
        ff_grid::parse_with_overrides(&text, set).map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    /// Opens and divides the images.
    pub fn open(&self, catalog: &Catalog) -> anyhow::Result<std::sync::Arc<Opened>> {
        catalog.open(&self.dataset.source, Some(&self.dataset.split)).map_err(|error| anyhow!(error))
    }

    /// The model's form.
    pub fn spec(&self, data: &Opened) -> Spec {
        let ModelRecipe { architecture, px, precision, .. } = self.model;
        Spec { architecture, outputs: data.dataset.task().outputs(), px, precision }
    }
}

/// The form of the model that a file of weights is of, from its provenance.
pub fn spec_of(weights: &StateDict) -> anyhow::Result<Spec> {
    let recipe = &weights.provenance()?.recipe;
    let model = recipe.get("model").cloned().context("its provenance names no model")?;
    serde_json::from_value(model).context("its provenance names a model that is not known")
}
