//! The data of a report.
//!
//! It comes from records. Whatever is computed from predictions is computed by `ff-eval`.

use ff_eval::{
    Calibration, CalibrationScore, ClassRow, Confusion, DecisionCurve, Difference, Metric, OperatingPoint,
    OperatingScore, OutputAuroc, OutputDifference, Roc, Score, Subgroups,
};

use crate::figure::Plot;
use crate::seeds::SeedTable;
use crate::table::Table;

/// A report of one or more experiments.
#[derive(Debug, Clone)]
pub struct Report {
    /// The title of the page.
    pub title: String,
    /// The experiments, in the order of the page.
    pub experiments: Vec<ExperimentReport>,
    /// What could not be read, one sentence each.
    pub problems: Vec<String>,
    /// The settings that differ between the experiments: the key, and the value in each, empty if it
    /// has none.
    pub settings: Vec<(String, Vec<String>)>,
    /// The version of the software that made the page.
    pub version: String,
}

/// The report of one experiment: its table, and details of each column.
#[derive(Debug, Clone)]
pub struct ExperimentReport {
    /// Its name, which tells it from others of the same table's name.
    pub name: String,
    /// The table.
    pub table: ExperimentTable,
    /// The numbers of finished jobs, by kind.
    pub progress: Vec<Progress>,
    /// What is missing, one sentence each.
    pub missing: Vec<String>,
    /// The details of each column, in the order of the table.
    pub columns: Vec<ColumnReport>,
    /// The provenance of the results.
    pub origin: Origin,
}

/// The table of an experiment.
#[derive(Debug, Clone)]
pub enum ExperimentTable {
    /// A table of soups and single models.
    Soups(Table),
    /// A table of methods that were run with several seeds.
    Seeds(SeedTable),
}

/// The progress of the jobs of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The kind.
    pub kind: String,
    /// The number of finished jobs.
    pub done: usize,
    /// The number of all jobs.
    pub jobs: usize,
}

/// The details of one column: a backbone on a dataset.
#[derive(Debug, Clone)]
pub struct ColumnReport {
    /// The backbone, such as "ResNet50".
    pub backbone: String,
    /// The dataset, such as "HAM10000".
    pub dataset: String,
    /// The metric by which models are selected and scored.
    pub metric: Metric,
    /// The names of the classes or tasks; empty if they are not known.
    pub classes: Vec<String>,
    /// The recommended model: the soup or single model with the best cross-fitted score on
    /// validation images, or with the best validation score where none is cross-fitted.
    pub best: Option<String>,
    /// The delivered soup: the best of the soups on validation images.
    pub delivered: Option<String>,
    /// The ensembles: the name of the row, and the number of models that predict every image.
    pub ensembles: Vec<(String, usize)>,
    /// The comparison of each other row with the best single model, on the test split and out of
    /// distribution.
    pub comparisons: Vec<Comparison>,
    /// The models with scores both on the test split and out of distribution.
    pub scored: Vec<Scored>,
    /// The training runs, in the order of the plan.
    pub runs: Vec<TrainingRun>,
    /// The forecasts of which models average, by pool.
    pub forecasts: Vec<ForecastReport>,
    /// The selection of each soup.
    pub choices: Vec<Choice>,
    /// Results per class on the test split, for the delivered soup and the best single model.
    pub per_class_reports: Vec<PerClassReport>,
    /// The delivered soup in use; `None` without its test predictions, and for other experiments.
    pub in_use: Option<InUse>,
    /// The most confident mistakes of the delivered soup.
    pub mistakes: Option<MistakesReport>,
    /// The images of the dataset; `None` without the dataset.
    pub images: Option<ImagesReport>,
    /// What to know before a model of the column is used, such as patients in more than one split;
    /// one sentence each.
    pub warnings: Vec<String>,
    /// Further plots: sweeps and merges of an in-model merging experiment; errors between models.
    pub figures: Vec<Plot>,
    /// What is missing, one sentence each.
    pub missing: Vec<String>,
}

/// The images of a dataset, by split: training, validation and test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImagesReport {
    /// The numbers of images.
    pub images: [usize; 3],
    /// The numbers of groups of images, such as patients; `None` if the dataset names none.
    pub groups: Option<[usize; 3]>,
    /// The numbers of images of each class, or of positive images of each task.
    pub classes: Vec<[usize; 3]>,
    /// The numbers of unreadable images that were left out.
    pub skipped: [usize; 3],
    /// Whether groups and equal images are in more than one split, and notes on the dataset; one
    /// sentence each.
    pub notes: Vec<String>,
}

