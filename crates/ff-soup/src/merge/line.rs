//! WiSE-FT: the line from the base to the mean of the models.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::block_by_block;
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, settings_of};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "line",
    about: "WiSE-FT: a point on the line from the base to the mean (Wortsman et al. 2021)",
    needs: Needs::Base,
    new: settings_of::<Line>,
};

/// The merge method θ = (1 − α)θ0 + α · mean, WiSE-FT (arXiv 2109.01903).
///
/// The weights between θ0, the base, and fine-tuned weights often keep what training gained and
/// lose less on images of other origin. Running statistics are on the line too: between two
/// variances there is no negative one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// The share of the mean, α: from 0, the base, to 1, the mean. 0.5 unless it is set, which the
    /// paper recommends where nothing is known of the images to come.
    pub alpha: f64,
}

impl Default for Line {
    fn default() -> Self {
        Self { alpha: 0.5 }
    }
}

impl Settings for Line {
    fn check(&self) -> Result<(), String> {
        match (0.0..=1.0).contains(&self.alpha) {
            true => Ok(()),
            false => Err(format!("alpha: expected a number from 0 to 1, found {}", self.alpha)),
        }
    }
}

impl MergeMethod for Line {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        parts.base_for(KIND.name)?;
        self.checked()?;
        block_by_block(
            parts,
            |_| Ok(()),
            |(), block, out| {
                block.mean_into(out);
                for (out, base) in out.iter_mut().zip(block.base()) {
                    *out = (1.0 - self.alpha) * base + self.alpha * *out;
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::merge::mean::Mean;
    use crate::merge::task_vectors::fixtures::{merge, noise, weights};

    #[test]
    fn the_ends_are_the_base_and_the_mean() {
        let [base, a, b, c] = [0, 1, 2, 3].map(|seed| weights(&noise(seed, 3000), seed as f32));
        let models = [&a, &b, &c];
        let at = |alpha| merge(&Line { alpha }, &models, Some(&base)).unwrap();
        assert_eq!(at(0.0).digest(), base.digest());
        assert_eq!(at(1.0).digest(), merge(&Mean, &models, None).unwrap().digest());
        let one = merge(&Line { alpha: 1.0 }, &[&a], Some(&base)).unwrap();
        assert_eq!(one.digest(), a.digest());
    }

    #[test]
    fn a_share_outside_the_line_is_refused() {
        let error = (KIND.new)(&json!({"alpha": 1.5})).err().unwrap();
        assert_eq!(error, "alpha: expected a number from 0 to 1, found 1.5");
        let model = weights(&[1.0], 1.0);
        let error = merge(&Line { alpha: f64::NAN }, &[&model], Some(&model)).unwrap_err().to_string();
        assert_eq!(error, "merge method `line`: alpha: expected a number from 0 to 1, found NaN");
        let error = merge(&Line::default(), &[&model], None).unwrap_err().to_string();
        assert!(error.contains("it needs a base"), "{error}");
    }
}
