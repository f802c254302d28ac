//! The table of soups, and the files of each column's best soup.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use ff_checkpoint::write_json;
use ff_eval::{Decision, Metric, Value};
use ff_report::published::{FISSIONFUSION, Published};
use ff_report::{Cell, Column as ReportColumn, ColumnVerdict, Row, Table};
use serde::Serialize;

use super::card::{Card, number};
use super::columns::{SoupsColumn, SoupsTable};
use super::decision::recorded_classes;
use super::outcome::outcome;
use super::timm;
use crate::error::Error;
use crate::job::{CrossFit, JobId, JobOutput, Record, Selection, SoupRecord, VerdictRecord};
use crate::plan::{ColumnHead, Records};
use crate::results::{PredictedList, write_text};
use crate::store::remove_file;

/// The content of `soup.json`: the ingredients of a column's soup, and how they were selected.
#[derive(Serialize)]
struct SoupNote<'a> {
    backbone: &'a str,
    architecture: &'a str,
    dataset: &'a str,
    classes: &'a [String],
    method: &'a str,
    metric: Metric,
    chosen: &'static str,
    ingredients: Vec<(&'a str, f64)>,
    record: &'a SoupRecord,
}

impl SoupsTable {
    /// Builds the table from the records that exist. Cells note what is missing or failed.
    pub(super) fn table(&self, records: Records<'_>) -> Result<Table, Error> {
        let Self { config, columns } = self;
        let of_report = columns.iter().map(|column| {
            let ColumnHead { backbone, dataset, .. } = &column.head;
            let (verdict, no_verdict) = self.verdict(records, column)?;
            Ok(ReportColumn {
                ood: dataset.ood.iter().map(|other| other.name.clone()).collect(),
                paper: dataset.paper_column.is_some(),
                verdict,
                no_verdict,
                collapsed: self.collapsed(records, column)?,
                recommended: self.recommended(records, column)?,
                counts: counts(records, column)?,
                ..ReportColumn::new(&backbone.name, &dataset.name, dataset.metric)
            })
        });
        let of_report: Vec<ReportColumn> = of_report.collect::<Result<_, Error>>()?;
        let higher: Vec<_> =
            columns.iter().map(|column| self.higher_single(records, column)).collect::<Result<_, _>>()?;
        let mut rows = Vec::new();
        for (m, method) in config.method.iter().enumerate() {
            let cells = columns.iter().zip(&higher).map(|(column, higher)| -> Result<Cell, Error> {
                let mut cell = self.cell(records, column, m)?;
                if let Some((_, said)) = higher.as_ref().filter(|(soup, _)| *soup == m) {
                    let notes = std::iter::once(said).chain(&cell.note);
                    cell.note = Some(notes.map(String::as_str).collect::<Vec<_>>().join("; "));
                }
                Ok(cell)
            });
            let cells = cells.collect::<Result<_, Error>>()?;
            let soups = columns.iter().map(|column| column.methods[m].soup.as_str());
            rows.push(Row { method: method.name.clone(), cells, cost: records.cost(soups)? });
        }
        Table::new(&config.name, of_report, rows).map_err(|error| Error::Job(error.to_string()))
    }

    /// Returns a column's verdict, or why there is none.
    fn verdict(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
    ) -> Result<(Option<ColumnVerdict>, Option<String>), Error> {
        let Some(verdict) = &column.verdict else {
            let has = |wanted: fn(&Selection) -> bool| self.config.method.iter().any(|of| wanted(&of.select));
            let lacks = self.config.soup.folds > 0 && has(Selection::is_soup) && !has(Selection::is_single);
            return Ok((
                None,
                lacks.then(|| "it needs a row with `select = { kind = \"best\" }`".to_owned()),
            ));
        };
        let Some(record) = records.of(verdict)? else {
            let blocked = column.head.blocked.is_some();
            return Ok((None, (!blocked).then(|| "it needs the results of all rows".to_owned())));
        };
        let name = |job: &JobId| -> Result<String, Error> {
            let at = column.methods.iter().position(|jobs| jobs.soup == *job);
            let method = at.and_then(|at| self.config.method.get(at));
            Ok(method.ok_or_else(|| record.not("a verdict on rows of this table"))?.name.clone())
        };
        match &record.output {
            JobOutput::Verdict(VerdictRecord::Said { single, soup, same, of }) => {
                let (soup, single) = (name(soup)?, name(single)?);
                Ok((Some(ColumnVerdict { soup, single, same: *same, of: of.clone() }), None))
            }
            JobOutput::Verdict(VerdictRecord::None { why }) => Ok((None, Some(why.clone()))),
            _ => Err(record.not("a verdict")),
        }
    }

