//! The models that runs left.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ff_soup::Ingredient;

use crate::perform::{Workshop, open};
use crate::{Error, Recipe};

/// The models of some runs, in order; no file is opened yet.
#[derive(Default)]
pub(crate) struct Models {
    /// What they left.
    pub models: Vec<RunModel>,
    /// Runs that diverged, by label.
    pub left_out: Vec<String>,
}

/// A model that a run left.
pub(crate) struct RunModel {
    /// Its name in soups and figures.
    pub id: String,
    /// What a hierarchy can group it by.
    pub fields: BTreeMap<String, String>,
    /// Its score on validation, as training found it.
    pub score: Option<f64>,
    /// Its weights' file.
    pub weights: PathBuf,
    /// The file of its validation predictions.
    pub predictions: PathBuf,
}

impl Models {
    /// What the runs of these identities left. Of a cyclic run the models are the captures; its best epoch is just one more
    /// point on the way.
    pub fn of<'a>(
        workshop: &Workshop<'_>,
        runs: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        for id in runs {
            let run = workshop.planned(id)?;
            let record = workshop.runs.done(run)?;
            let outcome = record.training()?;
            if outcome.diverged.is_some() {
                found.left_out.push(run.label.clone());
                continue;
            }
            let folder = workshop.runs.folder(run);
            let captures = outcome.captures.iter().enumerate().map(|(i, kept)| (Some(i + 1), kept));
            let models: Vec<_> = match run.recipe {
                Recipe::Fgg(_) => captures.collect(),
                _ => outcome.kept.iter().map(|kept| (None, kept)).collect(),
            };
            for (number, kept) in models {
                let mut fields = run.fields.clone();
                fields.insert("capture".into(), number.unwrap_or(0).to_string());
                found.models.push(RunModel {
                    id: model_name(&run.fields, number),
                    fields,
                    score: kept.validation.value(),
                    weights: folder.join(&kept.weights),
                    predictions: folder.join(&kept.predictions),
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
    pub fn open(&self) -> Result<Ingredient, Error> {
        let weights = open(&self.weights)?;
        Ok(Ingredient { id: self.id.clone(), weights, fields: self.fields.clone() })
    }
}

/// A model's name: what its run varied, and its number among the run's captures.
pub(crate) fn model_name(fields: &BTreeMap<String, String>, capture: Option<usize>) -> String {
    let field = |name: &str| fields.get(name).map_or("?", String::as_str);
    let run = format!("lr {} {} seed {}", field("learning_rate"), field("augmentation"), field("seed"));
    match capture {
        Some(number) => format!("{run} capture {number}"),
        None => run,
    }
}
