//! The table of in-model merging, with its plots and CSV files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ff_data::Task;
use ff_eval::Note;
use ff_report::{LinePlot, SeedCell, SeedColumn, SeedRow, SeedRun, SeedTable, csv};
use ff_train::predictions_of;

use super::columns::{InmergeColumn, InmergeTable, SeedJobs};
use super::figures::{of_merges, of_sweep};
use super::layers::{Merged, kernels, merges};
use crate::error::Error;
use crate::plan::{ColumnHead, Records};
use crate::results::{PredictedList, place, write_text};

impl InmergeTable {
    /// Builds the table from the records that exist.
    pub(super) fn table(&self, records: Records<'_>) -> Result<SeedTable, Error> {
        let Self { config, columns } = self;
        let of_report = columns.iter().map(|column| {
            let ColumnHead { backbone, dataset, task, .. } = &column.head;
            let tasks = match task {
                Some(task @ Task::Multilabel { .. }) => task.names().to_vec(),
                _ => Vec::new(),
            };
            SeedColumn {
                backbone: backbone.name.clone(),
                architecture: backbone.architecture.name.to_owned(),
                dataset: dataset.name.clone(),
                metric: dataset.metric,
                tasks,
                paper_dataset: dataset.paper_column.clone(),
            }
        });
        let mut rows = Vec::new();
        for (at, row) in config.rows().into_iter().enumerate() {
            let cells = columns.iter().map(|column| cell(records, column, &column.methods[at]));
            let trained =
                columns.iter().flat_map(|column| &column.methods[at]).map(|jobs| jobs.trained.as_str());
            rows.push(SeedRow {
                method: row.name,
                paper_row: row.paper_row,
                cells: cells.collect::<Result<_, _>>()?,
                cost: records.cost(trained)?,
            });
        }
        SeedTable::new(&config.name, of_report.collect(), rows, config.baseline())
            .map_err(|error| Error::Job(error.to_string()))
    }

    /// Writes the further files of each column: a plot with its numbers for each sweep and for the
    /// merges over time, the merges by layer and epoch (`merged-kernels.csv`), and the redundancy
    /// of the kernels of saved models (`kernels.csv`).
    pub(super) fn details(&self, records: Records<'_>) -> Result<Vec<PathBuf>, Error> {
        let table = self.table(records)?;
        let rows = self.config.rows();
        let mut files = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            if column.head.blocked.is_some() {
                continue;
            }
            let place = place(records, self.columns.len(), &column.head);
            let merged = merges(&rows, column, records)?;
            for (name, figure) in self.figures(at, &table, &merged) {
                let svg = match figure.to_svg() {
                    Err(ff_report::Error::NoPoint { .. }) => continue, // nothing of it is done yet
                    svg => svg.map_err(|error| Error::Job(error.to_string()))?,
                };
                files.push(write_text(&place, &format!("{name}.svg"), &svg)?);
                files.push(write_text(&place, &format!("{name}.csv"), &figure.to_csv())?);
            }
            let kernels = kernels(&rows, column, records)?;
            for (name, text) in [("merged-kernels.csv", csv(&merged)), ("kernels.csv", csv(&kernels))] {
                // Without lines, the CSV would have no header either.
                if !text.is_empty() {
                    files.push(write_text(&place, name, &text)?);
                }
            }
        }
        files.extend(self.predicted(records)?.write()?);
        Ok(files)
    }

    /// Lists the predictions of each row and seed on test images.
    fn predicted<'a>(&self, records: Records<'a>) -> Result<PredictedList<'a>, Error> {
        let mut list = PredictedList::new(records);
        let rows = self.config.rows();
        for column in &self.columns {
            for (row, seeds) in rows.iter().zip(&column.methods) {
                for SeedJobs { seed, test, .. } in seeds {
                    let of = (row.name.as_str(), Some(*seed), &[][..]);
                    test.iter().try_for_each(|test| list.add(&column.head, of, "test", test))?;
                }
            }
        }
        Ok(list)
    }

    /// Returns the plots of a column with their file names: one for each sweep, and the merges over
    /// time.
    pub(super) fn figures(
        &self,
        at: usize,
        table: &SeedTable,
        merged: &[Merged<'_>],
    ) -> Vec<(String, LinePlot)> {
        let (config, ColumnHead { backbone, dataset, .. }) = (&self.config, &self.columns[at].head);
        let title = format!("{}, {}", dataset.name, backbone.name);
        let sweeps = config.sweep.iter();
        let sweeps =
            sweeps.map(|sweep| (format!("sweep-{}", sweep.parameter()), of_sweep(sweep, table, at, &title)));
        let merges = of_merges(&config.rows(), merged, &title).map(|figure| ("merges".to_owned(), figure));
        sweeps.chain(merges).collect()
    }
}

