//! Rules that choose the threshold on a probability.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The rule that chooses the threshold from which a probability is a positive decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OperatingRule {
    /// The highest sum of sensitivity and specificity (Youden 1950, *Index for Rating Diagnostic
    /// Tests*); ties: the highest sensitivity.
    Youden {},
    /// The highest specificity with at least this sensitivity; ties: the highest sensitivity.
    Sensitivity {
        /// The lowest sensitivity allowed, above 0 and at most 1.
        at_least: f64,
    },
    /// The highest sensitivity with at least this specificity; ties: the highest specificity.
    Specificity {
        /// The lowest specificity allowed, above 0 and at most 1.
        at_least: f64,
    },
    /// The lowest expected cost; ties: the highest sensitivity.
    Cost {
        /// The cost of a missed positive, above 0, in any unit.
        false_negative: f64,
        /// The cost of a false alarm, above 0, in the same unit.
        false_positive: f64,
        /// The prevalence where the model is used, above 0 and below 1. Default: that of the samples
        /// on which the threshold is chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prevalence: Option<f64>,
    },
}

impl fmt::Display for OperatingRule {
    /// Writes the rule in words, such as "sensitivity of at least 0.95".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperatingRule::Youden {} => f.write_str("Youden's J"),
            OperatingRule::Sensitivity { at_least } => write!(f, "sensitivity of at least {at_least}"),
            OperatingRule::Specificity { at_least } => write!(f, "specificity of at least {at_least}"),
            OperatingRule::Cost { false_negative, false_positive, prevalence } => {
                write!(
                    f,
                    "a cost of {false_negative} for a false negative and {false_positive} for a false positive"
                )?;
                prevalence.map_or(Ok(()), |share| write!(f, " at prevalence {share}"))
            }
        }
    }
}

impl FromStr for OperatingRule {
    type Err = String;

    /// Parses `youden`, `sensitivity=0.95`, `specificity=0.95` or `cost=FALSE_NEGATIVE:FALSE_POSITIVE`.
    fn from_str(text: &str) -> Result<OperatingRule, String> {
        let wrong = || {
            format!(
                "expected youden, sensitivity=SHARE, specificity=SHARE or cost=FALSE_NEGATIVE:FALSE_POSITIVE, \
                 found {text:?}"
            )
        };
        let number = |text: &str| text.parse::<f64>().map_err(|_| wrong());
        let rule = match text.split_once('=') {
            None if text == "youden" => OperatingRule::Youden {},
            Some(("sensitivity", share)) => OperatingRule::Sensitivity { at_least: number(share)? },
            Some(("specificity", share)) => OperatingRule::Specificity { at_least: number(share)? },
            Some(("cost", costs)) => {
                let (missed, alarm) = costs.split_once(':').ok_or_else(wrong)?;
                let (false_negative, false_positive) = (number(missed)?, number(alarm)?);
                OperatingRule::Cost { false_negative, false_positive, prevalence: None }
            }
            _ => return Err(wrong()),
        };
        rule.check().map_err(|error| error.to_string())?;
        Ok(rule)
    }
}

impl OperatingRule {
    /// Checks the ranges of the rule's numbers.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        let share = |name, found: f64| {
            let expected = "above 0 and at most 1";
            if found > 0.0 && found <= 1.0 { Ok(()) } else { Err(Error::Setting { name, expected, found }) }
        };
        let cost = |name, found: f64| {
            let expected = "a number above 0";
            let fits = found > 0.0 && found.is_finite();
            if fits { Ok(()) } else { Err(Error::Setting { name, expected, found }) }
        };
        match *self {
            OperatingRule::Youden {} => Ok(()),
            OperatingRule::Sensitivity { at_least } => share("sensitivity", at_least),
            OperatingRule::Specificity { at_least } => share("specificity", at_least),
            OperatingRule::Cost { false_negative, false_positive, prevalence } => {
                cost("cost of a false negative", false_negative)?;
                cost("cost of a false positive", false_positive)?;
                prevalence.map_or(Ok(()), check_prevalence)
            }
        }
    }
}

/// Checks that a prevalence is above 0 and below 1.
///
/// # Errors
/// [`Error::Setting`].
pub(crate) fn check_prevalence(found: f64) -> Result<(), Error> {
    let fits = found > 0.0 && found < 1.0;
    if fits {
        Ok(())
    } else {
        Err(Error::Setting { name: "prevalence", expected: "above 0 and below 1", found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_written() {
        let cost = |prevalence| OperatingRule::Cost { false_negative: 5.0, false_positive: 1.0, prevalence };
        for (rule, json) in [
            (OperatingRule::Youden {}, r#"{"kind":"youden"}"#),
            (OperatingRule::Sensitivity { at_least: 0.95 }, r#"{"kind":"sensitivity","at_least":0.95}"#),
            (OperatingRule::Specificity { at_least: 0.9 }, r#"{"kind":"specificity","at_least":0.9}"#),
            (cost(None), r#"{"kind":"cost","false_negative":5.0,"false_positive":1.0}"#),
            (
                cost(Some(0.02)),
                r#"{"kind":"cost","false_negative":5.0,"false_positive":1.0,"prevalence":0.02}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&rule).unwrap(), json);
            assert_eq!(serde_json::from_str::<OperatingRule>(json).unwrap(), rule);
            rule.check().unwrap();
        }
        assert!(serde_json::from_str::<OperatingRule>(r#"{"kind":"youden","at_least":0.5}"#).is_err());
    }

    #[test]
    fn numbers_have_ranges() {
        let error = |rule: OperatingRule| rule.check().unwrap_err().to_string();
        assert_eq!(
            error(OperatingRule::Sensitivity { at_least: 95.0 }),
            "sensitivity: expected above 0 and at most 1, found 95"
        );
        assert_eq!(
            error(OperatingRule::Specificity { at_least: 0.0 }),
            "specificity: expected above 0 and at most 1, found 0"
        );
        let cost = |false_negative, false_positive, prevalence| {
            error(OperatingRule::Cost { false_negative, false_positive, prevalence })
        };
        assert_eq!(cost(-1.0, 1.0, None), "cost of a false negative: expected a number above 0, found -1");
        assert!(cost(1.0, f64::INFINITY, None).starts_with("cost of a false positive: "));
        assert!(cost(1.0, 1.0, Some(1.0)).starts_with("prevalence: "));
    }

    #[test]
    fn rules_parse_and_are_checked() {
        let parse = |text: &str| text.parse::<OperatingRule>();
        assert_eq!(parse("youden"), Ok(OperatingRule::Youden {}));
        assert_eq!(parse("sensitivity=0.95").unwrap().to_string(), "sensitivity of at least 0.95");
        let cost = OperatingRule::Cost { false_negative: 10.0, false_positive: 1.0, prevalence: None };
        assert_eq!(parse("cost=10:1"), Ok(cost));
        assert!(parse("sensitivity=95").unwrap_err().contains("above 0 and at most 1"));
        assert!(parse("cost=10").unwrap_err().starts_with("expected youden, "));
    }
}
