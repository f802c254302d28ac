//! The record of a choice.

use serde::{Deserialize, Serialize};

/// One candidate looked at by a policy, in the order in which they were looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The group it was looked at in, such as `learning_rate=1e-4`; empty at the top.
    pub group: String,
    /// The candidate: a model, or a group whose own soup is the candidate.
    pub candidate: String,
    /// Its score alone. Unknown for the parts of a uniform soup, which takes all.
    pub alone: Option<f64>,
    /// The score of the soup so far, before this candidate.
    pub before: Option<f64>,
    /// The score of the soup with this candidate in it. Unknown if it was not evaluated to the end.
    pub with: Option<f64>,
    /// What that score is at most, if the evaluation ended early because the candidate could no
    /// longer be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Whether it was taken.
    pub taken: bool,
}