/// The comparison of a row with the best single model on the same samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The name of the row.
    pub method: String,
    /// The name of the single model's row.
    pub single: String,
    /// The out-of-distribution dataset; `None` for the test split.
    pub ood: Option<String>,
    /// The row's metric less the single model's; `None` if it is undefined.
    pub difference: Option<Difference>,
    /// True if both have the same weights.
    pub same: bool,
    /// DeLong's test for each output; empty if the metric is not AUROC.
    pub delong: Vec<OutputDifference>,
}

/// A model with scores in and out of distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The name of its row.
    pub name: String,
    /// True for a single model, false for a soup or an ensemble.
    pub single: bool,
    /// The score on the test split.
    pub test: Score,
    /// The out-of-distribution scores, by dataset.
    pub ood: Vec<(String, Score)>,
}

/// A training run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRun {
    /// The name, such as "lr 1e-3 heavy seed 0".
    pub name: String,
    /// True for a run with a cyclic learning rate, which saves snapshots.
    pub cyclic: bool,
    /// The finished epochs, from 1, with the validation metric; `None` if it is undefined.
    pub epochs: Vec<(u32, Option<f64>)>,
    /// Positions in the run, in epochs, and the learning rates there.
    pub rates: Vec<(f64, f64)>,
    /// The saved models: positions in epochs and validation metrics. They are the snapshots of a
    /// cyclic run, and the kept epoch of others.
    pub models: Vec<(f64, Option<f64>)>,
    /// Why the run is incomplete: it diverged, or is not finished.
    pub note: Option<String>,
}

/// The forecast of which models of a pool average, and what selections took.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastReport {
    /// The name of the pool.
    pub pool: String,
    /// True if the start of the models is unknown: distances and angles are then those of the weights.
    pub no_start: bool,
    /// The model with the best validation score.
    pub best: String,
    /// The models, the best one included.
    pub models: Vec<ModelForecast>,
    /// Rows that tried single models: the name, and the numbers of models that were taken and that
    /// were not, first of those that are worth trying, then of the others. The best one is not
    /// counted.
    pub outcomes: Vec<(String, [[usize; 2]; 2])>,
}

/// What was foreseen of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelForecast {
    /// Its name.
    pub name: String,
    /// Its validation score, if it is defined.
    pub score: Option<f64>,
    /// The L2 distance of its weights from their start, the linear probe or the base of files; from 0
    /// if the start is unknown.
    pub from_start: f64,
    /// True if it was not fine-tuned from the start of the best model.
    pub other_start: bool,
    /// The angle to the best model, seen from the start, in degrees; `None` if one is the start.
    pub angle: Option<f64>,
    /// The distance from the best model, in distances of the best one from the start; `None` if that
    /// is 0.
    pub distance: Option<f64>,
    /// The error barrier to the best model, in the metric's unit, if it was measured.
    pub barrier: Option<f64>,
    /// True if it is worth trying with the best model.
    pub worth: bool,
}

/// The selection of a soup.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The name of the soup's row.
    pub method: String,
    /// How it was made of the candidates.
    pub rule: Rule,
    /// The number of candidates.
    pub candidates: usize,
    /// The ingredients: the name and share of each model.
    pub ingredients: Vec<(String, f64)>,
    /// The evaluations of candidates, in order.
    pub steps: Vec<Step>,
    /// The candidates that were left out because they diverged.
    pub left_out: Vec<String>,
    /// The metric of the steps' scores, if it is not the column's.
    pub selected_by: Option<Metric>,
    /// The column's metric on the validation split, which the soup was selected on.
    pub validation: Option<f64>,
    /// The column's metric on the validation split, each image predicted by the model that is
    /// chosen without the image's fold.
    pub cross_fitted: Option<f64>,
    /// The number of folds; 0 without cross-fitting.
    pub folds: usize,
    /// The number of folds without which the choice is the same as on all images.
    pub agreeing: Option<usize>,
}

/// How a soup is made of its candidates.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Rule {
    /// Candidates are added one by one, or all are taken.
    #[default]
    Added,
    /// Candidates are left out one by one.
    Pruned,
    /// All candidates are merged by a method, with each of several settings.
    Merged,
    /// All candidates are added with coefficients that were fitted.
    Learned(Coefficients),
}

/// The coefficients of a learned soup.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
    /// The models.
    pub models: Vec<String>,
    /// The layers, by name; one without a name stands for all.
    pub layers: Vec<String>,
    /// The coefficients by layer and model.
    pub values: Vec<Vec<f64>>,
    /// The log loss on held-out validation images: of the mean of all models, and of the soup.
    pub losses: Option<[f64; 2]>,
    /// The epochs of the fit.
    pub epochs: usize,
}

