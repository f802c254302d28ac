//! The settings of in-model merging.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Settings of in-model merging. The paper uses α = 0.8, p = 0.3, τ = 0.3, and L_s = 10 for VGG16
/// and VGG19, 30 for ResNet34.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct InMerge {
    /// L_s: number of convolutions, from the first in forward order, that are not merged. It must
    /// be below the network's number of convolutions.
    pub shallow_layers: usize,
    /// α in [0, 1]: the kernel's own weight in the average. Its partner's weight is 1 − α.
    pub merge_weight: f64,
    /// p in [0, 1]: probability, at each step, that a kernel is compared with another.
    pub merge_probability: f64,
    /// τ in [−1, 1]: cosine similarity that decides whether a pair merges. It is compared in the
    /// precision of the weights, so kernels that are exactly opposite may come out just above −1.
    pub similarity_threshold: f64,
    /// Pairs to merge: `similar` (above τ) or `dissimilar` (not above τ).
    pub pairs: Pairs,
}

/// InMerge §3.1, for VGG16 and VGG19.
impl Default for InMerge {
    fn default() -> Self {
        Self {
            shallow_layers: 10,
            merge_weight: 0.8,
            merge_probability: 0.3,
            similarity_threshold: 0.3,
            pairs: Pairs::default(),
        }
    }
}

/// Which pairs of kernels are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// Pairs whose similarity exceeds τ (the method).
    #[default]
    Similar,
    /// Pairs whose similarity does not exceed τ: the condition of Fig. 2b in which merging does
    /// harm. The paper gives no rule for it; this is the complement of the method's.
    Dissimilar,
}

impl InMerge {
    /// Checks the settings for a network with this number of convolutions.
    ///
    /// ```
    /// use ff_inmerge::InMerge;
    ///
    /// let paper = InMerge::default();
    /// assert!(paper.check(13).is_ok()); // VGG16
    /// let resnet34 = InMerge { shallow_layers: 30, ..paper };
    /// assert!(resnet34.check(13).is_err()); // no convolution would merge
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] for a number out of its range; [`Error::NoConvolutions`];
    /// [`Error::AllShallow`] if no convolution would be merged.
    pub fn check(&self, convolutions: usize) -> Result<(), Error> {
        let ranges = [
            ("merge_weight", self.merge_weight, 0.0),
            ("merge_probability", self.merge_probability, 0.0),
            ("similarity_threshold", self.similarity_threshold, -1.0),
        ];
        for (name, found, low) in ranges {
            if !(low..=1.0).contains(&found) {
                return Err(Error::Setting { name, low, found });
            }
        }
        match convolutions {
            0 => Err(Error::NoConvolutions),
            _ if self.shallow_layers >= convolutions => {
                Err(Error::AllShallow { shallow_layers: self.shallow_layers, convolutions })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) const PAPER: InMerge = InMerge {
    shallow_layers: 10,
    merge_weight: 0.8,
    merge_probability: 0.3,
    similarity_threshold: 0.3,
    pairs: Pairs::Similar,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_settings_are_refused_with_the_value() {
        assert_eq!(PAPER.check(16), Ok(()));
        assert_eq!(PAPER.check(11), Ok(()));
        let error = |settings: InMerge, convolutions| settings.check(convolutions).unwrap_err().to_string();
        for (settings, convolutions, expected) in [
            (PAPER, 10, "shallow_layers: expected fewer than the network's 10 convolutions, found 10"),
            (PAPER, 0, "no convolutions"),
            (
                InMerge { merge_weight: 1.5, ..PAPER },
                16,
                "merge_weight: expected a number in [0, 1], found 1.5",
            ),
            (
                InMerge { merge_probability: -0.1, ..PAPER },
                16,
                "merge_probability: expected a number in [0, 1]",
            ),
            (
                InMerge { similarity_threshold: -1.1, ..PAPER },
                16,
                "similarity_threshold: expected a number in [-1, 1], found -1.1",
            ),
            (InMerge { similarity_threshold: f64::NAN, ..PAPER }, 16, "found NaN"),
        ] {
            let text = error(settings, convolutions);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_configuration_has_the_papers_defaults() {
        assert_eq!(toml::from_str::<InMerge>("").unwrap(), PAPER);
        let other = "shallow_layers = 30\npairs = 'dissimilar'\n";
        let expected = InMerge { shallow_layers: 30, pairs: Pairs::Dissimilar, ..PAPER };
        assert_eq!(toml::from_str::<InMerge>(other).unwrap(), expected);
        assert!(toml::from_str::<InMerge>("alpha = 0.8\n").is_err());
    }
}
