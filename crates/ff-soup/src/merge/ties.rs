//! TIES: the large changes only, and of these what agrees in sign.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::magnitudes::largest;
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, settings_of};
use super::task_vectors::{Election, add_to_base, merge_trained};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "ties",
    about: "TIES: the largest changes, of those that agree in sign the mean (Yadav et al. 2023)",
    needs: Needs::Base,
    new: settings_of::<Ties>,
};

/// The merge method TIES (arXiv 2306.01708): trim, elect signs, and average what agrees.
///
/// 1. Of each model's task vector τ = θ − θ0, each tensor keeps its `density` of largest
///    magnitudes, and the rest becomes 0. The number kept is rounded down, but is at least 1. Of
///    equal magnitudes, those of lower index are kept. Magnitudes are compared as 32-bit floats.
/// 2. Each element takes the sign of the sum of what is kept.
/// 3. The mean of the values that have this sign, times λ, is added to θ0. Where the sum is 0 no
///    value has its sign, and the element is θ0's.
///
/// The paper trims each model as a whole. This method trims by tensor, as mergekit does, so that no
/// model is in memory as a whole and every layer keeps some of its changes. Running statistics are
/// the mean of the models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ties {
    /// The share of each tensor's changes that is kept, above 0 and at most 1. 0.2 unless it is
    /// set, as in the paper.
    pub density: f64,
    /// The factor of the mean, λ. 1 unless it is set.
    pub lambda: f64,
}

impl Default for Ties {
    fn default() -> Self {
        Self { density: 0.2, lambda: 1.0 }
    }
}

impl Settings for Ties {
    fn check(&self) -> Result<(), String> {
        match self.density > 0.0 && self.density <= 1.0 {
            true => Ok(()),
            false => Err(format!("density: expected a number above 0, at most 1, found {}", self.density)),
        }
    }
}

impl MergeMethod for Ties {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        self.checked()?;
        merge_trained(
            KIND.name,
            parts,
            |tensor| {
                let count = (self.density * tensor.elements() as f64) as usize;
                largest(tensor, count.max(1))
            },
            |cuts, block, out| {
                let mut election = Election::new(block.len());
                block.for_each_model(|at, values| {
                    cuts[at].keep(values, block, out);
                    election.add(out);
                });
                election.write(out);
                add_to_base(self.lambda, block, out);
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::merge::task_vectors::fixtures::{merge, merge_vectors, noise, values, weights};

    #[test]
    fn large_changes_that_agree_are_averaged() {
        let vectors: [&[f32]; 3] = [&[4.0, 0.5, -3.0, 0.0], &[2.0, 0.25, 4.0, 0.0], &[-1.0, 5.0, -6.0, 1.0]];
        // Half of four: [4, 0, −3, 0], [2, 0, 4, 0], [0, 5, −6, 0].
        assert_eq!(merge_vectors(&Ties { density: 0.5, lambda: 1.0 }, &vectors), [3.0, 5.0, -4.5, 0.0]);
        assert_eq!(merge_vectors(&Ties { density: 0.5, lambda: 0.5 }, &vectors), [1.5, 2.5, -2.25, 0.0]);
        // One of four is the least that is kept: [4, 0, 0, 0], [0, 0, 4, 0], [0, 0, −6, 0].
        assert_eq!(merge_vectors(&Ties { density: 0.01, lambda: 1.0 }, &vectors), [4.0, 0.0, -6.0, 0.0]);
        // Changes that cancel elect no sign.
        assert_eq!(merge_vectors(&Ties { density: 1.0, lambda: 1.0 }, &[&[2.0], &[-2.0]]), [0.0]);
    }

    #[test]
    fn one_model_that_keeps_all_is_itself() {
        let (base, model) = (weights(&noise(1, 3000), 1.0), weights(&noise(2, 3000), 2.0));
        let merged = merge(&Ties { density: 1.0, lambda: 1.0 }, &[&model], Some(&base)).unwrap();
        assert_eq!(merged.digest(), model.digest());
    }

    #[test]
    fn the_order_of_the_models_does_not_matter() {
        // Multiples of 2⁻²³: their sums are exact.
        let [base, a, b, c] = [0, 1, 2, 3].map(|seed| weights(&noise(seed, 3000), seed as f32));
        let digest = |models: [&StateDict; 3]| {
            *merge(&Ties { density: 0.4, lambda: 1.0 }, &models, Some(&base)).unwrap().digest()
        };
        assert_eq!(digest([&a, &b, &c]), digest([&c, &a, &b]));
        let merged = merge(&Ties::default(), &[&a, &b, &c], Some(&base)).unwrap();
        assert_eq!(values(&merged, "bn.running_var"), [2.0]);
    }

    #[test]
    fn a_density_that_keeps_nothing_is_refused() {
        let error = (KIND.new)(&json!({"density": 0})).err().unwrap();
        assert_eq!(error, "density: expected a number above 0, at most 1, found 0");
        let model = weights(&[1.0], 1.0);
        assert!(merge(&Ties { density: 1.5, lambda: 1.0 }, &[&model], Some(&model)).is_err());
        assert_eq!((KIND.new)(&json!({})).unwrap().settings(), json!({"density": 0.2, "lambda": 1.0}));
    }
}