    /// Builds the cell of the method with index `at`.
    fn cell(&self, records: Records<'_>, column: &SoupsColumn, at: usize) -> Result<Cell, Error> {
        let (method, jobs) = (&self.config.method[at], &column.methods[at]);
        let ColumnHead { backbone, dataset, blocked, .. } = &column.head;
        let published = (|| {
            let (method, dataset) = (method.paper_row.as_deref()?, dataset.paper_column.as_deref()?);
            FISSIONFUSION.value(backbone.architecture.name, method, dataset).map(Published::mean)
        })();
        let ood_names = dataset.ood.iter().map(|other| other.name.clone());
        let mut cell = Cell { paper: published, ..Cell::default() };
        if let Some(why) = blocked {
            cell.ood = ood_names.map(|name| (name, None)).collect();
            cell.note = Some(why.lines().next().unwrap_or_default().to_owned());
            return Ok(cell);
        }
        let mut notes = Vec::new();
        match records.of(&jobs.soup)? {
            Some(record) => {
                let soup = self.config.soup_of(&record)?;
                cell.validation = Some(soup.validation());
                cell.chance = soup.chance;
                cell.models = Some(match method.select.is_ensemble() {
                    true => soup.candidates,
                    false => soup.soup.average.shares().len(),
                });
                if let Some(id) = &jobs.forecast
                    && let Some(forecast) = records.of(id)?
                {
                    cell.foreseen = outcome(forecast.forecast()?, method, &soup);
                }
                cell.cross_fitted = soup.cross_fitted();
                if let Some(CrossFit { score: Value::Undefined(why), .. }) = &soup.cross_fitted {
                    notes.push(format!(
                        "not cross-fitted: {why}; the validation score is on the images that chose"
                    ));
                }
                notes.extend(soup.cross_fitted.iter().flat_map(|of| &of.notes).cloned());
                if method.select.is_ensemble() {
                    let models = soup.candidates;
                    notes.push(format!(
                        "the mean of the probabilities of {models} models, each of which predicts every image"
                    ));
                }
                if !soup.left_out.is_empty() {
                    notes.push(format!("left out, diverged: {}", soup.left_out.join(", ")));
                }
                if !soup.diverged.is_empty() {
                    notes.push(format!("diverged, models from before used: {}", soup.diverged.join(", ")));
                }
                if let filtered @ 1.. = soup.filtered.len() {
                    let all = filtered + soup.candidates;
                    // The filter is not repeated without each fold.
                    let by = soup.cross_fitted.as_ref().map_or("", |_| ", by all validation images");
                    notes.push(format!("{filtered} of {all} models filtered{by}"));
                }
                if let images @ 1.. = records.skipped_in_training(&jobs.pool)? {
                    notes.push(format!("{images} unreadable training images left out"));
                }
                if !soup.skipped.is_empty() {
                    notes.push(format!("{} unreadable validation images left out", soup.skipped.len()));
                }
                notes.extend(self.other_starts(records, column, at)?);
                notes.extend(soup.notes.iter().chain(&record.remarks).cloned());
            }
            None => notes.push("not run".to_owned()),
        }
        let score = |id: &str| -> Result<Option<ff_eval::Score>, Error> {
            records.of(id)?.map(|record| record.score().cloned()).transpose()
        };
        match &jobs.test {
            Some(id) => {
                cell.test = score(id)?;
                if let images @ 1.. = records.skipped(id)? {
                    notes.push(format!("{images} unreadable test images left out"));
                }
            }
            None => notes.push("the dataset has no test split".to_owned()),
        }
        for (name, job) in ood_names.zip(&jobs.ood) {
            let found = match job {
                Ok(ood) => {
                    if !ood.note.is_empty() {
                        notes.push(format!("{name}: {}", ood.note));
                    }
                    score(&ood.score)?
                }
                Err(why) => {
                    notes.push(why.lines().next().unwrap_or_default().to_owned());
                    None
                }
            };
            cell.ood.push((name, found));
        }
        cell.note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok(cell)
    }

