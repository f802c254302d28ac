//! Calibration errors with intervals.

use serde::{Deserialize, Serialize};

use crate::calibration::{Calibration, Diagram, diagrams};
use crate::estimate::{Estimate, estimates};
use crate::note::Note;
use crate::predictions::Predictions;
use crate::value::Value;

/// The calibration error and the Brier score of predictions, with intervals.
///
/// The resamples are those of [`crate::bootstrap`] with the same seed: of groups, where predictions
/// have groups.
///
/// ```
/// use ff_eval::{CalibrationScore, Predictions, Targets};
///
/// // Probabilities of 3/4, of which one half come true.
/// let logits = [3f32.ln(), 0.0].repeat(40);
/// let targets = Targets::Classes([0, 1].repeat(20));
/// let predictions = Predictions::new(logits, 2, targets)?;
/// let score = &CalibrationScore::of(&predictions, 10, 1000, 0)[0];
/// assert!((score.ece.value.value().unwrap() - 0.25).abs() < 1e-7);
/// let interval = score.ece.interval.expect("there are resamples");
/// assert!(interval.low > 0.05 && interval.high < 0.45);
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationScore {
    /// The index of the task; `None` for classes, which have one score together.
    pub task: Option<usize>,
    /// Expected calibration error: see [`Calibration::ece`].
    ///
    /// A resample has more noise in each bin than the samples have, and noise raises the error. So
    /// the interval is too high: of a well-calibrated model it may be wholly above the value, and it
    /// never shows that a model is badly calibrated.
    pub ece: Estimate,
    /// Brier score: see [`Calibration::brier`].
    pub brier: Estimate,
    /// The number of samples; of a task, of those with a known label.
    pub samples: u64,
    /// The number of groups, of predictions with groups; `None` where samples are independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Notes on few groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl CalibrationScore {
    /// Scores predictions in `bins` bins (at least 1), one score for each diagram of
    /// [`crate::calibration`], with intervals from `resamples` resamples of `seed`.
    ///
    /// Empty without samples. With 0 resamples there are no intervals.
    pub fn of(predictions: &Predictions, bins: usize, resamples: usize, seed: u64) -> Vec<CalibrationScore> {
        let diagrams = diagrams(predictions, bins);
        let values = |times: &[u32]| {
            let of_diagram = |found: Option<Calibration>| match found {
                Some(found) => [Value::Defined(found.ece), Value::Defined(found.brier)],
                None => [0; 2].map(|_| Value::Undefined("no known sample".to_owned())),
            };
            diagrams.iter().flat_map(|diagram| of_diagram(diagram.count(times))).collect()
        };
        let mut found = estimates(predictions, resamples, seed, values).into_iter();
        let groups = predictions.group_count();
        let notes: Vec<Note> =
            groups.filter(|_| resamples > 0).and_then(Note::few_groups).into_iter().collect();
        let score = |diagram: &Diagram| {
            let (task, samples) = (diagram.task, diagram.cases.len() as u64);
            let (ece, brier) = (found.next()?, found.next()?);
            Some(CalibrationScore { task, ece, brier, samples, groups, notes: notes.clone() })
        };
        diagrams.iter().filter_map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration;
    use crate::predictions::Targets;

    /// Two tasks; the second is known of every other sample.
    fn tasks() -> Predictions {
        let logits = (0..400).map(|at| (at as f32 * 0.7).sin() * 3.0).collect();
        let label = |at: usize| if at % 4 == 3 { f32::NAN } else { f32::from(u8::from(at % 5 < 2)) };
        Predictions::new(logits, 2, Targets::Labels((0..400).map(label).collect())).unwrap()
    }

    #[test]
    fn values_are_those_of_the_diagrams() {
        let predictions = tasks();
        let (scores, diagrams) =
            (CalibrationScore::of(&predictions, 10, 50, 3), calibration(&predictions, 10));
        assert_eq!(scores.len(), 2);
        for (score, diagram) in scores.iter().zip(&diagrams) {
            assert_eq!((score.task, score.samples), (diagram.task, diagram.samples));
            assert_eq!(score.ece.value, Value::Defined(diagram.ece));
            assert_eq!(score.brier.value, Value::Defined(diagram.brier));
            let brier = score.brier.interval.unwrap();
            assert!(brier.low < diagram.brier && diagram.brier < brier.high, "{score:?}");
        }
        assert_eq!((scores[0].samples, scores[1].samples), (200, 100));
        let json = serde_json::to_string(&scores).unwrap();
        assert_eq!(serde_json::from_str::<Vec<CalibrationScore>>(&json).unwrap(), scores);
    }

    /// Squared distances of 1/16 and 9/16 in equal shares: the mean is 5/16, its standard error 1/4
    /// / √400, and the 95 % interval 0.3125 ± 0.0245. The error |3/4 − 1/2| has a standard error of
    /// 1/2 / √400, and ± 0.049.
    #[test]
    fn widths_match_the_normal_approximation() {
        let logits = vec![3f32.ln(); 400];
        let labels = [1.0, 0.0].repeat(200);
        let predictions = Predictions::new(logits, 1, Targets::Labels(labels)).unwrap();
        let score = CalibrationScore::of(&predictions, 10, 2000, 1).remove(0);
        for (of, value, half) in [(score.brier, 0.3125, 0.0245), (score.ece, 0.25, 0.049)] {
            let interval = of.interval.unwrap();
            let near = |end: f64, expected: f64| (end - expected).abs() < 0.1 * half;
            assert!(near(interval.low, value - half) && near(interval.high, value + half), "{interval:?}");
        }
    }

    #[test]
    fn groups_are_resampled() {
        let predictions = tasks();
        let of = |groups: u32, resamples| {
            let grouped = predictions.clone().with_groups((0..200).map(|at| at % groups).collect());
            CalibrationScore::of(&grouped.unwrap(), 10, resamples, 3)
        };
        let alone = CalibrationScore::of(&predictions, 10, 50, 3);
        assert_eq!(of(200, 50)[1].ece, alone[1].ece);
        assert_ne!(of(60, 50)[1].ece, alone[1].ece);
        assert_eq!((of(20, 50)[0].groups, of(20, 50)[0].notes.len()), (Some(20), 1));
        assert_eq!((of(20, 0)[0].notes.len(), of(20, 0)[0].ece.interval), (0, None));
        assert_eq!(of(1, 50)[0].brier.interval, None);
    }

    #[test]
    fn tasks_without_known_labels_have_no_score() {
        let labels = Targets::Labels(vec![f32::NAN, 1.0]);
        let predictions = Predictions::new(vec![0.0; 2], 2, labels).unwrap();
        let scores = CalibrationScore::of(&predictions, 10, 5, 0);
        assert_eq!(scores.iter().map(|score| score.task).collect::<Vec<_>>(), [Some(1)]);
        let empty = Predictions::new(vec![], 2, Targets::Classes(vec![])).unwrap();
        assert_eq!(CalibrationScore::of(&empty, 10, 5, 0), []);
    }
}
