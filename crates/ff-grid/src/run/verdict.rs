//! What validation says of a column's soups against its best single model.

use ff_eval::{Metric, Predictions, Value, Verdict, verdict};
use ff_train::predictions_of;

use super::context::JobContext;
use crate::error::Error;
use crate::job::{Cost, CrossFit, Job, JobId, JobOutput, VerdictRecord};

/// A row with its cross-fitted predictions.
struct Row<'a> {
    soup: &'a JobId,
    predictions: Predictions,
}

impl JobContext<'_> {
    /// Compares the soups of a job's inputs with the best of the single models, which come first, by
    /// their cross-fitted predictions. Models that tell no validation images apart are passed over.
    pub(super) fn verdict(
        &self,
        job: &Job,
        singles: usize,
        metric: Metric,
        (resamples, seed): (usize, u64),
    ) -> Result<(JobOutput, Cost), Error> {
        let said = |record: VerdictRecord| Ok((JobOutput::Verdict(record), Cost::default()));
        let (mut why, mut collapsed) = (None, [0; 2]);
        let (mut single, mut soups): (Option<(f64, Row<'_>)>, Vec<Row<'_>>) = (None, Vec::new());
        for (at, input) in job.inputs.iter().enumerate() {
            let planned = self.planned(input)?;
            let record = self.runs.done(planned)?;
            let soup = record.soup()?;
            let Some(file) = soup.cross_fitted_predictions() else {
                if let Some(CrossFit { score: Value::Undefined(reason), .. }) = &soup.cross_fitted {
                    why.get_or_insert_with(|| reason.clone());
                }
                continue;
            };
            let predictions = predictions_of(&self.runs.open(planned, file)?)?;
            if metric.collapsed(&predictions_of(&self.runs.open(planned, &soup.predictions)?)?) {
                collapsed[usize::from(at >= singles)] += 1;
                continue;
            }
            let (row, score) = (Row { soup: input, predictions }, soup.cross_fitted());
            let score = score.unwrap_or(f64::NEG_INFINITY);
            if at >= singles {
                soups.push(row);
            } else if single.as_ref().is_none_or(|(best, _)| score > *best) {
                single = Some((score, row));
            }
        }
        let Some((_, single)) = single.take_if(|_| !soups.is_empty()) else {
            let of_collapsed = || {
                let [of_singles, of_soups] = collapsed;
                let which = match (single.is_some(), soups.is_empty()) {
                    (true, _) if of_soups > 0 => "every soup",
                    (_, false) if of_singles > 0 => "every single model",
                    _ if of_singles + of_soups > 0 => "every model",
                    _ => return None,
                };
                Some(format!("{which} predicts one class for all validation images, so it is not compared"))
            };
            let why = why.or_else(of_collapsed);
            let why = why.unwrap_or_else(|| "the table has no single model or no soup".to_owned());
            return said(VerdictRecord::None { why });
        };
        // Of equal soups the later counts, as in the files that are delivered.
        let (ids, others): (Vec<&JobId>, Vec<Predictions>) =
            soups.into_iter().rev().map(|row| (row.soup, row.predictions)).unzip();
        match verdict(metric, &single.predictions, &others, resamples, seed) {
            Err(error) => said(VerdictRecord::None { why: error.to_string() }),
            Ok(None) => said(VerdictRecord::None { why: format!("{} is undefined", metric.title()) }),
            Ok(Some(of)) => said(VerdictRecord::Said {
                single: single.soup.clone(),
                soup: ids[of.best].clone(),
                same: others[of.best].logits() == single.predictions.logits(),
                of: Verdict { best: others.len() - 1 - of.best, ..of },
            }),
        }
    }
}
