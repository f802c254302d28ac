//! The models that training runs saved.
//!
//! A diverged run counts as a run that ended early: the models that it saved before the divergence
//! stay, by the rule of the best epoch on validation. The record names the step of the divergence,
//! and a method may drop such models. A diverged run has no moving average of its weights.

use std::collections::BTreeMap;

use ff_checkpoint::StateDict;
use ff_eval::Predictions;
use ff_soup::Ingredient;
use ff_train::{SavedModel, predictions_of};

use super::context::JobContext;
use crate::error::Error;
use crate::job::{AVERAGE, Averages, Diverged, EMA, Job, JobId, JobSpec, NO_EMA, SoupSpec, model_name};

/// The models of several runs, in order. No file is opened yet.
#[derive(Default)]
pub(crate) struct Models {
    /// The models.
    pub models: Vec<RunModel>,
    /// Diverged runs whose models are left out, by label.
    pub left_out: Vec<String>,
    /// Diverged runs whose models from before the divergence are included, by label.
    pub diverged: Vec<String>,
    /// Models that a filter leaves out, each with the reason.
    pub filtered: Vec<String>,
}

/// A model that a run saved.
pub(crate) struct RunModel {
    /// Its name in soups and figures.
    pub id: String,
    /// The fields that a hierarchy can group it by.
    pub fields: BTreeMap<String, String>,
    /// Its validation score from training.
    pub score: Option<f64>,
    /// The run.
    run: Job,
    /// The files of the model.
    kept: SavedModel,
}

impl Models {
    /// Collects the models of runs, each followed by the moving average if `averages` includes it.
    /// The models of a cyclic run are its snapshots, and not its best epoch.
    pub fn of<'a>(
        context: &JobContext<'_>,
        runs: impl IntoIterator<Item = &'a JobId>,
        diverged: Diverged,
        averages: Averages,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        for id in runs {
            let run = context.planned(id)?;
            let record = context.runs.done(run)?;
            let outcome = record.training()?;
            if outcome.diverged.is_some() {
                let none = outcome.is_empty() || averages == Averages::Only;
                let drop = diverged == Diverged::Drop || none;
                let list = if drop { &mut found.left_out } else { &mut found.diverged };
                list.push(run.label.clone());
                if drop {
                    continue;
                }
            }
            let snapshots = outcome.snapshots.iter().enumerate().map(|(i, kept)| (Some(i + 1), kept));
            let mut models: Vec<_> = match run.spec {
                JobSpec::Import(_) => outcome.kept.iter().map(|kept| (None, kept)).collect(),
                _ if averages == Averages::Only => Vec::new(),
                JobSpec::Fgg(_) => snapshots.collect(),
                _ => outcome.kept.iter().map(|kept| (None, kept)).collect(),
            };
            let plain = models.len();
            if averages != Averages::Without {
                models.extend(outcome.ema.iter().map(|average| (None, average)));
            }
            for (at, (number, kept)) in models.into_iter().enumerate() {
                let average = if at < plain { NO_EMA } else { EMA };
                let with_average = |mut fields: BTreeMap<String, String>| {
                    fields.insert(AVERAGE.into(), average.into());
                    fields
                };
                let mut fields = with_average(run.group_fields());
                fields.insert("snapshot".into(), number.unwrap_or(0).to_string());
                found.models.push(RunModel {
                    // The fields that all runs share are no part of a name.
                    id: match run.spec {
                        JobSpec::Import(ref import) => import.name().to_owned(),
                        _ => model_name(&with_average(run.fields.clone()), number),
                    },
                    fields,
                    score: kept.validation.value(),
                    run: run.clone(),
                    kept: kept.clone(),
                });
            }
        }
        Ok(found)
    }

    /// Collects the models that a soup's method gets: those of its runs that its filter leaves in.
    pub fn of_soup(context: &JobContext<'_>, job: &Job, spec: &SoupSpec) -> Result<Self, Error> {
        let mut found = Self::of(context, job.runs(), spec.diverged, spec.averages)?;
        if let (Some(filter), Some(forecast)) = (&spec.filter, job.forecast()) {
            let record = context.runs.done(context.planned(forecast)?)?;
            let left_out = filter.left_out(record.forecast()?);
            found.models.retain(|model| left_out.iter().all(|(id, _)| *id != model.id));
            found.filtered = left_out.into_iter().map(|(id, why)| format!("{id}: {why}")).collect();
        }
        Ok(found)
    }

    /// Finds a model by its name.
    pub fn get(&self, id: &str) -> Result<&RunModel, Error> {
        self.models.iter().find(|model| model.id == id).ok_or_else(|| {
            let known: Vec<_> = self.models.iter().map(|model| model.id.as_str()).collect();
            Error::Job(format!("no model is named `{id}`\nhint: the models are {}", known.join(", ")))
        })
    }
}

impl RunModel {
    /// Returns the validation error of its score, which is of the metric that its run was trained
    /// with.
    pub fn error(&self) -> Option<f64> {
        let metric = self.run.spec.metric_of_models()?;
        self.score.map(|score| metric.error(score))
    }

    /// Opens the model's weights.
    pub fn open(&self, context: &JobContext<'_>) -> Result<Ingredient, Error> {
        let weights = context.runs.open(&self.run, &self.kept.weights)?;
        Ok(Ingredient { id: self.id.clone(), weights, fields: self.fields.clone() })
    }

    /// Opens its predictions on the validation images, which training saved.
    pub fn predictions(&self, context: &JobContext<'_>) -> Result<Predictions, Error> {
        Ok(predictions_of(&self.open_predictions(context)?)?)
    }

    /// Opens the file of these predictions.
    pub fn open_predictions(&self, context: &JobContext<'_>) -> Result<StateDict, Error> {
        context.runs.open(&self.run, &self.kept.predictions)
    }
}
