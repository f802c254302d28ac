//! The models that runs left.

use std::collections::BTreeMap;

use ff_eval::Predictions;
use ff_soup::Ingredient;
use ff_train::{SavedModel, predictions_of};

use super::context::JobContext;
use crate::error::Error;
use crate::job::{Diverged, Job, JobId, JobSpec, model_name};

/// The models of some runs, in order; no file is opened yet.
#[derive(Default)]
pub(crate) struct Models {
    /// What they left.
    pub models: Vec<RunModel>,
    /// Runs that diverged and are left out, by label.
    pub left_out: Vec<String>,
    /// Runs that diverged and whose models from before that are among these, by label.
    pub diverged: Vec<String>,
}

/// A model that a run left.
pub(crate) struct RunModel {
    /// Its name in soups and figures.
    pub id: String,
    /// What a hierarchy can group it by.
    pub fields: BTreeMap<String, String>,
    /// Its score on validation, as training found it.
    pub score: Option<f64>,
    /// The run.
    run: Job,
    /// What it left of the model.
    kept: SavedModel,
}

impl Models {
    /// What the runs of these identities left. Of a cyclic run the models are the snapshots; its
    /// best epoch is just one more point on the way.
    pub fn of<'a>(
        context: &JobContext<'_>,
        runs: impl IntoIterator<Item = &'a JobId>,
        diverged: Diverged,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        for id in runs {
            let run = context.planned(id)?;
            let record = context.runs.done(run)?;
            let outcome = record.training()?;
            if outcome.diverged.is_some() {
                let drop = diverged == Diverged::Drop || outcome.is_empty();
                let list = if drop { &mut found.left_out } else { &mut found.diverged };
                list.push(run.label.clone());
                if drop {
                    continue;
                }
            }
            let snapshots = outcome.snapshots.iter().enumerate().map(|(i, kept)| (Some(i + 1), kept));
            let models: Vec<_> = match run.spec {
                JobSpec::Fgg(_) => snapshots.collect(),
                _ => outcome.kept.iter().map(|kept| (None, kept)).collect(),
            };
            for (number, kept) in models {
                let mut fields = run.fields.clone();
                fields.insert("snapshot".into(), number.unwrap_or(0).to_string());
                found.models.push(RunModel {
                    id: model_name(&run.fields, number),
                    fields,
                    score: kept.validation.value(),
                    run: run.clone(),
                    kept: kept.clone(),
                });
            }
        }
        Ok(found)
    }

    /// The model of that name.
    pub fn get(&self, id: &str) -> Result<&RunModel, Error> {
        self.models.iter().find(|model| model.id == id).ok_or_else(|| {
            let known: Vec<_> = self.models.iter().map(|model| model.id.as_str()).collect();
            Error::Job(format!("no model is named `{id}`\nhint: there are {}", known.join(", ")))
        })
    }
}

impl RunModel {
    /// The model with its weights.
    pub fn open(&self, context: &JobContext<'_>) -> Result<Ingredient, Error> {
        let weights = context.runs.open(&self.run, &self.kept.weights)?;
        Ok(Ingredient { id: self.id.clone(), weights, fields: self.fields.clone() })
    }

    /// What it said of the validation images when training had made it.
    pub fn predictions(&self, context: &JobContext<'_>) -> Result<Predictions, Error> {
        Ok(predictions_of(&context.runs.open(&self.run, &self.kept.predictions)?)?)
    }
}
