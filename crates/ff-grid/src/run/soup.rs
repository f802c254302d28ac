//! Selection and averaging of models, for soup jobs and for files given by hand.
//!
//! Every job opens and checks its own ingredients, even if several methods of a column read the
//! same files. A check runs at the speed of memory, the evaluation of one candidate costs far more,
//! and a file that was damaged between two jobs is found.
//!
//! Recomputed BatchNorm statistics are part of the soup's weights, and not of the averages in its
//! record. The file names these tensors (`recomputed`), and `ff-soup verify` leaves them out.

use std::collections::HashMap;
use std::path::Path;

use ff_checkpoint::{Digest, FileRef, Provenance, StateDict};
use ff_eval::{Chance, Metric, Note, Predictions, Score, TaskKind, Value, Verdict, verdict};
use ff_models::Model;
use ff_soup::{Ingredients, NthBest, Selector, Soup};
use ff_train::{EvalSet, Recalibration, save_predictions, task_kind};
use tch::Device;

use super::context::JobContext;
use super::cross_fit::{cross_fit, folds, unfitted};
use super::models::Models;
use super::network::FittedNetwork;
use super::predictor::{ModelPredictor, Predictor};
use super::scorer::ValidationScorer;
use super::statistics::{BATCH, Wanted, statistics};
use crate::catalog::{Catalog, OpenDataset};
use crate::error::Error;
use crate::job::{
    Cost, CrossFit, EvalSplit, FIT_BN_IMAGES, Job, JobOutput, JobSpec, Record, Selection, SoupRecord,
    SoupSpec, VERSION,
};
use crate::store::{read_record, remove_file};

/// A selection to make: the candidates, the method, and known scores and predictions.
pub struct Choice<'a> {
    /// The candidate models.
    pub ingredients: &'a Ingredients,
    /// How they are selected and averaged.
    pub spec: &'a SoupSpec,
    /// Validation scores of models from training, by name.
    pub scores: HashMap<String, f64>,
    /// Returns the saved predictions of a model on the validation images, by name. It is called
    /// only by methods that compare candidates.
    pub predictions: &'a mut dyn FnMut(&str) -> Result<Option<Predictions>, Error>,
    /// The folder in which statistics of the models are written, as `statistics-NUMBER.safetensors`,
    /// for a method that needs them.
    pub folder: &'a Path,
    /// Resamples and seed of a verdict against the best single model, which takes a prediction by every
    /// model. `None`: no verdict.
    pub verdict: Option<(usize, u64)>,
}

/// The result of a selection.
pub struct Chosen {
    /// The average, and the decisions that led to it.
    pub soup: Soup,
    /// The weights of the average.
    pub weights: StateDict,
    /// Their provenance.
    pub provenance: Provenance,
    /// Predictions of the average on the validation images.
    pub predictions: Predictions,
    /// The table's metric of these, if the scores that chose are of another.
    pub validation: Option<f64>,
    /// The cross-fitted choice, and its predictions if they are not those of the average.
    pub cross_fitted: Option<(CrossFit, Option<Predictions>)>,
    /// What these predictions say against those of the best single model, and true if both are the
    /// same.
    pub verdict: Option<(Verdict, bool)>,
    /// Statistics of the models, relative to the folder.
    pub statistics: Vec<FileRef>,
    /// Notes on the score, such as classes with few images, and on training images that were left out.
    pub notes: Vec<String>,
    /// Validation images that could not be read and were left out, by name.
    pub skipped: Vec<String>,
    /// The cost, without the pass for the predictions of the average.
    pub cost: Cost,
}

