//! DARE: task vectors of which a random part is dropped and the rest enlarged.

use ff_checkpoint::StateDict;
use multiversion::multiversion;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, settings_of};
use super::task_vectors::{Election, add_to_base, lambda_is_given, merge_trained};
use super::vector::add;
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "dare",
    about: "DARE: changes, of which a random part is dropped, the rest enlarged (Yu et al. 2023)",
    needs: Needs::Base,
    new: |settings| {
        lambda_is_given(settings)?;
        settings_of::<Dare>(settings)
    },
};

/// The merge method DARE (arXiv 2311.03099): drop and rescale, then merge.
///
/// Each element of each model's task vector τ = θ − θ0 becomes 0 with the probability p, `drop`,
/// and is divided by 1 − p otherwise, so that its expectation stays the same. The [`DareRule`]
/// merges what is left. Without drops, `linear` is [`TaskArithmetic`](crate::TaskArithmetic), and
/// `ties` is [`Ties`](crate::Ties) with a density of 1. Running statistics are the mean of the
/// models.
///
/// What is dropped depends on the seed, the tensor's name, the place of the model among the parts
/// and the element's index alone. So another order of the models gives another result.
///
/// mergekit differs from the paper: it scales what is left of a tensor to the sum of its magnitudes
/// before, and `dare_ties` adds what agrees in sign. This method divides by 1 − p, and `ties`
/// averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dare {
    /// The probability that an element is dropped, from 0 to below 1. 0.5 unless it is set. The
    /// paper drops 0.9 and more of what single language models changed, which is little, and its
    /// code tries 0.1 to 0.9 for merges.
    pub drop: f64,
    /// The factor of the merged task vectors, λ. In settings it must be given.
    pub lambda: f64,
    /// The seed of what is dropped. 0 unless it is set.
    pub seed: u64,
    /// How to merge what is left.
    pub rule: DareRule,
}

/// How DARE merges what is left of the task vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DareRule {
    /// The sum. With λ = 1/K it is, in expectation, the mean of K models.
    #[default]
    Linear,
    /// The mean of those that have the sign of their sum.
    Ties,
}

impl Default for Dare {
    fn default() -> Self {
        Self { drop: 0.5, lambda: 1.0, seed: 0, rule: DareRule::Linear }
    }
}