    /// Returns a note on models of another start, for a row that averages them as they are.
    fn other_starts(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
        at: usize,
    ) -> Result<Option<String>, Error> {
        let select = &self.config.method[at].select;
        let Some(id) = column.methods[at].forecast.as_ref().filter(|_| select.is_soup()) else {
            return Ok(None);
        };
        let Some(record) = records.of(id)?.filter(|_| *select != Selection::Rebasin {}) else {
            return Ok(None);
        };
        let forecast = record.forecast()?;
        let names: Vec<&str> = forecast.other_starts().map(|of| of.model.as_str()).collect();
        Ok((!names.is_empty()).then(|| {
            let (count, of) = (names.len(), forecast.models.len());
            let names = names.into_iter().take(3).collect::<Vec<_>>().join(", ");
            let more = if count > 3 { ", …" } else { "" };
            format!(
                "{count} of {of} models are not of the start of the best one ({names}{more}), so their mean is rarely \
                 better than chance; of ResNets and VGGs, the method rebasin puts their units in the same order"
            )
        }))
    }

    /// Returns whether all rows of a column have a record, and no model tells the validation images
    /// apart.
    fn collapsed(&self, records: Records<'_>, column: &SoupsColumn) -> Result<bool, Error> {
        let rows = self.rows(records, column, |_| true)?;
        Ok(rows.len() == column.methods.len() && rows.iter().all(|(.., soup)| soup.chance.collapsed))
    }

    /// Returns the name of the row to take: of the best soup and the best single model that with the
    /// best score on validation images ([`SoupRecord::most_worth`]); of equal scores, the single model.
    pub(super) fn recommended(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
    ) -> Result<Option<String>, Error> {
        let [soup, single] =
            [Selection::is_soup, Selection::is_single].map(|kind| self.best(records, column, kind));
        let both: Vec<(usize, SoupRecord)> = soup?.into_iter().chain(single?).collect();
        let soups: Vec<&SoupRecord> = both.iter().map(|(_, soup)| soup).collect();
        Ok(SoupRecord::most_worth(&soups).map(|at| self.config.method[both[at].0].name.clone()))
    }

    /// Returns the rows of a kind that have a record, by their place in the table.
    fn rows(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
        wanted: fn(&Selection) -> bool,
    ) -> Result<Vec<(usize, Record, SoupRecord)>, Error> {
        let mut found = Vec::new();
        for (at, (method, jobs)) in self.config.method.iter().zip(&column.methods).enumerate() {
            if !wanted(&method.select) {
                continue;
            }
            if let Some(record) = records.of(&jobs.soup)? {
                let soup = self.config.soup_of(&record)?;
                found.push((at, record, soup));
            }
        }
        Ok(found)
    }

    /// Returns the best row of a kind, by its place in the table. Of equal soups the later row counts,
    /// as in the files that are delivered; of equal single models the first.
    fn best(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
        wanted: fn(&Selection) -> bool,
    ) -> Result<Option<(usize, SoupRecord)>, Error> {
        let mut found = self.rows(records, column, wanted)?;
        found.sort_by_key(|(at, ..)| self.config.method[*at].select.is_single().then_some(Reverse(*at)));
        let soups: Vec<&SoupRecord> = found.iter().map(|(.., soup)| soup).collect();
        let best = SoupRecord::most_worth(&soups);
        Ok(best.map(|best| found.swap_remove(best)).map(|(at, _, soup)| (at, soup)))
    }

    /// Returns the row of the soup that is delivered with a note on it, if the best single model scores
    /// higher on validation images.
    fn higher_single(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
    ) -> Result<Option<(usize, String)>, Error> {
        let best = |kind| self.best(records, column, kind);
        let (soup, single) = (best(Selection::is_soup)?, best(Selection::is_single)?);
        let (Some((at, soup)), Some((of, single))) = (soup, single) else { return Ok(None) };
        let said = higher(&self.config.method[of].name, &single, &soup, column.head.dataset.metric);
        Ok(said.map(|said| (at, said)))
    }

