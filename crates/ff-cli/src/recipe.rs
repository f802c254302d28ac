//! What weights say of themselves, for whoever has the file alone.

use anyhow::{Context, bail};
use ff_checkpoint::StateDict;
use ff_data::Task;
use ff_eval::OutputMap;
use ff_grid::{DataIdentity, OTHER_SPLIT_HINT, other_split};
use ff_models::Spec;

/// The form of the model that a file of weights is of, from its provenance.
pub fn spec_of(weights: &StateDict) -> anyhow::Result<Spec> {
    let recipe = &weights.provenance()?.recipe;
    let model = recipe.get("model").cloned().context("its provenance names no model")?;
    serde_json::from_value(model).context("its provenance names a model that is not known")
}

/// Which outputs of a model speak for which classes of a dataset; `None` if they are its own, or
/// its file does not say what they are. `merge` is as for [`OutputMap::by_name`].
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

/// Refuses weights that know these images in another division: what they are validated or tested on
/// may be what they, or those that they come from, were trained on. If `allowed`, it is said and
/// nothing else.
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
