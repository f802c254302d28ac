//! The soup job: ingredients from runs, scores from validation.

use ff_checkpoint::FileRef;
use ff_eval::Note;
use ff_models::Model;
use ff_soup::{Ingredients, NthBest, Selector};
use ff_train::save_predictions;

use super::context::JobContext;
use super::models::Models;
use super::scorer::ValidationScorer;
use crate::catalog::OpenDataset;
use crate::error::Error;
use crate::job::{Cost, EvalSplit, Job, JobOutput, SoupRecord, SoupSpec, VERSION};
use crate::store::{note_trained_on, trained_on};

/// Chooses among the models of a job's inputs and writes the average, its validation predictions, and why.
pub(crate) fn make(
    context: &JobContext<'_>,
    job: &Job,
    recipe: &SoupSpec,
    data: &OpenDataset,
) -> Result<(JobOutput, Cost), Error> {
    let SoupSpec { model: spec, metric, select, recalibrate, diverged, .. } = recipe;
    let validation = context.catalog.eval_set(data, EvalSplit::Validation, spec.image_size);
    let Models { models, left_out, diverged } = Models::of(context, job.runs(), *diverged)?;
    let candidates = models.len();
    let ingredients =
        Ingredients::new(models.iter().map(|model| model.open(context)).collect::<Result<_, _>>()?)?;
    let scored = || models.iter().filter_map(|model| Some((model, model.score?)));
    let known = scored().map(|(model, score)| (model.id.clone(), score)).collect();
    let model = Model::new(spec, context.device, 0)?;
    let mut scorer = ValidationScorer::new(model, &validation, *metric, known);
    if let Some(batch_size) = recalibrate {
        scorer = scorer.recalibrated_on(context.catalog.recalibration(data, spec.image_size, *batch_size));
    }
    let soup = match select.hierarchy() {
        Some(hierarchy) => {
            // Of a mean of all there are no candidates to look at.
            if hierarchy.policies.iter().any(|policy| policy.is_greedy()) {
                for (model, _) in scored() {
                    scorer = scorer.with_predictions(&model.id, model.predictions(context)?);
                }
            }
            hierarchy.select(&ingredients, &mut scorer)?
        }
        None => NthBest(select.rank()).select(&ingredients, &mut scorer)?,
    };
    let mut weights = ingredients.weights(&soup.average)?;
    let (evaluations, images) = (scorer.evaluations(), scorer.images());
    let found_on = scorer.predict(&weights, &soup.average)?;
    let recipe = serde_json::to_value(&job.spec).map_err(|error| Error::Job(error.to_string()))?;
    let mut recipe = recipe.as_object().cloned().unwrap_or_default();
    // Whoever gets the file alone must know what its outputs mean.
    recipe.insert("classes".into(), data.dataset.task().names().into());
    note_trained_on(&mut recipe, ingredients.iter().flat_map(|one| trained_on(&one.weights)));
    let recomputed = scorer.recomputed(&soup.average);
    if !recomputed.is_empty() {
        weights = scorer.weights();
        recipe.insert("recomputed".into(), recomputed.into());
    }
    let provenance =
        ingredients.provenance(&soup.average, recipe, Some(data.identity.digest.clone()), VERSION)?;
    let folder = context.runs.folder(job);
    let (name, of_predictions) = ("soup.safetensors", "soup.val.safetensors");
    weights.save(&folder.join(name), Some(&provenance))?;
    let found = save_predictions(&folder.join(of_predictions), &found_on, Some(&provenance))?;

    let skipped = validation.skipped().to_vec();
    let cost = Cost { evaluations, evaluated_images: images, ..Cost::default() };
    let digest = *weights.digest();
    let (weights, predictions) = (FileRef::new(name, digest), FileRef::new(of_predictions, found));
    // A choice by a class of a few images hangs on single ones.
    let few = Note::few_samples(found_on.targets(), found_on.outputs());
    let said = metric.notes(&found_on).into_iter().chain(few);
    let notes =
        said.map(|note| format!("validation: {}", note.describe(data.dataset.task().names()))).collect();
    let record =
        SoupRecord { soup, candidates, left_out, diverged, notes, skipped, weights, predictions, digest };
    Ok((JobOutput::Soup(record), cost))
}
