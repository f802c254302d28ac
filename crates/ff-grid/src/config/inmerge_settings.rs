//! In-model merging as a configuration states it.

use ff_inmerge::{InMerge, Pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entries::BackboneConfig;

/// In-model merging but for L_s, which is the backbone's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InmergeSettings {
    /// α: what a merged kernel keeps of itself.
    pub merge_weight: f64,
    /// p: the chance that a kernel is set against another.
    pub merge_probability: f64,
    /// τ: the cosine that decides.
    pub similarity_threshold: f64,
    /// Which side of τ is merged.
    #[serde(default)]
    pub pairs: Pairs,
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