impl Choice<'_> {
    /// Selects on the validation split of `data`.
    ///
    /// # Errors
    /// Models of different shapes, images that cannot be read, an undefined metric, cancellation; an
    /// ensemble, which has no weights.
    pub fn make(self, catalog: &Catalog, data: &OpenDataset, device: Device) -> Result<Chosen, Error> {
        let Self { ingredients, spec, scores, predictions, folder, verdict } = self;
        if spec.select.is_ensemble() {
            return Err(Error::Job("an ensemble has no weights to select or average".into()));
        }
        let validation = catalog.eval_set(data, EvalSplit::Validation, spec.model.image_size);
        let mut model = Model::new(&spec.model, device, 0)?;
        let size = spec.model.image_size;
        let (mut with_statistics, mut files, mut left_out) = (None, Vec::new(), None);
        if let Some(wanted) = Wanted::of(&spec.select) {
            let images = catalog.recalibration(data, size, BATCH, Some(wanted.images));
            let (found, written) = statistics(wanted, ingredients, &mut model, (&*images, data), folder)?;
            (files, left_out) = (written, note_left_out(&images, "statistics of the models"));
            with_statistics = Some(ingredients.clone().with_statistics(wanted.kind, found)?);
        }
        let ingredients = with_statistics.as_ref().unwrap_or(ingredients);
        let recalibration =
            spec.recalibrate.map(|batch| catalog.recalibration(data, size, batch, spec.bn_images));
        let mut predictor = ModelPredictor::new(model, &validation);
        if let Some(images) = &recalibration {
            predictor = predictor.recalibrated_on(images.clone());
        }
        let known = if spec.select_by.is_none() { scores } else { HashMap::new() };
        let mut scorer = ValidationScorer::new(predictor, spec.chooses_by(), known);
        let folds = spec.folds.filter(|_| spec.select.chooses() || verdict.is_some());
        if folds.is_some() {
            scorer = scorer.for_parts();
        }
        if spec.select.compares() || folds.is_some() || spec.select_by.is_some() {
            for one in ingredients.iter() {
                if let Some(predictions) = predictions(&one.id)? {
                    scorer = scorer.with_predictions(&one.id, predictions);
                }
            }
        }
        let fits = Fits { spec, catalog, data, validation: &validation, device };
        fits.prepare(&mut scorer, None)?;
        let selector = spec.select.selector(ingredients.len());
        let soup = selector.select(ingredients, &mut scorer)?;
        let selected = scorer.spent();
        let found = scorer.predictions(&soup.average, || ingredients.weights(&soup.average))?;
        let of_predictions = scorer.spent() - selected;
        let validation_score = spec.select_by.map(|_| score_of("soup", spec.metric, &found)).transpose()?;
        let score = validation_score.unwrap_or(soup.score);
        let cross_fitted = match (spec.folds, folds) {
            (None, _) => None,
            (Some(_), _) if !spec.select.chooses() => Some((CrossFit::of_no_choice(score), None)),
            (Some(wanted), _) => {
                Some(fits.cross_fit(wanted, &*selector, ingredients, &mut scorer, (&soup, &found))?)
            }
        };
        let verdict = match (&cross_fitted, verdict) {
            (Some((of, predictions)), Some(bootstrap)) if of.score.value().is_some() => {
                let soup = predictions.as_ref().unwrap_or(&found);
                fits.against_best(ingredients, &mut scorer, soup, bootstrap)?
            }
            _ => None,
        };
        let mut cost = scorer.spent() - of_predictions;
        let of_statistics = spec.select.statistics_images(data.splits.train.len() as u64);
        cost.evaluated_images += ingredients.len() as u64 * of_statistics;
        let mut weights = ingredients.weights(&soup.average)?;
        let recomputed = scorer.predictor.recomputed(&soup.average);
        if !recomputed.is_empty() {
            scorer.predictor.load(&weights, &soup.average)?;
            weights = scorer.predictor.weights();
        }
        // Users of the file alone need the meaning of its outputs.
        let recipe = serde_json::to_value(JobSpec::Soup(spec.clone()).canonical());
        let recipe = recipe.map_err(|error| Error::Job(error.to_string()))?;
        let mut recipe = recipe.as_object().cloned().unwrap_or_default();
        recipe.insert("classes".into(), data.dataset.task().names().into());
        recipe.insert("task".into(), task_kind(data.dataset.task()).name().into());
        if !recomputed.is_empty() {
            recipe.insert("recomputed".into(), recomputed.into());
        }
        let digest = Some(data.identity.digest.clone());
        let provenance = ingredients.provenance(&soup.average, recipe, digest, VERSION)?;
        let predictions = Predictions::clone(&found);
        let mut notes = notes(spec.metric, &predictions, data);
        notes.extend(left_out);
        notes.extend(recalibration.and_then(|images| note_left_out(&images, "BatchNorm statistics")));
        let skipped = validation.skipped().to_vec();
        // Predictions from training lack images that could not be read then.
        if skipped.is_empty() {
            notes.extend(note_missing(&predictions, data));
        }
        let (validation, statistics) = (validation_score, files);
        let chosen = Chosen {
            soup,
            weights,
            provenance,
            predictions,
            validation,
            cross_fitted,
            verdict,
            statistics,
            notes,
            skipped,
            cost,
        };
        Ok(chosen)
    }
}