fn cell(records: Records<'_>, column: &InmergeColumn, seeds: &[SeedJobs]) -> Result<SeedCell, Error> {
    if let Some(why) = &column.head.blocked {
        let note = Some(why.lines().next().unwrap_or_default().to_owned());
        return Ok(SeedCell { runs: Vec::new(), note });
    }
    let (mut found, mut notes, mut remarks) = (Vec::new(), Vec::new(), BTreeSet::new());
    for jobs in seeds {
        let seed = jobs.seed;
        let Some(trained) = records.of(&jobs.trained)? else {
            notes.push(format!("seed {seed} not run"));
            continue;
        };
        let outcome = trained.training()?;
        let Some(kept) = &outcome.kept else {
            notes.push(format!("seed {seed} diverged"));
            continue;
        };
        if let Some(at) = &outcome.diverged {
            notes.push(format!("seed {seed} diverged in epoch {}: epoch {} is kept", at.epoch, kept.epoch));
        }
        if let images @ 1.. = records.skipped_in_training(std::slice::from_ref(&jobs.trained))? {
            notes.push(format!("seed {seed}: {images} unreadable training images left out"));
        }
        remarks.extend(trained.remarks.iter().cloned());
        let scored = jobs.test.as_ref().map(|id| records.of(id)).transpose()?.flatten();
        if let Some(id) = &jobs.test
            && let images @ 1.. = records.skipped(id)?
        {
            notes.push(format!("seed {seed}: {images} unreadable test images left out"));
        }
        let test = scored.map(|record| record.score().cloned()).transpose()?;
        found.push(SeedRun { seed, validation: kept.validation.value(), test });
    }
    if seeds.iter().all(|jobs| jobs.test.is_none()) {
        notes.push("the dataset has no test split".to_owned());
    }
    // In a class of few images, single ones can decide the selection of an epoch. The images are
    // the same for every seed.
    notes.extend(few_samples(records, column)?);
    notes.extend(remarks);
    Ok(SeedCell { runs: found, note: (!notes.is_empty()).then(|| notes.join("; ")) })
}

/// Returns a note on classes or tasks with few validation images, if a run has predicted them.
fn few_samples(records: Records<'_>, column: &InmergeColumn) -> Result<Option<String>, Error> {
    let first = column.methods.iter().flatten().next();
    let Some(job) = first.and_then(|jobs| records.plan.job(&jobs.trained)) else { return Ok(None) };
    let Some(trained) = records.of(&job.id)? else { return Ok(None) };
    let Some(kept) = &trained.training()?.kept else { return Ok(None) };
    // Damaged predictions are found by the doctor and do not stop the table.
    let Ok(file) = records.runs.open(job, &kept.predictions) else { return Ok(None) };
    let predictions = predictions_of(&file)?;
    let names = column.head.task.as_ref().map_or(&[][..], |task| task.names());
    let mut notes = column.head.dataset.metric.notes(&predictions).into_iter();
    let few = notes.find(|note| matches!(note, Note::FewSamples { .. }));
    Ok(few.map(|note| format!("validation: {}", note.describe(names))))
}
