//! `ff-soup select --config`: selects by the images of a recipe.
//!
//! It shares [`Choice::make`] with the soup jobs of a table, so the same files give the same soup
//! by hand and in a table.

use std::collections::HashMap;

use anyhow::{Context, bail};
use ff_checkpoint::cores;
use ff_data::OnBadImage;
use ff_eval::Chance;
use ff_grid::{
    Averages, Catalog, Choice, Chosen, Diverged, RunRecipe, Selection, SoupSpec, group_fields,
    loader_threads, trained_on,
};
use ff_models::Spec;
use ff_train::task_kind;

use super::options::{BatchNorm, SelectOptions};
use super::printed::{RESAMPLES, Selected, Worth};
use crate::known::validation_predictions;
use crate::merge;
use crate::options::ConfigOptions;
use crate::output::say;
use crate::recipe::check_split;
use crate::score::beside;

/// Selects by the images of a recipe.
pub(super) fn make(options: &SelectOptions, config: &ConfigOptions, select: Selection) -> anyhow::Result<()> {
    let ConfigOptions { config, data_root, set } = config;
    let recipe = RunRecipe::read(config, set, None)?;
    let ingredients = merge::open(&options.files, options.base.as_deref())?.with_fields(group_fields);
    let device = options.device.find()?;
    let threads = loader_threads(device, cores().get());
    let catalog = Catalog::new(data_root, None, threads, OnBadImage::Error, 512 << 20);
    let data = catalog.open(&recipe.data()).map_err(anyhow::Error::msg);
    let data = data.with_context(|| config.display().to_string())?;
    for remark in &data.remarks {
        say(&format!("warning: {remark}"));
    }
    for one in ingredients.iter().chain(ingredients.base()) {
        check_split(&one.id, &trained_on(&one.weights), &data.identity, options.allow_other_split)?;
    }
    let model = Spec {
        architecture: recipe.model.architecture,
        outputs: data.dataset.task().outputs(),
        image_size: recipe.model.image_size,
        precision: recipe.model.precision,
        normalisation: recipe.model.normalisation,
    };
    let (metric, kind) = (recipe.train.metric, task_kind(data.dataset.task()));
    if let Some(by) = options.select_by.filter(|by| !by.applies_to(kind)) {
        bail!("--select-by: {by} does not apply to {kind} targets\nhint: choose log-loss or auroc");
    }
    let recalibrated = options.bn == BatchNorm::Recalibrate && recipe.model.architecture.batch_norm;
    let spec = SoupSpec {
        model,
        data: data.identity.clone(),
        metric,
        select,
        select_by: options.select_by.filter(|by| *by != metric),
        folds: Some(options.folds()).filter(|&folds| folds > 0),
        recalibrate: recalibrated.then_some(recipe.train.batch_size),
        bn_images: (recalibrated && options.bn_images > 0).then_some(options.bn_images),
        diverged: Diverged::default(),
        averages: Averages::default(),
        filter: None,
    };
    let images = data.splits.val.len();
    let mut known = 0;
    let mut predictions = |id: &str| {
        let one = ingredients.iter().find(|one| one.id == id);
        let found = one.and_then(|one| validation_predictions(&one.weights, &spec.model, &data.identity));
        let found = found.filter(|found| found.len() == images);
        known += usize::from(found.is_some());
        Ok(found)
    };
    let folder = beside(&options.output, ".statistics");
    let choice = Choice {
        ingredients: &ingredients,
        spec: &spec,
        scores: HashMap::new(),
        predictions: &mut predictions,
        folder: &folder,
        verdict: (options.folds() > 0).then_some((RESAMPLES, 0)),
    };
    let chosen = choice.make(&catalog, &data, device)?;
    let chance = Chance::of(metric, &chosen.predictions);
    let Chosen { soup, weights, provenance, notes, cost, validation, cross_fitted, verdict, .. } = chosen;
    tracing::debug!(models = options.files.len(), known, "models whose training has predicted the images");
    let whole = cost.evaluations * images as u64;
    tracing::debug!(cost.evaluations, cost.evaluated_images, whole, "images evaluated");
    weights.save(&options.output, Some(&provenance))?;
    notes.iter().for_each(|note| say(&format!("note: {note}")));
    let cross_fitted = cross_fitted.map(|(of, _)| of);
    let worth = Worth { metric, validation, chance, cross_fitted, verdict };
    let by = spec.chooses_by().name();
    Selected { soup, by, models: options.files.len(), worth: Some(worth) }.print(options)
}
