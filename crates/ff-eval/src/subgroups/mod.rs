//! Scores of subgroups of the samples, each compared with all other samples.

mod members;

use serde::{Deserialize, Serialize};

use crate::bootstrap::{percentiles, resampled};
use crate::column::Column;
use crate::error::Error;
use crate::groups::Groups;
use crate::metric::{Metric, Prepared};
use crate::note::Note;
use crate::paired::{Difference, deviation};
use crate::predictions::Predictions;
use crate::score::Score;
use crate::spread::LEVEL;
use members::{Members, obstacle};

/// Resamples for each comparison, so that an interval has a resample beyond each end.
const RESAMPLES_PER_COMPARISON: usize = 40;

/// The largest number of values of a column.
///
/// With 25 comparisons, each end of an interval has one of 1,000 resamples beyond it.
const MAX_VALUES: usize = 25;

/// Scores of the subgroups that a column divides the samples into.
///
/// ```
/// use ff_eval::{Column, Metric, Predictions, Shown, Subgroups, Targets};
///
/// // Two hospitals; the model is right about all samples of the first and half of the second.
/// let logits = (0..80).flat_map(|at| if at < 60 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
/// let predictions = Predictions::new(logits, 2, Targets::Classes(vec![0; 80]))?;
/// let hospitals: Vec<_> = (0..80).map(|at| Some(if at < 40 { "A" } else { "B" })).collect();
/// let column = Column::new("hospital", &hospitals);
/// let found = Subgroups::of(&[Metric::Accuracy], &predictions, &column, 1000, 0)?;
/// let (lowest, score) = found.lowest(Metric::Accuracy).expect("both are compared");
/// assert_eq!((lowest.value.as_str(), score.score.value.value()), ("B", Some(0.5)));
/// assert_eq!(score.difference.map(|of| of.shown()), Some(Shown::Lower));
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroups {
    /// The name of the column.
    pub column: String,
    /// The number of comparisons of each metric, k: the values that are compared with all others; 1
    /// if two values divide all samples, because both comparisons are then the same.
    pub comparisons: usize,
    /// The level of the intervals of differences: 1 − 0.05/k (Bonferroni). So if no value differs,
    /// one of a metric's intervals excludes 0 in about 5 % of cases or fewer.
    pub level: f64,
    /// The subgroups, in the order of [`Column::values`].
    pub rows: Vec<Subgroup>,
}

/// The samples with one value of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroup {
    /// The value.
    pub value: String,
    /// The number of samples.
    pub samples: usize,
    /// The number of groups with such samples, of predictions with groups; `None` where samples are
    /// independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// The scores, in the order of the metrics.
    pub scores: Vec<SubgroupScore>,
}

/// The score of a subgroup, with its difference to all other samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubgroupScore {
    /// The score of the subgroup, with its own 95 % interval, and with a note if it is not compared.
    pub score: Score,
    /// The value of the subgroup less that of all other samples, with an interval of
    /// [`Subgroups::level`]; `None` if it is not compared.
    pub difference: Option<Difference>,
}

