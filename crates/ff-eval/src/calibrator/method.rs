//! The names of calibration methods.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use crate::predictions::TaskKind;

/// The way in which logits become calibrated probabilities.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = unknown)]
pub enum CalibrationMethod {
    /// The softmax of the logits divided by one number, the temperature, which minimises the log
    /// loss; for classes. The predicted class stays the same. (Guo et al. 2017, *On Calibration of
    /// Modern Neural Networks*, §4.2)
    Temperature,
    /// The sigmoid of a rising linear function of each task's logit, fitted by maximum likelihood;
    /// for multilabel tasks. (Platt 1999, *Probabilistic Outputs for Support Vector Machines*, with
    /// the targets of its §2.2)
    Platt,
    /// The rising function of each task's logit that is nearest to its labels by least squares; for
    /// multilabel tasks. It has many more degrees of freedom than the other methods, so it needs
    /// about a thousand samples. (Zadrozny and Elkan 2002, *Transforming Classifier Scores into
    /// Accurate Multiclass Probability Estimates*)
    Isotonic,
}

impl CalibrationMethod {
    /// Every method.
    pub const ALL: [CalibrationMethod; 3] =
        [CalibrationMethod::Temperature, CalibrationMethod::Platt, CalibrationMethod::Isotonic];

    /// The name in configurations and command lines.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The method to use where none is named: temperature for classes, Platt for tasks.
    pub fn default_for(kind: TaskKind) -> CalibrationMethod {
        match kind {
            TaskKind::Multiclass => CalibrationMethod::Temperature,
            TaskKind::Multilabel => CalibrationMethod::Platt,
        }
    }

    /// Returns true if the method calibrates this kind of task.
    pub fn applies_to(self, kind: TaskKind) -> bool {
        (self == CalibrationMethod::Temperature) == (kind == TaskKind::Multiclass)
    }
}

fn unknown(text: &str) -> String {
    format!(
        "expected one of {}, found {text:?}",
        CalibrationMethod::ALL.map(CalibrationMethod::name).join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_serialize() {
        for method in CalibrationMethod::ALL {
            assert_eq!(method.to_string().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
        let error = "beta".parse::<CalibrationMethod>().unwrap_err();
        assert_eq!(error, "expected one of temperature, platt, isotonic, found \"beta\"");
    }

    #[test]
    fn defaults_apply() {
        for kind in [TaskKind::Multiclass, TaskKind::Multilabel] {
            assert!(CalibrationMethod::default_for(kind).applies_to(kind), "{kind}");
        }
    }
}
