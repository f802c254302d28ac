//! What `ff-soup select` prints of a selection.

use ff_eval::{Chance, Metric, Value, Verdict};
use ff_grid::{ColumnVerdict, CrossFit};
use ff_soup::{Decision, Soup};
use serde::Serialize;

use super::options::{Method, SelectOptions};
use crate::output::{print, print_json, say};

/// Bootstrap resamples of the verdict.
pub(super) const RESAMPLES: usize = 1000;

/// A selection, as it is printed.
pub(super) struct Selected {
    pub soup: Soup,
    /// What the scores that chose are.
    pub by: &'static str,
    /// The number of candidates.
    pub models: usize,
    /// What the choice is worth; `None` if there are no predictions.
    pub worth: Option<Worth>,
}

/// What a choice is worth on images that it was not made by.
pub(super) struct Worth {
    pub metric: Metric,
    /// The metric of the soup, if the scores that chose are of another.
    pub validation: Option<f64>,
    /// Chance by `metric`, and whether the soup tells the images apart.
    pub chance: Chance,
    pub cross_fitted: Option<CrossFit>,
    /// The verdict against the best file, and true if both are the same.
    pub verdict: Option<(Verdict, bool)>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    soup: &'a Soup,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<Chance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_fitted: Option<&'a CrossFit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<PrintedVerdict<'a>>,
}

#[derive(Serialize)]
struct PrintedVerdict<'a> {
    #[serde(flatten)]
    of: &'a Verdict,
    /// True if the soup predicts what the best file predicts, without each fold.
    same: bool,
}

impl Selected {
    /// Prints every decision, the score, and what the choice is worth.
    pub fn print(&self, options: &SelectOptions) -> anyhow::Result<()> {
        let Self { soup, by, models, worth } = self;
        if options.json {
            let worth = worth.as_ref();
            let verdict = worth.and_then(|worth| worth.verdict.as_ref());
            return print_json(&Printed {
                soup,
                validation: worth.and_then(|worth| worth.validation),
                chance: worth.map(|worth| worth.chance),
                cross_fitted: worth.and_then(|worth| worth.cross_fitted.as_ref()),
                verdict: verdict.map(|(of, same)| PrintedVerdict { of, same: *same }),
            });
        }
        let change = if let Some(Method::Pruned) = options.method { "without" } else { "with" };
        soup.decisions.iter().try_for_each(|decision| print(&described(decision, change)))?;
        let taken = soup.average.shares().len();
        let chance = worth.as_ref().filter(|worth| worth.validation.is_none());
        let chance = chance.map_or_else(Chance::default, |worth| worth.chance);
        print(&format!("{by} {:.4} on validation{chance}, {taken} of {models} models\n", soup.score))?;
        worth.as_ref().map_or(Ok(()), |worth| worth.print(soup))
    }
}

impl Worth {
    /// Prints what the choice is worth on images that it was not made by, and the verdict.
    fn print(&self, soup: &Soup) -> anyhow::Result<()> {
        let metric = self.metric;
        if let Some(score) = self.validation {
            print(&format!("{metric} {score:.4} on validation{}\n", self.chance))?;
        }
        let Some(of) = &self.cross_fitted else { return Ok(()) };
        match (&of.score, of.folds) {
            (Value::Undefined(why), _) => print(&format!("not cross-fitted: {why}\n"))?,
            (Value::Defined(_), 0) => print("nothing was chosen on validation images\n")?,
            (Value::Defined(score), folds) => {
                let optimism = self.validation.unwrap_or(soup.score) - score;
                print(&format!(
                    "{metric} {score:.4} cross-fitted in {folds} folds: optimism {optimism:+.4}\n"
                ))?;
            }
        }
        of.notes.iter().for_each(|note| say(&format!("note: {note}")));
        let Some((of, same)) = &self.verdict else { return Ok(()) };
        if *same {
            return print("the soup is the best file\n");
        }
        let (soup, single) = ("the soup".to_owned(), "the best file".to_owned());
        let said = ColumnVerdict { soup, single, same: *same, of: of.clone() }.sentence(metric);
        print(&format!("{said}\n"))
    }
}

/// Describes a decision in a line; `change` says whether the soup was tried with the candidate or
/// without it.
fn described(decision: &Decision, change: &str) -> String {
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let verdict = if decision.taken { "taken" } else { "left out" };
    let error = decision.standard_error.map(|error| format!(", standard error {error:.4}"));
    format!(
        "{:8} alone {}  soup {}, {change} it {}{}  {}{}{}\n",
        verdict,
        number(decision.alone),
        number(decision.before),
        match decision.at_most {
            Some(bound) => format!("at most {bound:.4}"),
            None => number(decision.tried),
        },
        error.unwrap_or_default(),
        decision.group,
        if decision.group.is_empty() { "" } else { ": " },
        decision.candidate
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_has_the_standard_error_of_its_gain() {
        let decision = Decision {
            candidate: "a".to_owned(),
            alone: Some(0.5),
            before: Some(0.75),
            tried: Some(0.8),
            standard_error: Some(0.0625),
            ..Decision::default()
        };
        let expected = "left out alone 0.5000  soup 0.7500, with it 0.8000, standard error 0.0625  a\n";
        assert_eq!(described(&decision, "with"), expected);
        let decision =
            Decision { tried: None, at_most: Some(0.75), standard_error: None, taken: true, ..decision };
        let expected = "taken    alone 0.5000  soup 0.7500, without it at most 0.7500  a\n";
        assert_eq!(described(&decision, "without"), expected);
    }
}
