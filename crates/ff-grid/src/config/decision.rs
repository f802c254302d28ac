//! How a delivered model's logits become probabilities and decisions.

use ff_eval::{CalibrationMethod, Decision, OperatingRule, Predictions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How a delivered model's logits become probabilities and decisions. Both are fitted to its
/// predictions of the validation images, and kept in the metadata of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionConfig {
    /// Calibration: `temperature` for classes; `platt` or `isotonic` for labels. Absent: temperature
    /// or Platt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationMethod>,
    /// The rule that chooses thresholds.
    pub operating_point: OperatingRule,
    /// The classes or tasks that get a threshold, of each dataset that has them. A class is compared
    /// with all others. Absent: every task of labels, the second of two classes, none of more classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<String>>,
    /// The prevalence at which reports state predictive values, above 0 and below 1. Absent: that of
    /// the images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevalence: Option<f64>,
}

impl Default for DecisionConfig {
    fn default() -> Self {
        Self { calibration: None, operating_point: OperatingRule::Youden {}, of: None, prevalence: None }
    }
}

impl DecisionConfig {
    /// Checks numbers.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let place = |key: &str, why: String| Error::Config(format!("decision.{key}: {why}"));
        self.operating_point.check().map_err(|error| place("operating_point", error.to_string()))?;
        match self.prevalence {
            Some(share) if !(share > 0.0 && share < 1.0) => {
                Err(place("prevalence", format!("expected above 0 and below 1, found {share}")))
            }
            _ => Ok(()),
        }
    }

    /// Fits a decision to predictions of the validation images. Returns it with notes on what cannot
    /// be fitted, by the names of the outputs.
    pub(crate) fn fit(&self, names: &[String], predictions: &Predictions) -> (Decision, Vec<String>) {
        let kind = predictions.kind();
        let mut notes = Vec::new();
        let usual = CalibrationMethod::default_for(kind);
        let method = self.calibration.filter(|method| method.applies_to(kind)).unwrap_or(usual);
        if let Some(asked) = self.calibration.filter(|asked| *asked != method) {
            notes.push(format!("{asked} calibration is not for {kind} models: {method} is used"));
        }
        let mut decision = Decision::fit(method, predictions).unwrap_or_else(|error| {
            notes.push(format!("not calibrated: {error}"));
            Decision::none(kind)
        });
        notes.extend(decision.calibrator.notes().iter().map(|note| note.describe(names)));
        let outputs = match &self.of {
            None => Decision::usual_outputs(kind, predictions.outputs()),
            Some(of) => (0..names.len()).filter(|&at| of.contains(&names[at])).collect(),
        };
        if let (Some(of), true) = (&self.of, outputs.is_empty()) {
            notes.push(format!("no threshold: none of the classes is {}", of.join(" or ")));
        }
        let name = |output: usize| names.get(output).cloned().unwrap_or_else(|| format!("output {output}"));
        for output in outputs {
            match decision.clone().with_points(self.operating_point, &[output], predictions) {
                Ok(found) => decision = found,
                Err(ff_eval::Error::OneSided { found, .. }) => {
                    notes.push(format!("no threshold for {}: {found} on validation", name(output)));
                }
                Err(error) => notes.push(format!("no threshold for {}: {error}", name(output))),
            }
        }
        (decision, notes)
    }
}
