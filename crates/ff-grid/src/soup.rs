//! The soup job: ingredients from runs, scores from validation.

use std::path::PathBuf;

use ff_eval::Metric;
use ff_models::{Model, Spec};
use ff_soup::{Ingredients, Ranked, Selector};
use ff_train::{load_predictions, save_predictions};

use crate::perform::{VERSION, Workshop};
use crate::pool::{Models, RunModel};
use crate::record::{Finished, SoupRecord};
use crate::scorer::ValidationScorer;
use crate::{Cost, Error, Job, Opened, Part, Selection};

/// Chooses among the models of a job's inputs and writes the average, its validation predictions, and why.
pub(crate) fn make(
    workshop: &Workshop<'_>,
    job: &Job,
    (spec, recalibrate): (&Spec, Option<usize>),
    data: &Opened,
    metric: Metric,
    select: &Selection,
) -> Result<(Finished, Cost), Error> {
    let validation = workshop.catalog.eval_set(data, Part::Validation, spec.px);
    let Models { models, left_out } = Models::of(workshop, &job.inputs)?;
    let candidates = models.len();
    let ingredients = Ingredients::new(models.iter().map(RunModel::open).collect::<Result<_, _>>()?)?;
    let scored = || models.iter().filter_map(|model| Some((model, model.score?)));
    let known = scored().map(|(model, score)| (model.id.clone(), score)).collect();
    let model = Model::new(spec, workshop.device, 0)?;
    let mut scorer = ValidationScorer::new(model, &validation, metric, known);
    if let Some(batch_size) = recalibrate {
        scorer = scorer.recalibrated_on(workshop.catalog.recalibration(data, spec.px, batch_size));
    }
    let soup = match select.hierarchy() {
        Some(hierarchy) => {
            // Of a mean of all there are no candidates to look at.
            if hierarchy.policies.iter().any(|policy| policy.is_greedy()) {
                for (model, _) in scored() {
                    scorer = scorer.knowing(&model.id, load_predictions(&model.predictions)?);
                }
            }
            hierarchy.select(&ingredients, &mut scorer)?
        }
        None => Ranked(select.rank()).select(&ingredients, &mut scorer)?,
    };
    let mut weights = ingredients.weights(&soup.mix)?;
    let (evaluations, images) = (scorer.evaluations(), scorer.images());
    let predictions = scorer.predict(&weights, &soup.mix)?;
    let recipe = serde_json::to_value(&job.recipe).map_err(|error| Error::Job(error.to_string()))?;
    let mut recipe = recipe.as_object().cloned().unwrap_or_default();
    // Whoever gets the file alone must know what its outputs mean.
    recipe.insert("classes".into(), data.dataset.task().names().into());
    let recomputed = scorer.recomputed(&soup.mix);
    if !recomputed.is_empty() {
        weights = scorer.weights();
        recipe.insert("recomputed".into(), recomputed.into());
    }
    let provenance =
        ingredients.provenance(&soup.mix, recipe, Some(data.identity.digest.clone()), VERSION)?;
    let folder = workshop.runs.folder(job);
    let file = PathBuf::from("soup.safetensors");
    weights.save(&folder.join(&file), Some(&provenance))?;
    save_predictions(&folder.join(SoupRecord::PREDICTIONS), &predictions, Some(&provenance))?;

    let skipped = validation.skipped().to_vec();
    let cost = Cost { evaluations, evaluated_images: images, ..Cost::default() };
    let digest = *weights.digest();
    Ok((Finished::Soup(SoupRecord { soup, candidates, left_out, skipped, weights: file, digest }), cost))
}
