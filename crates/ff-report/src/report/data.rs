//! What a report is made of. It holds what records say; nothing in it is computed from predictions
//! but by `ff-eval`.

use ff_eval::{
    Calibration, ClassRow, Confusion, Difference, Metric, OutputAuroc, OutputDifference, Roc, Score,
};

use crate::figure::Plot;
use crate::seeds::SeedTable;
use crate::table::Table;

/// One or more experiments on a page.
#[derive(Debug, Clone)]
pub struct Report {
    /// The page's heading.
    pub title: String,
    /// The experiments, in the order in which they are read.
    pub experiments: Vec<ExperimentReport>,
    /// What could not be read at all, a sentence each.
    pub problems: Vec<String>,
    /// Version of the software that made the page.
    pub version: String,
}

/// A table with everything behind it.
#[derive(Debug, Clone)]
pub struct ExperimentReport {
    /// The table.
    pub table: ExperimentTable,
    /// How far its jobs are, by kind.
    pub progress: Vec<Progress>,
    /// What is not there, a sentence each.
    pub missing: Vec<String>,
    /// One for each column of the table, in its order.
    pub columns: Vec<ColumnReport>,
    /// Where it all comes from.
    pub origin: Origin,
}

/// The table of either kind of experiment.
#[derive(Debug, Clone)]
pub enum ExperimentTable {
    /// Methods of souping.
    Soups(Table),
    /// Methods run with several seeds.
    Seeds(SeedTable),
}

/// Jobs of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The kind.
    pub kind: String,
    /// On record.
    pub done: usize,
    /// Of so many.
    pub jobs: usize,
}

/// A backbone on a dataset, in detail.
#[derive(Debug, Clone)]
pub struct ColumnReport {
    /// Such as "ResNet50".
    pub backbone: String,
    /// Such as "HAM10000".
    pub dataset: String,
    /// By which models are selected and scored.
    pub metric: Metric,
    /// Names of the classes or tasks; empty if they are not known.
    pub classes: Vec<String>,
    /// The row with the best validation score of all: what is to be taken.
    pub best: Option<String>,
    /// The soup that was delivered: the row with the best validation score among the soups.
    pub delivered: Option<String>,
    /// Every soup against the best single model, on the test split and out of distribution.
    pub comparisons: Vec<Comparison>,
    /// Models that were scored both on the test split and out of distribution.
    pub scored: Vec<Scored>,
    /// The runs of training, in the order of the plan.
    pub runs: Vec<TrainingRun>,
    /// How the soups came to be.
    pub choices: Vec<Choice>,
    /// What models do class by class on the test split: the delivered soup, and the best single
    /// model.
    pub per_class_reports: Vec<PerClassReport>,
    /// Where the delivered soup is surest and wrong.
    pub mistakes: Option<MistakesReport>,
    /// Further plots: sweeps and merges of an experiment of in-model merging; errors between
    /// models.
    pub figures: Vec<Plot>,
    /// What is not there, a sentence each.
    pub missing: Vec<String>,
}

/// A soup against the best single model on the same samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The soup, by row.
    pub method: String,
    /// The single model, by row.
    pub single: String,
    /// The dataset of another distribution; `None` for the test split.
    pub ood: Option<String>,
    /// The soup's metric less the single model's; `None` if it is undefined.
    pub difference: Option<Difference>,
    /// Both are the very same weights.
    pub same: bool,
    /// DeLong's test for each output; empty if the metric is not AUROC.
    pub delong: Vec<OutputDifference>,
}

/// A model scored in and out of distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Its row.
    pub name: String,
    /// Not a soup.
    pub single: bool,
    /// On the test split.
    pub test: Score,
    /// Out of distribution, by dataset.
    pub ood: Vec<(String, Score)>,
}

