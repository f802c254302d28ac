//! The list of a table's predictions, for programs that compare models.

use std::path::PathBuf;

use serde::Serialize;

use super::files::write_text;
use crate::error::Error;
use crate::job::JobOutput;
use crate::plan::{ColumnHead, Records};

/// A row of a table on the test split of a dataset, and where its predictions are.
#[derive(Serialize)]
pub(crate) struct Predicted {
    dataset: String,
    network: String,
    /// The seed, of a table that has several.
    seed: Option<u64>,
    method: String,
    /// `test`, or the name of an out-of-distribution dataset.
    on: String,
    metric: &'static str,
    /// What the row is besides, by words with blanks between: `delivered`, `recommended`.
    marks: String,
    /// The file, relative to the folder of the table.
    predictions: String,
}

/// The list while it is collected.
pub(crate) struct PredictedList<'a> {
    records: Records<'a>,
    rows: Vec<Predicted>,
}

impl<'a> PredictedList<'a> {
    pub(crate) const NAME: &'static str = "predictions.csv";

    pub(crate) fn new(records: Records<'a>) -> Self {
        Self { records, rows: Vec::new() }
    }

    /// Adds the predictions that an evaluation scored, if they are on record.
    pub(crate) fn add(
        &mut self,
        head: &ColumnHead,
        (method, seed, marks): (&str, Option<u64>, &[&str]),
        on: &str,
        evaluation: &str,
    ) -> Result<(), Error> {
        let runs = self.records.runs;
        let Some(job) = self.records.predicts(evaluation) else { return Ok(()) };
        let Some(record) = self.records.of(&job.id)? else { return Ok(()) };
        let JobOutput::Predictions { file, .. } = &record.output else { return Ok(()) };
        let path = runs.folder(job).join(&file.path);
        // The table is in `tables/NAME` of the runs folder.
        let path = path.strip_prefix(runs.root()).unwrap_or(&path);
        self.rows.push(Predicted {
            dataset: head.dataset.name.clone(),
            network: head.backbone.name.clone(),
            seed,
            method: method.to_owned(),
            on: on.to_owned(),
            metric: head.dataset.metric.name(),
            marks: marks.join(" "),
            predictions: format!("../../{}", path.display()),
        });
        Ok(())
    }

    /// Writes the list into the folder of the table. Returns its path; none without predictions.
    pub(crate) fn write(&self) -> Result<Option<PathBuf>, Error> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let Records { plan, runs } = self.records;
        write_text(&plan.folder(runs), Self::NAME, &ff_report::csv(&self.rows)).map(Some)
    }
}
