//! The record of a cross-fitted choice, and of the verdict that follows from several.

use ff_checkpoint::FileRef;
use ff_eval::{Value, Verdict};
use serde::{Deserialize, Serialize};

use super::id::JobId;

/// The most folds of cross-fitting, each of which repeats a selection.
pub const MOST_FOLDS: usize = 100;

/// What a method's choice is worth on validation images that it has not seen: each image is
/// predicted by what the method chooses without the image's fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossFit {
    /// The number of folds. It is 0 if the method chooses nothing on validation images, so that its
    /// score is already one on images that it has not seen, or if the images cannot be divided.
    pub folds: usize,
    /// The table's metric of these predictions, or why there is none.
    pub score: Value,
    /// The predictions; `None` if they are those of the soup itself, or there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<FileRef>,
    /// In how many folds the method chose the same models and settings as on all images; `None` for
    /// fitted coefficients, which always differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<usize>,
    /// Notes, such as classes of which a fold has all images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Sets of weights that were evaluated for it.
    pub evaluations: u64,
    /// Images that were read for it.
    pub evaluated_images: u64,
}

impl CrossFit {
    /// That of a method that chooses nothing, with its score.
    pub fn of_no_choice(score: f64) -> Self {
        Self { score: Value::Defined(score), ..Self::impossible(String::new()) }
    }

    /// That of images that cannot be divided.
    pub fn impossible(why: String) -> Self {
        Self {
            folds: 0,
            score: Value::Undefined(why),
            predictions: None,
            same: None,
            notes: Vec::new(),
            evaluations: 0,
            evaluated_images: 0,
        }
    }
}

/// What validation says of the soups of a column against its best single model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum VerdictRecord {
    /// The verdict.
    Said {
        /// The job of the single model with the best cross-fitted score.
        single: JobId,
        /// The job of the soup with the best cross-fitted score.
        soup: JobId,
        /// True if the soup is the single model without each fold.
        same: bool,
        /// The comparison of their cross-fitted predictions.
        of: Verdict,
    },
    /// There is none.
    None {
        /// Why.
        why: String,
    },
}