/// The evaluation of a candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// The group of the candidate; empty at the top level.
    pub group: String,
    /// The candidate.
    pub candidate: String,
    /// The score of the candidate alone.
    pub alone: Option<f64>,
    /// The score of the soup before the step.
    pub before: Option<f64>,
    /// The score of the soup that was tried: with the candidate, or, of a pruned soup, without it.
    pub tried: Option<f64>,
    /// An upper bound of that score, if the evaluation ended early.
    pub at_most: Option<f64>,
    /// The standard error of the gain, which is the score of the soup that was tried less that
    /// before, by the paired bootstrap; `None` if the rule does not ask for it.
    pub standard_error: Option<f64>,
    /// True if the candidate was taken; of a pruned soup, if it stays.
    pub taken: bool,
    /// The error barrier on the straight line between the candidate and the soup before it, in the
    /// metric's unit, if it was measured.
    pub barrier: Option<f64>,
    /// The L2 distance between the weights of the candidate and of the soup before it, if it was
    /// measured.
    pub distance: Option<f64>,
}

/// The results of a model per class on the test split.
#[derive(Debug, Clone, PartialEq)]
pub struct PerClassReport {
    /// The name of the model's row.
    pub model: String,
    /// Precision, recall and F1 of each class or task.
    pub rows: Vec<ClassRow>,
    /// The AUROC of each output that has one.
    pub areas: Vec<OutputAuroc>,
    /// The confusion matrix of classes; `None` for tasks.
    pub confusion: Option<Confusion>,
    /// The ROC curves.
    pub curves: Vec<Roc>,
    /// The calibration of all classes together, or of each task.
    pub calibration: Vec<Calibration>,
}

/// A model in use, on the test split: with the calibration and the thresholds of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct InUse {
    /// The name of the model's row.
    pub model: String,
    /// Calibration errors as trained, and calibrated: of all classes together, or of each task.
    pub calibration: [Vec<CalibrationScore>; 2],
    /// Reliability diagrams as trained, and calibrated.
    pub diagrams: [Vec<Calibration>; 2],
    /// The operating points, and how they do.
    pub points: Vec<(OperatingPoint, OperatingScore)>,
    /// The decision curve of each output with an operating point.
    pub curves: Vec<DecisionCurve>,
    /// The column's metric by each attribute of the images.
    pub subgroups: Vec<Subgroups>,
    /// How the only operating point does on the images of each value of an attribute, in the order of
    /// `subgroups`; empty without one, and with several.
    pub points_by_value: Vec<Vec<OperatingScore>>,
    /// What could not be fitted or compared.
    pub notes: Vec<String>,
}

/// The most confident mistakes of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct MistakesReport {
    /// The name of the model's row.
    pub model: String,
    /// The mistakes, the most confident first.
    pub mistakes: Vec<Mistake>,
    /// The reason why there are no pictures, if there are none.
    pub no_pictures: Option<String>,
}

/// A sample with a wrong prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The sample's name; `None` without the dataset.
    pub sample: Option<String>,
    /// The prediction and the truth.
    pub answer: ModelAnswer,
    /// The predicted probability, 0 to 1.
    pub confidence: f64,
    /// The picture of the sample.
    pub picture: Option<Thumbnail>,
    /// The picture with the areas that speak most for the prediction (Grad-CAM), of a convolutional
    /// network.
    pub explained: Option<Thumbnail>,
}

/// A prediction and the truth, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// The prediction.
    pub said: String,
    /// The truth.
    pub truth: String,
}

/// A small picture, as the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The media type, such as "image/png".
    pub media_type: &'static str,
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
}

/// The provenance of results.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// The commands that reproduce the results.
    pub commands: Vec<String>,
    /// Names and values, such as versions, devices and digests.
    pub facts: Vec<(String, Vec<String>)>,
    /// The resolved configuration.
    pub config: String,
    /// The finished jobs: kind, label, identity, digest of the resulting weights if any, seconds.
    pub jobs: Vec<[String; 5]>,
}

impl ColumnReport {
    /// The name of the column, such as "HAM10000, ResNet50".
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.dataset, self.backbone)
    }

    /// The name of a class or task, or its index if the name is not known.
    pub(super) fn class(&self, at: usize) -> String {
        self.classes.get(at).cloned().unwrap_or_else(|| at.to_string())
    }
}