impl Subgroups {
    /// Scores each subgroup, and compares it with all other samples.
    ///
    /// The interval of a difference is from resamples of all samples, or of their groups, on which
    /// both sides are evaluated; so a group may have samples on both sides. They are those of
    /// [`crate::bootstrap`] with the same seed. At least 40·k resamples are needed for an interval
    /// of k comparisons to have a resample beyond each end.
    ///
    /// A subgroup is not compared if it or its complement has fewer than 10 samples, or groups where
    /// there are groups; with resamples, but fewer than that; if the metric is
    /// undefined on either, or if the metric is a mean over classes or tasks that only one of them
    /// has. A note says why.
    ///
    /// Each resample takes a pass over all samples for each value of the column.
    ///
    /// # Errors
    /// [`Error::Column`] if the column is of another number of samples, or has more than 25 values.
    pub fn of(
        metrics: &[Metric],
        predictions: &Predictions,
        column: &Column,
        resamples: usize,
        seed: u64,
    ) -> Result<Subgroups, Error> {
        check(predictions, column)?;
        let whole: Vec<Prepared> = metrics.iter().map(|&metric| Prepared::new(metric, predictions)).collect();
        let members = |value: usize| {
            let of_value = column.of_sample().iter().enumerate().filter(|of| *of.1 == value);
            Members::new(metrics, predictions, of_value.map(|of| of.0).collect())
        };
        let members: Vec<Members> = (0..column.values().len()).map(members).collect();

        let differences = |times: &[u32]| -> Vec<Option<f64>> {
            let compared = members.iter().filter(|of| of.are_enough());
            compared.flat_map(|of| of.differences(&whole, times)).collect()
        };
        let observed = differences(&vec![1; predictions.len()]);
        let groups = Groups::of(predictions);
        let drawn =
            resampled(predictions.len(), groups.as_ref(), resamples, seed, |times| Some(differences(times)));

        let compared = members.iter().filter(|of| of.are_enough()).count();
        let comparisons = if members.len() == 2 { compared.min(1) } else { compared };
        let needed = RESAMPLES_PER_COMPARISON * comparisons;
        let level = 1.0 - (1.0 - LEVEL) / comparisons.max(1) as f64;
        let difference = |at: usize| {
            let values: Vec<f64> = drawn.iter().filter_map(|values| values[at]).collect();
            let standard_error = deviation(&values);
            observed[at].map(|value| Difference {
                value,
                interval: percentiles(values, resamples, level),
                standard_error,
            })
        };
        let mut places = 0..;
        let row = |(value, members): (&String, &Members)| {
            let (ours, theirs) = members.sides(predictions);
            let scores = metrics.iter().map(|&metric| {
                let mut score = Score::new(metric, &ours, resamples, seed);
                let place = if members.are_enough() { places.next() } else { None };
                let obstacle = obstacle(&score, &ours, &theirs).or_else(|| {
                    let why = format!("expected at least {needed} resamples, found {resamples}");
                    (place.is_some() && score.value.value().is_some() && resamples > 0 && resamples < needed)
                        .then_some(Note::NotCompared { why })
                });
                let difference = place.filter(|_| obstacle.is_none()).and_then(difference);
                score.notes.extend(obstacle);
                SubgroupScore { score, difference }
            });
            let scores = scores.collect();
            Subgroup { value: value.clone(), samples: ours.len(), groups: ours.group_count(), scores }
        };
        let rows = column.values().iter().zip(&members).map(row).collect();
        Ok(Subgroups { column: column.name().to_owned(), comparisons, level, rows })
    }

    /// The subgroup with the lowest value of a metric among those compared; `None` with fewer than
    /// two of them.
    ///
    /// One is always the lowest. Only its difference shows whether it is lower than the others.
    pub fn lowest(&self, metric: Metric) -> Option<(&Subgroup, &SubgroupScore)> {
        let scores = self.rows.iter().flat_map(|row| row.scores.iter().map(move |score| (row, score)));
        let compared = scores.filter(|(_, of)| of.score.metric == metric && of.difference.is_some());
        let compared: Vec<_> =
            compared.filter_map(|(row, score)| Some((score.score.value.value()?, row, score))).collect();
        let lowest = compared.iter().min_by(|a, b| a.0.total_cmp(&b.0)).filter(|_| compared.len() > 1);
        lowest.map(|&(_, row, score)| (row, score))
    }
}

/// Checks that a column has a value for each sample, and not too many different ones.
fn check(predictions: &Predictions, column: &Column) -> Result<(), Error> {
    column.check(predictions.len())?;
    let values = column.values().len();
    if values > MAX_VALUES {
        let expected = format!("at most {MAX_VALUES} different values");
        let found = format!("{values}\nhint: merge rare values into one");
        return Err(Error::Column { column: column.name().to_owned(), expected, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