impl Dare {
    /// Returns the key of the random numbers for a tensor of a model.
    fn key(&self, tensor: &str, model: usize) -> [u8; 32] {
        let purpose = format!("dare {tensor}");
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(&(model as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}

impl Settings for Dare {
    fn check(&self) -> Result<(), String> {
        match (0.0..1.0).contains(&self.drop) {
            true => Ok(()),
            false => Err(format!("drop: expected a number from 0 to below 1, found {}", self.drop)),
        }
    }
}

impl MergeMethod for Dare {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        self.checked()?;
        let models = parts.models.len();
        merge_trained(
            KIND.name,
            parts,
            |tensor| (0..models).map(|model| self.key(tensor.name, model)).collect::<Vec<_>>(),
            |keys, block, out| {
                let (mut kept, mut words) = (vec![0.0; block.len()], vec![0; 4 * block.len()]);
                let mut election = (self.rule == DareRule::Ties).then(|| Election::new(block.len()));
                out.fill(0.0);
                block.for_each_model(|at, values| {
                    // The random number of an element is the word of its index, so it does not
                    // depend on how the tensor is cut into blocks.
                    let mut random = ChaCha8Rng::from_seed(keys[at]);
                    random.set_word_pos(block.start as u128);
                    random.fill_bytes(&mut words);
                    drop_and_enlarge(self.drop, &words, values, block.base(), &mut kept);
                    match &mut election {
                        None => add(out, &kept),
                        Some(election) => election.add(&kept),
                    }
                });
                if let Some(election) = election {
                    election.write(out);
                }
                add_to_base(self.lambda, block, out);
            },
        )
    }
}

/// Writes the changes of a model, each 0 with the probability `drop` and otherwise enlarged, by a
/// random 32-bit word for each.
#[multiversion(targets("x86_64+avx2"))]
fn drop_and_enlarge(drop: f64, words: &[u8], model: &[f64], base: &[f64], kept: &mut [f64]) {
    let (dropped_below, enlarged) = (drop * 2f64.powi(32), 1.0 / (1.0 - drop));
    for ((room, word), (value, base)) in kept.iter_mut().zip(words.as_chunks().0).zip(model.iter().zip(base))
    {
        let dropped = f64::from(u32::from_le_bytes(*word)) < dropped_below;
        *room = if dropped { 0.0 } else { (value - base) * enlarged };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::merge::task_arithmetic::TaskArithmetic;
    use crate::merge::task_vectors::fixtures::{merge, merge_vectors, noise, values, weights};
    use crate::merge::ties::Ties;

    #[test]
    fn without_drops_it_is_task_arithmetic_or_ties() {
        let [base, a, b, c] = [0, 1, 2, 3].map(|seed| weights(&noise(seed, 3000), seed as f32));
        let digest = |method: &dyn MergeMethod| *merge(method, &[&a, &b, &c], Some(&base)).unwrap().digest();
        let dare = |rule| Dare { drop: 0.0, lambda: 0.3, rule, ..Dare::default() };
        assert_eq!(digest(&dare(DareRule::Linear)), digest(&TaskArithmetic { lambda: 0.3 }));
        assert_eq!(digest(&dare(DareRule::Ties)), digest(&Ties { density: 1.0, lambda: 0.3 }));
    }

    #[test]
    fn the_expectation_is_that_of_task_arithmetic() {
        let (count, drop) = (50_000, 0.8);
        let ones = vec![1.0f32; count];
        let found = merge_vectors(&Dare { drop, ..Dare::default() }, &[&ones[..]]);
        let kept = found.iter().filter(|&&value| value != 0.0).count() as f64;
        assert!(found.iter().all(|&value| value == 0.0 || (value - 5.0).abs() < 1e-5));
        let deviation = (drop * (1.0 - drop) * count as f64).sqrt();
        assert!((kept - 0.2 * count as f64).abs() < 4.0 * deviation, "{kept} of {count} are kept");
    }

    #[test]
    fn what_is_dropped_depends_on_seed_model_and_index_alone() {
        let ones = vec![1.0f32; 5000];
        let of =
            |seed: u64, count: usize| merge_vectors(&Dare { seed, ..Dare::default() }, &[&ones[..count]]);
        assert_eq!(of(1, 5000)[..2222], of(1, 2222));
        assert_ne!(of(1, 5000), of(2, 5000));
        // Both models drop half, but not the same half: a quarter keeps both.
        let both = merge_vectors(&Dare::default(), &[&ones[..], &ones[..]]);
        let quarter = both.iter().filter(|&&value| value == 4.0).count();
        assert!((1000..1500).contains(&quarter), "{quarter} of 5000");
        let dare = Dare::default();
        assert_ne!(dare.key("conv.weight", 0), dare.key("fc.weight", 0));
    }

    #[test]
    fn statistics_are_averaged_and_settings_checked() {
        let (base, a, b) = (weights(&[0.0], 9.0), weights(&[1.0], 1.0), weights(&[2.0], 3.0));
        let merged = merge(&Dare::default(), &[&a, &b], Some(&base)).unwrap();
        assert_eq!(values(&merged, "bn.running_var"), [2.0]);

        let error = |settings: Value| (KIND.new)(&settings).err().unwrap();
        assert_eq!(
            error(json!({"lambda": 1, "drop": 1})),
            "drop: expected a number from 0 to below 1, found 1"
        );
        assert!(error(json!({"drop": 0.5})).starts_with("lambda: expected a number"));
        let settings = json!({"drop": 0.5, "lambda": 0.25, "seed": 7, "rule": "ties"});
        assert_eq!((KIND.new)(&settings).unwrap().settings(), settings);
    }
}
