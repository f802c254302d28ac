//! Ensembles: the mean of the probabilities that all models of a pool predict.
//!
//! On validation images it is the mean of what training saved, so that nothing is evaluated. Other
//! images take an evaluation of every model, one after the other with one network in memory.

use ff_checkpoint::{FileRef, Parent, StateDict};
use ff_eval::{Chance, Predictions, Score};
use ff_soup::{Average, Merged, Soup};
use ff_train::{predictions_of, save_predictions};
use serde_json::json;

use super::context::JobContext;
use super::models::Models;
use super::soup;
use crate::catalog::OpenDataset;
use crate::error::Error;
use crate::job::{Cost, CrossFit, Job, JobOutput, JobSpec, Record, SoupRecord, SoupSpec};

/// Scores the mean of the validation predictions of a job's runs, and writes it.
pub(super) fn make(
    context: &JobContext<'_>,
    job: &Job,
    spec: &SoupSpec,
    data: &OpenDataset,
) -> Result<(JobOutput, Cost), Error> {
    let Models { models, left_out, diverged, filtered } = Models::of_soup(context, job, spec)?;
    let share = Some(1.0 / models.len() as f64);
    let mut parents = Vec::new();
    let predictions = Predictions::mean(models.iter().map(|model| {
        let file = model.open_predictions(context)?;
        // Its parent is the model that predicted.
        let predicted = file.provenance()?.parents.iter().cloned();
        parents.extend(predicted.map(|parent| Parent { id: model.id.clone(), weight: share, ..parent }));
        Ok::<_, Error>(predictions_of(&file)?)
    }))?;
    let score = soup::score_of("ensemble", spec.metric, &predictions)?;
    let cross_fitted = spec.folds.map(|_| match filtered.is_empty() {
        true => CrossFit::of_no_choice(score),
        false => CrossFit::impossible(soup::FILTERED.to_owned()),
    });
    let mut notes = soup::notes(spec.metric, &predictions, data);
    notes.extend(soup::note_missing(&predictions, data));
    // It is recorded as a method that no merge has, so that nobody takes it for a mean of weights.
    let average = Average::Merged(Box::new(Merged {
        method: "ensemble".into(),
        settings: json!({}),
        base: None,
        statistics: Vec::new(),
        parts: models.iter().map(|model| Average::Ingredient(model.id.clone())).collect(),
    }));
    let name = "soup.val.safetensors";
    let provenance = context.provenance(job, parents, data)?;
    let digest = save_predictions(&context.runs.folder(job).join(name), &predictions, Some(&provenance))?;
    let record = SoupRecord {
        soup: Soup { average, score, decisions: Vec::new(), fit: None },
        candidates: models.len(),
        left_out,
        diverged,
        filtered,
        notes,
        skipped: Vec::new(),
        weights: None,
        statistics: Vec::new(),
        validation: None,
        chance: Chance::of(spec.metric, &predictions),
        counts: Score::new(spec.metric, &predictions, 0, 0).counts,
        cross_fitted,
        predictions: FileRef::new(name, digest),
        digest,
    };
    Ok((JobOutput::Soup(record), Cost::default()))
}

/// Predicts with every model of the ensemble that is on record, and returns the mean with the
/// models as its parents.
pub(super) fn predict(
    context: &JobContext<'_>,
    job: &Job,
    record: &Record,
    predict: &mut dyn FnMut(&StateDict) -> Result<Predictions, Error>,
) -> Result<(Predictions, Vec<Parent>), Error> {
    let JobSpec::Soup(SoupSpec { diverged, averages, .. }) = &record.spec else {
        return Err(record.not("an ensemble"));
    };
    let mut models = Models::of(context, job.runs(), *diverged, *averages)?.models;
    // Without those that a filter left out.
    let parts = record.soup()?.soup.average.shares();
    models.retain(|model| parts.iter().any(|(id, _)| *id == model.id));
    let weight = Some(1.0 / models.len() as f64);
    let mut parents = Vec::new();
    let mean = Predictions::mean(models.iter().map(|model| {
        let weights = model.open(context)?.weights;
        parents.push(Parent { weight, ..weights.as_parent(&model.id) });
        predict(&weights)
    }))?;
    Ok((mean, parents))
}
