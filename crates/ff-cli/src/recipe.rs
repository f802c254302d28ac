//! The model, classes and data that are recorded in a file of weights.

use anyhow::{Context, bail};
use ff_checkpoint::StateDict;
use ff_data::Task;
use ff_eval::OutputMap;
use ff_grid::{DataIdentity, OTHER_SPLIT_HINT, other_split};
use ff_models::Spec;

/// Returns the model's specification from the provenance of a file of weights.
pub fn spec_of(weights: &StateDict) -> anyhow::Result<Spec> {
    let recipe = &weights.provenance()?.recipe;
    let model = recipe.get("model").cloned().context("expected a model in the provenance, found none")?;
    serde_json::from_value(model).context("the provenance names an unknown model")
}

/// Maps a model's outputs to the classes of a dataset, by name.
///
/// `None` if the classes are the model's own, or if its file does not name any. `merge` is as for
/// [`OutputMap::by_name`].
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

/// Refuses weights that were trained on these images in another split.
///
/// Validation or test images may then be images that the weights, or weights they come from, were
/// trained on. If `allowed`, only prints a warning.
pub fn check_split(
    name: &str,
    seen: &[DataIdentity],
    data: &DataIdentity,
    allowed: bool,
) -> anyhow::Result<()> {
    match other_split(seen, data) {
        Some(why) if allowed => crate::output::say(&format!("warning: {name}: {why}")),
        Some(why) => bail!("{name}: {why}\n{OTHER_SPLIT_HINT}"),
        None => {}
    }
    Ok(())
}