/// What a selection is repeated with on parts of the validation images.
struct Fits<'a> {
    spec: &'a SoupSpec,
    catalog: &'a Catalog,
    data: &'a OpenDataset,
    validation: &'a EvalSet,
    device: Device,
}

impl Fits<'_> {
    /// Gives the scorer a network to fit coefficients with, on all validation images or on some of
    /// their rows, if the method fits.
    fn prepare(&self, scorer: &mut ModelScorer<'_>, rows: Option<&[usize]>) -> Result<(), Error> {
        let Self { spec, catalog, data, .. } = *self;
        let (Selection::Learned(_), size) = (&spec.select, spec.model.image_size) else { return Ok(()) };
        let indices: Vec<usize> = match (rows, self.validation.rows()) {
            (Some(rows), Some(of_rows)) => rows.iter().map(|&row| of_rows[row]).collect(),
            _ => data.splits.val.to_vec(),
        };
        let model = Model::new(&spec.model, self.device, 0)?;
        let few = Some(spec.bn_images.map_or(FIT_BN_IMAGES, |images| images.min(FIT_BN_IMAGES)));
        let recalibration = spec.recalibrate.map(|batch| catalog.recalibration(data, size, batch, few));
        let fitting = catalog.fitting(data, &indices, size)?;
        scorer.set_network(FittedNetwork::new(model, fitting, recalibration));
        Ok(())
    }

    /// Cross-fits the choice whose soup and predictions are given.
    fn cross_fit(
        &self,
        wanted: usize,
        selector: &dyn Selector,
        ingredients: &Ingredients,
        scorer: &mut ModelScorer<'_>,
        (soup, found): (&Soup, &Predictions),
    ) -> Result<(CrossFit, Option<Predictions>), Error> {
        let spec = self.spec;
        let folds = match folds(found, spec.chooses_by(), wanted) {
            Ok(folds) => folds,
            Err(why) => return Ok((CrossFit::impossible(why), None)),
        };
        if !scorer.has_only_like(found) {
            let why =
                "expected predictions of the same images by all models, found that training read others";
            return Ok((CrossFit::impossible(why.to_owned()), None));
        }
        let before = scorer.spent();
        let prepare = |scorer: &mut ModelScorer<'_>, rows: &[usize]| self.prepare(scorer, Some(rows));
        let of = cross_fit(selector, ingredients, scorer, &folds, prepare);
        let Cost { evaluations, evaluated_images, .. } = scorer.spent() - before;
        let of = match of {
            Ok(of) => of,
            Err(error) => {
                scorer.score_on(None);
                let why = format!("without a fold, {}", unfitted(error)?);
                return Ok((CrossFit { evaluations, evaluated_images, ..CrossFit::impossible(why) }, None));
            }
        };
        let names = self.data.dataset.task().names();
        let note = Note::in_one_fold(found, &folds);
        let record = CrossFit {
            folds: folds.count(),
            score: spec.metric.evaluate(&of.predictions),
            predictions: None,
            same: (!matches!(spec.select, Selection::Learned(_))).then(|| of.same(soup)),
            notes: note.into_iter().map(|note| note.describe(names)).collect(),
            evaluations,
            evaluated_images,
        };
        Ok((record, Some(of.predictions)))
    }

    /// Compares cross-fitted predictions of a soup with those of the best single model.
    fn against_best(
        &self,
        ingredients: &Ingredients,
        scorer: &mut ModelScorer<'_>,
        soup: &Predictions,
        (resamples, seed): (usize, u64),
    ) -> Result<Option<(Verdict, bool)>, Error> {
        let spec = self.spec;
        let Some(Ok(folds)) = spec.folds.map(|wanted| folds(soup, spec.chooses_by(), wanted)) else {
            return Ok(None);
        };
        let single = cross_fit(&NthBest(1), ingredients, scorer, &folds, |_, _| Ok(()))?.predictions;
        let same = single.logits() == soup.logits();
        let found = verdict(spec.metric, &single, std::slice::from_ref(soup), resamples, seed)?;
        Ok(found.map(|verdict| (verdict, same)))
    }
}

