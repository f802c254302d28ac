//! The recipe of one run of training, as a file states it.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use ff_checkpoint::StateDict;
use ff_data::{DatasetConfig, SplitRule, Task};
use ff_eval::OutputMap;
use ff_grid::{
    Catalog, DataIdentity, DataSource, OTHER_SPLIT_HINT, OpenDataset, WeightsSource, check_name, other_split,
};
use ff_inmerge::InMerge;
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
    /// In-model merging at every step, drawn from the run's seed. Absent: none.
    pub inmerge: Option<InMerge>,
}

/// The model of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The most pixels that the shorter side of an image may have: larger ones are shrunk once and kept on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
}

impl RunRecipe {
    /// Reads a recipe file and applies overrides ([`ff_grid::Experiment::read`] says how).
    pub fn read(path: &Path, set: &[String]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot read this recipe", path.display()))?;
        let named = |error: String| anyhow!("{}: {error}", path.display());
        let recipe: Self = ff_grid::parse_with_overrides(&text, set).map_err(named)?;
        check_name(&recipe.name).map_err(|error| named(error.to_string()))?;
        Ok(recipe)
    }

    /// Opens and divides the images.
    pub fn open(&self, catalog: &Catalog) -> anyhow::Result<std::sync::Arc<OpenDataset>> {
        let DatasetRecipe { source, split, shrink_px } = self.dataset.clone();
        catalog.open(&DataSource { source, split: Some(split), shrink_px }).map_err(|error| anyhow!(error))
    }

    /// The model's form.
    pub fn spec(&self, data: &OpenDataset) -> Spec {
        let ModelRecipe { architecture, image_size, precision, .. } = self.model;
        Spec { architecture, outputs: data.dataset.task().outputs(), image_size, precision }
    }
}

/// The form of the model that a file of weights is of, from its provenance.
pub fn spec_of(weights: &StateDict) -> anyhow::Result<Spec> {
    let recipe = &weights.provenance()?.recipe;
    let model = recipe.get("model").cloned().context("its provenance names no model")?;
    serde_json::from_value(model).context("its provenance names a model that is not known")
}

/// Which outputs of a model speak for which classes of a dataset; `None` if they are its own, or its file does not say
/// what they are. `merge` is as for [`OutputMap::by_name`].
pub fn output_map(
    weights: &StateDict,
    task: &Task,
    merge: &[(String, String)],
) -> anyhow::Result<Option<OutputMap>> {
    let recipe = &weights.provenance()?.recipe;
    let classes: Option<Vec<String>> =
        recipe.get("classes").and_then(|names| serde_json::from_value(names.clone()).ok());
    let Some(classes) = classes else { return Ok(None) };
    let merge = merge.iter().cloned().collect();
    OutputMap::by_name(ff_train::task_kind(task), &classes, task.names(), &merge).map_err(anyhow::Error::msg)
}

/// Refuses weights that know these images in another division: what they are validated or tested on may be what they, or
/// those that they come from, were trained on. If `allowed`, it is said and nothing else.
pub fn check_split(
    name: &str,
    seen: &[DataIdentity],
    data: &DataIdentity,
    allowed: bool,
) -> anyhow::Result<()> {
    match other_split(seen, data) {
        Some(why) if allowed => crate::say(&format!("warning: {name}: {why}")),
        Some(why) => bail!("{name}: {why}\n{OTHER_SPLIT_HINT}"),
        None => {}
    }
    Ok(())
}
