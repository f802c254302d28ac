//! How the logits of a model become probabilities and decisions.

use serde::{Deserialize, Serialize};

use crate::calibrator::{CalibrationMethod, Calibrator};
use crate::error::Error;
use crate::operating_point::OperatingPoint;
use crate::operating_rule::OperatingRule;
use crate::predictions::{Predictions, TaskKind};

/// How the logits of a model become probabilities and decisions. A model's file keeps it.
///
/// ```
/// use ff_eval::{CalibrationMethod, Decision, OperatingRule, Predictions, Targets};
///
/// let logits = vec![2.0, 0.0, 1.5, 0.5, 0.0, 1.0, 0.4, 0.6, 0.9, 0.2, 0.1, 3.0]; // [6, 2]
/// let validation = Predictions::new(logits, 2, Targets::Classes(vec![0, 0, 1, 0, 1, 1]))?;
/// let decision = Decision::fit(CalibrationMethod::Temperature, &validation)?;
/// let decision = decision.with_points(OperatingRule::Youden {}, &[1], &validation)?;
/// let probabilities = decision.calibrator.probabilities(&[0.1, 3.0]);
/// assert_eq!(decision.decide(&probabilities), [(1, true)]);
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The map from logits to probabilities.
    pub calibrator: Calibrator,
    /// Thresholds on the probabilities, at most one for each output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<OperatingPoint>,
}

impl Decision {
    /// The key in the recipe of a model's provenance under which it is kept.
    pub const KEY: &str = "decision";

    /// Probabilities as they are, and no operating point.
    pub fn none(task: TaskKind) -> Decision {
        Decision { calibrator: Calibrator::none(task), points: Vec::new() }
    }

    /// Calibrates on the predictions of samples that the model was not trained on, without operating
    /// points.
    ///
    /// # Errors
    /// Those of [`Calibrator::fit`].
    pub fn fit(method: CalibrationMethod, predictions: &Predictions) -> Result<Decision, Error> {
        Ok(Decision { calibrator: Calibrator::fit(method, predictions)?, points: Vec::new() })
    }

    /// Sets the operating points of some outputs, in place of earlier ones, by the predictions of
    /// samples that the model was not trained on.
    ///
    /// # Errors
    /// Those of [`OperatingPoint::choose`].
    pub fn with_points(
        mut self,
        rule: OperatingRule,
        outputs: &[usize],
        predictions: &Predictions,
    ) -> Result<Decision, Error> {
        for &output in outputs {
            let point = OperatingPoint::choose(rule, output, &self.calibrator, predictions)?;
            self.points.retain(|point| point.output != output);
            self.points.push(point);
        }
        self.points.sort_by_key(|point| point.output);
        Ok(self)
    }

    /// The outputs that have an operating point where none are named: of two classes the second, of
    /// multilabel predictions every task, of more than two classes none.
    pub fn usual_outputs(kind: TaskKind, outputs: usize) -> Vec<usize> {
        match kind {
            TaskKind::Multilabel => (0..outputs).collect(),
            TaskKind::Multiclass if outputs == 2 => vec![1],
            TaskKind::Multiclass => Vec::new(),
        }
    }

    /// The decision on each output with an operating point, from the probabilities of all outputs.
    ///
    /// # Panics
    /// If an operating point has no probability.
    pub fn decide(&self, probabilities: &[f64]) -> Vec<(usize, bool)> {
        let decide = |point: &OperatingPoint| (point.output, point.is_positive(probabilities[point.output]));
        self.points.iter().map(decide).collect()
    }

    /// Checks that it is for a model of this kind and number of outputs.
    ///
    /// # Errors
    /// [`Error::Calibrator`] and [`Error::Output`].
    pub fn check(&self, kind: TaskKind, outputs: usize) -> Result<(), Error> {
        self.calibrator.check_form(kind, outputs)?;
        match self.points.iter().find(|point| point.output >= outputs) {
            Some(point) => Err(Error::Output { last: outputs.saturating_sub(1), found: point.output }),
            None => Ok(()),
        }
    }
}
