//! Columns, rows and cells of a table over seeds.

use ff_eval::{Chance, Metric, PairedDifference, Score, Spread};
use serde::Serialize;

use crate::cost::Cost;
use crate::published::{INMERGE, PublishedDataset};

/// A backbone trained on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedColumn {
    /// The printed name of the backbone, such as "VGG19". Columns of one backbone are printed
    /// together.
    pub backbone: String,
    /// The name of the architecture, such as "vgg19", by which the paper's numbers are found.
    pub architecture: String,
    /// The printed name of the dataset, such as "PathMNIST".
    pub dataset: String,
    /// The metric of every score in the column.
    pub metric: Metric,
    /// The names of the tasks of a multilabel dataset, in the order of its outputs; empty for
    /// classes.
    pub tasks: Vec<String>,
    /// The name of this dataset in InMerge's paper, as
    /// [`Paper::dataset`](crate::published::Paper::dataset) finds it; `None` to leave out the
    /// comparison with the paper.
    pub paper_dataset: Option<String>,
}

/// The result of one method in one column with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedRun {
    /// The seed. Runs of one seed are paired across methods.
    pub seed: u64,
    /// The metric on the validation split.
    pub validation: Option<f64>,
    /// The score on the test split; if it is `None`, the cell's `note` should say why.
    pub test: Option<Score>,
}

/// The runs of one method in one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SeedCell {
    /// One run for each seed; methods may have different seeds.
    pub runs: Vec<SeedRun>,
    /// A note on the cell, such as "seed 3 diverged".
    pub note: Option<String>,
}

/// One method in all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedRow {
    /// The printed name of the method, such as "InMerge"; unique in the table.
    pub method: String,
    /// The name of this method in InMerge's paper, as
    /// [`Paper::method`](crate::published::Paper::method) finds it; `None` if the paper does not
    /// have it.
    pub paper_row: Option<String>,
    /// One cell for each column, in the table's order.
    pub cells: Vec<SeedCell>,
    /// The cost of the method over all seeds.
    pub cost: Cost,
}

impl SeedColumn {
    pub(super) fn name(&self) -> String {
        format!("{} on {}", self.backbone, self.dataset)
    }

    pub(super) fn title(&self) -> String {
        format!("{} ({})", self.dataset, self.metric.title())
    }

    pub(super) fn published_dataset(&self) -> Option<&'static PublishedDataset> {
        INMERGE.dataset(self.paper_dataset.as_deref()?)
    }
}

impl SeedRun {
    /// Chance on the test split; unknown without a score.
    pub(super) fn chance(&self) -> Chance {
        self.test.as_ref().map_or_else(Chance::default, |test| test.chance)
    }

    pub(super) fn test_value(&self) -> Option<f64> {
        self.test.as_ref()?.value.value()
    }
}

impl SeedCell {
    /// Mean and spread of the test values over the runs that have one; `None` if none has.
    pub fn test(&self) -> Option<Spread> {
        Spread::of(&self.runs.iter().filter_map(SeedRun::test_value).collect::<Vec<_>>())
    }

    /// The chance level on the test split, and whether the model of any run is collapsed.
    pub(crate) fn chance(&self) -> Chance {
        let runs = || self.runs.iter().map(SeedRun::chance);
        Chance { level: runs().find_map(|of| of.level), collapsed: runs().any(|of| of.collapsed) }
    }

    /// Mean and spread of the validation values over the runs that have one; `None` if none has.
    pub fn validation(&self) -> Option<Spread> {
        Spread::of(&self.runs.iter().filter_map(|run| run.validation).collect::<Vec<_>>())
    }

    /// Mean and spread of the test values of one task of a multilabel column, over the runs where
    /// it is defined; `None` if it is in none.
    pub fn task(&self, task: usize) -> Option<Spread> {
        let value = |run: &SeedRun| run.test.as_ref()?.outputs.get(task)?.value.value();
        Spread::of(&self.runs.iter().filter_map(value).collect::<Vec<_>>())
    }

    /// The difference of the test values from the baseline's, over the seeds for which both have
    /// one; `None` without such a seed.
    pub fn difference(&self, baseline: &SeedCell) -> Option<PairedDifference> {
        let pair = |run: &SeedRun| {
            let of_baseline = baseline.runs.iter().find(|other| other.seed == run.seed)?;
            Some((of_baseline.test_value()?, run.test_value()?))
        };
        let (of_baseline, ours): (Vec<f64>, Vec<f64>) = self.runs.iter().filter_map(pair).unzip();
        PairedDifference::of(&of_baseline, &ours)
    }
}