    /// Lists the predictions of each row on test and out-of-distribution images.
    pub(super) fn predicted<'a>(&self, records: Records<'a>) -> Result<PredictedList<'a>, Error> {
        let mut list = PredictedList::new(records);
        for column in &self.columns {
            let delivered = self.best(records, column, Selection::is_soup)?.map(|(at, _)| at);
            let recommended = self.recommended(records, column)?;
            for (at, (method, jobs)) in self.config.method.iter().zip(&column.methods).enumerate() {
                let marks = [
                    (delivered == Some(at)).then_some("delivered"),
                    (recommended.as_ref() == Some(&method.name)).then_some("recommended"),
                ];
                let marks: Vec<&str> = marks.into_iter().flatten().collect();
                let row = (method.name.as_str(), None, &*marks);
                let test = jobs.test.iter().map(|id| ("test", id));
                let ood = column.head.dataset.ood.iter().zip(&jobs.ood);
                let ood = ood.filter_map(|(other, job)| Some((&*other.name, &job.as_ref().ok()?.score)));
                for (on, evaluation) in test.chain(ood) {
                    list.add(&column.head, row, on, evaluation)?;
                }
            }
        }
        Ok(list)
    }

    /// Writes the soup with the best validation score into a column's folder, with its record, its
    /// model card, and a folder that timm loads. Of equal scores, the later method counts. The score
    /// is the cross-fitted one, where there is one. A soup that tells no validation images apart is
    /// not delivered.
    pub(super) fn deliver(
        &self,
        records: Records<'_>,
        column: &SoupsColumn,
        folder: &Path,
    ) -> Result<Vec<PathBuf>, Error> {
        let (config, Records { plan, runs }) = (&self.config, records);
        let mut found = self.rows(records, column, Selection::is_soup)?;
        let soups: Vec<&SoupRecord> = found.iter().map(|(.., soup)| soup).collect();
        let Some(best) = SoupRecord::most_worth(&soups) else {
            // Nobody may take an earlier soup for one of these rows.
            return if soups.is_empty() { Ok(Vec::new()) } else { withdraw(folder).map(|()| Vec::new()) };
        };
        let (at, record, soup) = found.swap_remove(best);
        let (method, jobs) = (&config.method[at], &column.methods[at]);
        let job = plan.job(&jobs.soup).ok_or_else(|| record.not("in the plan"))?;
        let path = folder.join("soup.safetensors");
        let weights = runs.open(job, record.weights()?)?;
        let names = recorded_classes(&weights).unwrap_or_default();
        let (decision, undecided) = self.decision(runs, job, &soup, &names)?;
        let mut provenance = weights.provenance()?.clone();
        provenance.recipe[Decision::KEY] =
            serde_json::to_value(&decision).map_err(|error| Error::Job(error.to_string()))?;
        provenance.recipe["task"] = decision.calibrator.task().name().into();
        weights.save(&path, Some(&provenance))?;
        let ColumnHead { backbone, dataset, task, .. } = &column.head;
        let soup = &soup;
        let note = SoupNote {
            backbone: &backbone.name,
            architecture: backbone.architecture.name,
            dataset: &dataset.name,
            classes: task.as_ref().map_or(&[], |task| task.names()),
            method: &method.name,
            metric: dataset.metric,
            chosen: "best validation score among the soups (cross-fitted, where there is one), ties to the later method; the test split was not used",
            ingredients: soup.soup.average.shares(),
            record: soup,
        };
        let note_path = folder.join("soup.json");
        write_json(&note_path, &note)?;
        let mut files = vec![path.clone(), note_path];
        let score = |id: &str| records.score(id);
        let mut scores = vec![("test".to_owned(), jobs.test.as_deref().map(score).transpose()?.flatten())];
        for (other, job) in dataset.ood.iter().zip(&jobs.ood) {
            let found = job.as_ref().ok().map(|job| score(&job.score)).transpose()?.flatten();
            scores.push((other.name.clone(), found));
        }
        let of_cell = self.cell(records, column, at)?.note;
        let of_scores = scores.iter().flat_map(|(on, score)| {
            score.iter().flat_map(|score| &score.notes).map(move |note| format!("{on}: {note}"))
        });
        let higher = self.higher_single(records, column)?.map(|(_, said)| said);
        let notes = higher.into_iter().chain(of_cell).chain(of_scores).collect();
        let card = Card {
            backbone,
            from_files: config.parts(&method.pool).1.is_some(),
            dataset,
            model: &config.model,
            selected_by: config.select_by(method, dataset.metric).unwrap_or(dataset.metric),
            method: &method.name,
            classes: if note.classes.is_empty() { &names } else { note.classes },
            soup,
            decision: &decision,
            undecided,
            notes,
            scores,
        };
        let text = card.to_markdown();
        files.push(write_text(folder, "soup.md", &text)?);
        files.extend(timm::folder(&folder.join("timm"), &path, &card, &text)?);
        Ok(files)
    }
}

