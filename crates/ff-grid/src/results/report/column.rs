//! A column of a report, before records are read.

use ff_report::report::ColumnReport;

use crate::plan::ColumnHead;

/// Makes a column from the plan alone.
pub(crate) fn empty_column(ColumnHead { backbone, dataset, task, blocked }: &ColumnHead) -> ColumnReport {
    ColumnReport {
        backbone: backbone.name.clone(),
        dataset: dataset.name.clone(),
        metric: dataset.metric,
        classes: task.as_ref().map_or(Vec::new(), |task| task.names().to_vec()),
        best: None,
        delivered: None,
        ensembles: Vec::new(),
        comparisons: Vec::new(),
        scored: Vec::new(),
        runs: Vec::new(),
        forecasts: Vec::new(),
        choices: Vec::new(),
        per_class_reports: Vec::new(),
        in_use: None,
        mistakes: None,
        images: None,
        warnings: Vec::new(),
        figures: Vec::new(),
        missing: blocked.iter().cloned().collect(),
    }
}