type ModelScorer<'a> = ValidationScorer<ModelPredictor<'a>>;

/// The file of a soup's weights in the job's folder.
const WEIGHTS: &str = "soup.safetensors";

/// Why there is no cross-fitted score of a filtered pool.
pub(super) const FILTERED: &str = "the pool was filtered by all validation images";

/// Describes how many unreadable training images are left out of statistics, if there are any.
fn note_left_out(images: &Recalibration, of: &str) -> Option<String> {
    let count = images.skipped().len();
    (count > 0).then(|| format!("{count} unreadable training images left out of the {of}"))
}

/// Describes how many validation images are not among those that were predicted, if there are any.
pub(super) fn note_missing(predictions: &Predictions, data: &OpenDataset) -> Option<String> {
    let count = data.splits.val.len().saturating_sub(predictions.len());
    (count > 0).then(|| format!("{count} unreadable validation images left out"))
}

/// Computes the table's metric of a soup or an ensemble.
///
/// # Errors
/// A metric that is undefined, with the reason.
pub(super) fn score_of(what: &str, metric: Metric, predictions: &Predictions) -> Result<f64, Error> {
    match metric.evaluate(predictions) {
        Value::Defined(score) => Ok(score),
        Value::Undefined(why) => {
            let metric = metric.title();
            Err(Error::Job(format!("cannot score the {what}: {metric} is undefined: {why}")))
        }
    }
}

/// Describes what to know of a validation score. In a class of few images, single ones can decide
/// the selection.
pub(super) fn notes(metric: Metric, predictions: &Predictions, data: &OpenDataset) -> Vec<String> {
    let names = data.dataset.task().names();
    let of_metric = metric.notes(predictions).into_iter();
    let mut notes: Vec<String> =
        of_metric.map(|note| format!("validation: {}", note.describe(names))).collect();
    // A metric with notes names such classes in them.
    if notes.is_empty() {
        notes.extend(without_images(predictions, names));
    }
    notes
}

/// Names the classes without a validation image, or the tasks without a positive one; `None` if there
/// are none.
fn without_images(predictions: &Predictions, names: &[String]) -> Option<String> {
    let what = match predictions.kind() {
        TaskKind::Multiclass => "no validation image of class",
        TaskKind::Multilabel => "no positive validation image of task",
    };
    let counts = predictions.targets().counts(predictions.outputs());
    let absent = names.iter().zip(counts).filter(|(_, count)| *count == 0).map(|(name, _)| name.as_str());
    let absent: Vec<&str> = absent.collect();
    (!absent.is_empty()).then(|| format!("{what} {}", absent.join(", ")))
}

impl JobContext<'_> {
    /// Removes the records of all that was computed from an earlier soup of a job, in any table, if its
    /// weights were others: on another device the last bits differ.
    fn forget_what_followed(&self, job: &Job, digest: &Digest) -> Result<(), Error> {
        let folder = self.runs.folder(job);
        let recorded = read_record(&folder.join("record.json")).ok();
        let before = match recorded.as_ref().map(|record| record.soup()) {
            Some(Ok(soup)) => Some(soup.digest),
            // The record may have been set aside.
            _ => StateDict::open(folder.join(WEIGHTS)).ok().map(|weights| *weights.digest()),
        };
        if before.is_none_or(|before| before == *digest) {
            return Ok(());
        }
        let records = self.runs.all();
        let mut stale = vec![&job.id];
        let mut at = 0;
        while let Some(id) = stale.get(at).copied() {
            at += 1;
            let follows = |record: &&Record| record.inputs.contains(id) && !stale.contains(&&record.id);
            let followers: Vec<&Record> = records.iter().filter(follows).collect();
            for record in followers {
                let path = self.runs.root().join(record.usual_folder()).join("record.json");
                remove_file(&path).map_err(Error::file(&path))?;
                stale.push(&record.id);
            }
        }
        Ok(())
    }
}