/// Removes the files of an earlier soup from a column's folder.
fn withdraw(folder: &Path) -> Result<(), Error> {
    for name in ["soup.safetensors", "soup.json", "soup.md"] {
        let path = folder.join(name);
        remove_file(&path).map_err(Error::file(&path))?;
    }
    let path = folder.join("timm");
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(&path)(error)),
        _ => Ok(()),
    }
}

/// Returns a note if the single model of a row scores higher than a soup of other weights: by the
/// cross-fitted scores if both have one, else by those on validation images.
fn higher(row: &str, single: &SoupRecord, soup: &SoupRecord, metric: Metric) -> Option<String> {
    let (fitted, higher, lower) = match (single.cross_fitted(), soup.cross_fitted()) {
        (Some(single), Some(soup)) => ("cross-fitted ", single, soup),
        _ => ("", single.validation(), soup.validation()),
    };
    let model = single.soup.average.shares().into_iter().map(|(name, _)| name).next()?;
    (higher > lower && single.digest != soup.digest).then(|| {
        let (metric, higher, lower) = (metric.title(), number(higher), number(lower));
        format!(
            "{row} ({model}) scores higher on validation images than this soup: {fitted}{metric} {higher} \
             against {lower}"
        )
    })
}

/// Returns the classes or tasks of a column with the numbers of their validation images, where the
/// metric is a mean over them.
fn counts(records: Records<'_>, column: &SoupsColumn) -> Result<Vec<(String, u64)>, Error> {
    for jobs in &column.methods {
        if let Some(record) = records.of(&jobs.soup)? {
            let names = column.head.task.as_ref().map_or(&[][..], |task| task.names());
            let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| format!("class {at}"));
            let counts = record.soup()?.counts.iter().enumerate();
            return Ok(counts.map(|(at, count)| (name(at), *count)).collect());
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_model_that_scores_higher_is_named() {
        let record = |validation: f64, cross_fitted: Option<f64>, digest: char| {
            let digest = digest.to_string().repeat(64);
            let text = format!(
                r#"{{"soup":{{"average":{{"ingredient":"run0.pth"}},"score":{validation},"decisions":[]}},
                "candidates":2,"left_out":[],"skipped":[],"digest":"{digest}"}}"#
            );
            let mut record: SoupRecord = serde_json::from_str(&text).unwrap();
            record.cross_fitted =
                cross_fitted.map(|score| CrossFit { folds: 3, ..CrossFit::of_no_choice(score) });
            record
        };
        let said = |single, soup| higher("Best", &single, &soup, Metric::LogLoss);
        assert_eq!(
            said(record(-0.25, None, '0'), record(-0.5, None, '1')).unwrap(),
            "Best (run0.pth) scores higher on validation images than this soup: −log loss −0.2500 \
             against −0.5000"
        );
        assert_eq!(said(record(0.5, None, '0'), record(0.5, None, '1')), None, "a tie");
        assert_eq!(said(record(0.5, Some(0.5), '0'), record(0.5, Some(0.4), '0')), None, "the same weights");
        // One scale for both.
        let fitted = said(record(0.5, Some(0.5), '0'), record(0.6, Some(0.4), '1')).unwrap();
        assert!(fitted.ends_with("cross-fitted −log loss 0.5000 against 0.4000"), "{fitted}");
        assert_eq!(said(record(0.5, Some(0.7), '0'), record(0.6, None, '1')), None);
    }
}
