//! Columns, rows and cells of a table over seeds.

use ff_eval::{Metric, PairedDifference, Score, Spread};
use serde::Serialize;

use crate::cost::Cost;
use crate::published::{INMERGE, PublishedDataset};

/// A backbone trained on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedColumn {
    /// As it is to be printed, such as "VGG19". Columns of one backbone are printed together.
    pub backbone: String,
    /// What it really is, such as "vgg19": the paper's numbers are found by it.
    pub architecture: String,
    /// As it is to be printed, such as "PathMNIST".
    pub dataset: String,
    /// The metric of every score in the column.
    pub metric: Metric,
    /// Names of the tasks of a multilabel dataset, in the order of its outputs; else empty.
    pub tasks: Vec<String>,
    /// The dataset of InMerge's paper that this is, by the name that
    /// [`Paper::dataset`](crate::published::Paper::dataset) knows; `None` if the numbers are not to
    /// be set beside the paper's.
    pub paper_dataset: Option<String>,
}

/// What one method reached in one column with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedRun {
    /// The seed. Runs of one seed are a pair across methods.
    pub seed: u64,
    /// The metric on the validation split.
    pub validation: Option<f64>,
    /// The score on the test split; `None` if there is none, and then the cell's `note` should say
    /// why.
    pub test: Option<Score>,
}

/// The runs of one method in one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SeedCell {
    /// One per seed; methods need not have the same seeds.
    pub runs: Vec<SeedRun>,
    /// What a reader must know of the cell, such as "seed 3 diverged".
    pub note: Option<String>,
}

/// One method across all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedRow {
    /// As it is to be printed, such as "InMerge"; unique in the table.
    pub method: String,
    /// The method of InMerge's paper that this is, by the name that
    /// [`Paper::method`](crate::published::Paper::method) knows; `None` if it is not the paper's.
    pub paper_row: Option<String>,
    /// One per column, in the table's order.
    pub cells: Vec<SeedCell>,
    /// What the method costs, all seeds together.
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
    pub(super) fn test_value(&self) -> Option<f64> {
        self.test.as_ref()?.value.value()
    }
}

impl SeedCell {
    /// The test values, over the runs that have one; `None` if none has.
    pub fn test(&self) -> Option<Spread> {
        Spread::of(&self.runs.iter().filter_map(SeedRun::test_value).collect::<Vec<_>>())
    }

    /// The validation values, over the runs that have one; `None` if none has.
    pub fn validation(&self) -> Option<Spread> {
        Spread::of(&self.runs.iter().filter_map(|run| run.validation).collect::<Vec<_>>())
    }

    /// The test values of one task of a multilabel column, over the runs where it has one; `None`
    /// if it has in none.
    pub fn task(&self, task: usize) -> Option<Spread> {
        let value = |run: &SeedRun| run.test.as_ref()?.outputs.get(task)?.value.value();
        Spread::of(&self.runs.iter().filter_map(value).collect::<Vec<_>>())
    }

    /// How much better the test values are than the baseline's, over the seeds with which both have
    /// one; `None` if there is no such seed.
    pub fn difference(&self, baseline: &SeedCell) -> Option<PairedDifference> {
        let pair = |run: &SeedRun| {
            let of_baseline = baseline.runs.iter().find(|other| other.seed == run.seed)?;
            Some((of_baseline.test_value()?, run.test_value()?))
        };
        let (of_baseline, ours): (Vec<f64>, Vec<f64>) = self.runs.iter().filter_map(pair).unzip();
        PairedDifference::of(&of_baseline, &ours)
    }
}