/// Selects among the models of a job's runs, and writes the average and its validation predictions.
pub(super) fn make(
    context: &JobContext<'_>,
    job: &Job,
    spec: &SoupSpec,
    data: &OpenDataset,
) -> Result<(JobOutput, Cost), Error> {
    let Models { models, left_out, diverged, filtered } = Models::of_soup(context, job, spec)?;
    let candidates = models.len();
    let opened = models.iter().map(|model| model.open(context)).collect::<Result<_, _>>()?;
    let scores = models.iter().filter_map(|model| Some((model.id.clone(), model.score?))).collect();
    let mut predictions = |id: &str| {
        let scored = models.iter().find(|model| model.id == id && model.score.is_some());
        scored.map(|model| model.predictions(context)).transpose()
    };
    // A filter has seen all validation images, so no image is new to what follows from it.
    let unseen = SoupSpec { folds: None, ..spec.clone() };
    let spec = if filtered.is_empty() { spec } else { &unseen };
    let mut ingredients = Ingredients::new(opened)?;
    if let Some(start) = job.start_of_runs() {
        ingredients = ingredients.with_base(context.model_of(start)?)?;
    }
    let folder = context.runs.folder(job);
    let (ingredients, predictions) = (&ingredients, &mut predictions);
    let choice = Choice { ingredients, spec, scores, predictions, folder: &folder, verdict: None };
    let chosen = choice.make(context.catalog, data, context.device)?;
    let digest = *chosen.weights.digest();
    // Before the earlier file is replaced, which may be all that tells its digest.
    context.forget_what_followed(job, &digest)?;
    let (weights, predictions) = (WEIGHTS, "soup.val.safetensors");
    chosen.weights.save(folder.join(weights), Some(&chosen.provenance))?;
    let found = save_predictions(&folder.join(predictions), &chosen.predictions, Some(&chosen.provenance))?;
    let cross_fitted = match chosen.cross_fitted {
        Some((record, Some(predictions))) => {
            let name = "soup.cross-fitted.safetensors";
            let found = save_predictions(&folder.join(name), &predictions, Some(&chosen.provenance))?;
            Some(CrossFit { predictions: Some(FileRef::new(name, found)), ..record })
        }
        of => of.map(|(record, _)| record),
    };
    let cross_fitted = match filtered.is_empty() {
        true => cross_fitted,
        false => Some(CrossFit::impossible(FILTERED.to_owned())),
    };
    let record = SoupRecord {
        soup: chosen.soup,
        validation: chosen.validation,
        chance: Chance::of(spec.metric, &chosen.predictions),
        counts: Score::new(spec.metric, &chosen.predictions, 0, 0).counts,
        cross_fitted,
        candidates,
        left_out,
        diverged,
        filtered,
        notes: chosen.notes,
        skipped: chosen.skipped,
        weights: Some(FileRef::new(weights, digest)),
        predictions: FileRef::new(predictions, found),
        statistics: chosen.statistics,
        digest,
    };
    Ok((JobOutput::Soup(record), chosen.cost))
}

#[cfg(test)]
mod tests {
    use ff_eval::Targets;

    use super::*;

    #[test]
    fn an_undefined_metric_is_an_error() {
        let predictions = Predictions::new(vec![0.0, 1.0], 2, Targets::Classes(vec![0])).unwrap();
        assert_eq!(score_of("soup", Metric::Accuracy, &predictions).unwrap(), 0.0);
        let error = score_of("soup", Metric::Auroc, &predictions).unwrap_err().to_string();
        assert!(error.starts_with("cannot score the soup: AUROC is undefined: "), "{error}");
    }

    #[test]
    fn classes_and_tasks_without_images_are_named() {
        let names = ["a", "b", "c"].map(String::from);
        let said = |targets| {
            let rows = Predictions::new(vec![0.0; 6], 3, targets).unwrap();
            without_images(&rows, &names)
        };
        assert_eq!(said(Targets::Classes(vec![0, 2])).unwrap(), "no validation image of class b");
        let labels = vec![1.0, 0.0, f32::NAN, 1.0, 0.0, 0.0];
        assert_eq!(said(Targets::Labels(labels)).unwrap(), "no positive validation image of task b, c");
        assert_eq!(said(Targets::Labels(vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0])), None);
    }
}
