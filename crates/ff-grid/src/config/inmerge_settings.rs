//! In-model merging as a configuration states it.

use ff_inmerge::{InMerge, Pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entries::BackboneConfig;

/// In-model merging. L_s is the backbone's `shallow_layers`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InmergeSettings {
    /// α, from 0 to 1: weight of a kernel in its average with its partner.
    pub merge_weight: f64,
    /// p, from 0 to 1: probability, at each step, that a kernel is compared with another.
    pub merge_probability: f64,
    /// τ, from −1 to 1: cosine similarity above which two kernels are merged.
    pub similarity_threshold: f64,
    /// Pairs to merge: `similar` (above τ) or `dissimilar` (not above τ).
    pub pairs: Pairs,
}

impl Default for InmergeSettings {
    fn default() -> Self {
        let InMerge { merge_weight, merge_probability, similarity_threshold, pairs, .. } = InMerge::default();
        Self { merge_weight, merge_probability, similarity_threshold, pairs }
    }
}

impl InmergeSettings {
    /// The settings for a backbone. Its L_s is there, or the configuration would not have been
    /// accepted.
    pub fn of(&self, backbone: &BackboneConfig) -> InMerge {
        let Self { merge_weight, merge_probability, similarity_threshold, pairs } = *self;
        let shallow_layers = backbone.shallow_layers.unwrap_or(0);
        InMerge { shallow_layers, merge_weight, merge_probability, similarity_threshold, pairs }
    }
}