/// A run of training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRun {
    /// Such as "lr 1e-3 heavy seed 0".
    pub name: String,
    /// A cyclic run that snapshots models.
    pub cyclic: bool,
    /// Its finished epochs, from 1, each with the validation metric if it is defined.
    pub epochs: Vec<(u32, Option<f64>)>,
    /// The learning rate at steps of the run: in epochs, and in its own unit.
    pub rates: Vec<(f64, f64)>,
    /// Models that it left: in epochs, and their validation metric. Of a cyclic run, the snapshots;
    /// else the kept epoch.
    pub models: Vec<(f64, Option<f64>)>,
    /// Why it is not whole: it diverged, or is still going.
    pub note: Option<String>,
}

/// How a soup came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its row.
    pub method: String,
    /// Candidates in all.
    pub candidates: usize,
    /// What it is made of: each model's name and share.
    pub ingredients: Vec<(String, f64)>,
    /// Every look at a candidate, in order.
    pub steps: Vec<Step>,
    /// Candidates that were left out since they diverged.
    pub left_out: Vec<String>,
}

/// A look at a candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// The group it belongs to; empty at the top.
    pub group: String,
    /// The candidate.
    pub candidate: String,
    /// Its score alone.
    pub alone: Option<f64>,
    /// The soup's score before it.
    pub before: Option<f64>,
    /// The soup's score with it.
    pub with: Option<f64>,
    /// What that score is at most, if it was not looked at to the end.
    pub at_most: Option<f64>,
    /// Whether it was taken.
    pub taken: bool,
    /// Height of the barrier between it and the soup as it stood, on the straight line between
    /// them, in the metric's unit, if it was measured.
    pub barrier: Option<f64>,
    /// L2 distance of its weights from those of the soup as it stood, if it was measured.
    pub distance: Option<f64>,
}

/// What a model does class by class on the test split.
#[derive(Debug, Clone, PartialEq)]
pub struct PerClassReport {
    /// Its row.
    pub model: String,
    /// Precision, recall and F1 of each class or task.
    pub rows: Vec<ClassRow>,
    /// AUROC of each output that has one.
    pub areas: Vec<OutputAuroc>,
    /// The confusion matrix of classes.
    pub confusion: Option<Confusion>,
    /// The ROC curves.
    pub curves: Vec<Roc>,
    /// The reliability of classes together, or of each task.
    pub calibration: Vec<Calibration>,
}

/// The surest mistakes of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct MistakesReport {
    /// Its row.
    pub model: String,
    /// Surest first.
    pub mistakes: Vec<Mistake>,
    /// Why there are no pictures, if there are none.
    pub no_pictures: Option<String>,
}

/// A sample that a model got wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The sample's name; `None` if the data is not there to tell.
    pub sample: Option<String>,
    /// What was said and what is true.
    pub answer: ModelAnswer,
    /// The probability that the model gave to its answer.
    pub confidence: f64,
    /// The picture.
    pub picture: Option<Thumbnail>,
}

/// An answer and the truth, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// What was said.
    pub said: String,
    /// What is true.
    pub truth: String,
}

/// A small picture, as a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Such as "image/png".
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Where results come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// Commands that make it all again.
    pub commands: Vec<String>,
    /// Names and values: versions, devices, digests.
    pub facts: Vec<(String, Vec<String>)>,
    /// The resolved configuration.
    pub config: String,
    /// What was done: kind, label, identity, digest of what came out if it is weights, seconds.
    pub jobs: Vec<[String; 5]>,
}

impl ColumnReport {
    /// "HAM10000, ResNet50".
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.dataset, self.backbone)
    }

    /// The name of a class or task, or its number.
    pub(super) fn class(&self, at: usize) -> String {
        self.classes.get(at).cloned().unwrap_or_else(|| at.to_string())
    }
}

impl ExperimentReport {
    pub(super) fn title(&self) -> &str {
        match &self.table {
            ExperimentTable::Soups(table) => table.title(),
            ExperimentTable::Seeds(table) => table.title(),
        }
    }
}
