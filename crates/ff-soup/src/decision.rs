//! The record of a selection.

use serde::{Deserialize, Serialize};

/// The decision of a policy about one candidate.
///
/// A record lists decisions in the order of evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The group whose soup the candidate was evaluated for, such as `learning_rate=1e-4`; empty at
    /// the top level.
    pub group: String,
    /// The candidate: a model, or a group of models, whose soup is then the candidate.
    pub candidate: String,
    /// The score of the candidate alone. Absent for the parts of a uniform soup, which takes all.
    pub alone: Option<f64>,
    /// The score of the soup so far, before this decision.
    pub before: Option<f64>,
    /// The score of the soup that was tried in its place: with this candidate, or, of a pruned soup,
    /// without it. Absent if its evaluation ended early.
    #[serde(alias = "with")]
    pub tried: Option<f64>,
    /// An upper bound of that score, if the evaluation ended early because that soup could no longer
    /// be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The standard error of `tried` − `before`, where the rule asked for it
    /// ([`Accept::OneSe`](crate::Accept::OneSe)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// True if the candidate was taken; of a pruned soup, if it stays.
    pub taken: bool,
}
