//! The mean of models in which each element counts by its Fisher information.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::{Tensor, block_by_block};
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, Statistics, settings_of};
use super::statistics::{Values, check, of_tensor, value};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "fisher",
    about: "The mean, each element weighted by its Fisher information (Matena and Raffel 2022)",
    needs: Needs::Statistics(Statistics::Fisher),
    new: settings_of::<Fisher>,
};

/// The merge method that weights each element by its Fisher information (arXiv 2111.09832):
/// `Σ_k max(F_k, f) θ_k / Σ_k max(F_k, f)`, where F is the diagonal of the Fisher matrix and f is
/// `floor` times the mean of F over the tensor in all models.
///
/// A weight on which a model's predictions depend comes from that model. Tensors without
/// statistics, such as BatchNorm's running statistics, and those in which all information of a model
/// is 0 take the plain mean.
///
/// - The floor is relative, since squared gradients differ by orders of magnitude between tensors.
///   fusion_bench adds an absolute one of 1e-6; the authors' code has that as the least value, by
///   default in the first model alone.
/// - Both divide the information of each model by its norm over all tensors, unless this is turned
///   off. This method does not.
///
/// It reads models once and statistics twice. Memory: the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fisher {
    /// The least Fisher information with which an element counts, as a share of the mean over its
    /// tensor in all models, from 1e-30 to 1. Elements below it in all models take the plain mean.
    /// 1e-6 unless it is set.
    pub floor: f64,
}

impl Default for Fisher {
    fn default() -> Self {
        Self { floor: 1e-6 }
    }
}

/// The Fisher information of a tensor.
struct Information<'a> {
    /// In each model.
    values: Vec<Values<'a>>,
    /// The least with which an element counts, above 0.
    floor: f64,
}

impl Fisher {
    /// Returns the information of a tensor; `None` if its elements take the plain mean.
    fn information<'a>(
        &self,
        parts: &Parts<'a>,
        tensor: &Tensor<'_>,
    ) -> Result<Option<Information<'a>>, String> {
        let Some(values) = of_tensor(parts, tensor.name, tensor.shape)? else { return Ok(None) };
        let sums = values.iter().copied().map(sum).collect::<Result<Vec<f64>, String>>()?;
        if sums.contains(&0.0) {
            return Ok(None);
        }
        let count = (tensor.elements() * values.len()) as f64;
        Ok(Some(Information { floor: self.floor * sums.iter().sum::<f64>() / count, values }))
    }
}

/// Adds up the information of one model, and checks it: a NaN would count as the floor.
fn sum(values: Values<'_>) -> Result<f64, String> {
    let mut sum = 0.0;
    for found in values.iter().copied().map(value) {
        if found < 0.0 || !found.is_finite() {
            return Err(format!(
                "expected Fisher information, which is finite and not negative, found {found}"
            ));
        }
        sum += found;
    }
    Ok(sum)
}

impl Settings for Fisher {
    fn check(&self) -> Result<(), String> {
        match (1e-30..=1.0).contains(&self.floor) {
            true => Ok(()),
            false => Err(format!("floor: expected a number from 1e-30 to 1, found {}", self.floor)),
        }
    }
}

impl MergeMethod for Fisher {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        self.checked()?;
        check(parts, KIND.name, Statistics::Fisher)?;
        block_by_block(
            parts,
            |tensor| self.information(parts, tensor),
            |found, block, out| {
                let Some(found) = found else { return block.mean_into(out) };
                let mut sums = vec![0.0; out.len()];
                out.fill(0.0);
                block.for_each_model(|at, model| {
                    let information = &found.values[at][block.start..][..block.len()];
                    for (((out, sum), weight), bytes) in
                        out.iter_mut().zip(&mut sums).zip(model).zip(information)
                    {
                        let share = value(*bytes).max(found.floor);
                        *out += share * weight;
                        *sum += share;
                    }
                });
                out.iter_mut().zip(&sums).for_each(|(out, sum)| *out /= sum);
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;
    use serde_json::json;

    use super::*;
    use crate::merge::task_vectors::fixtures::values;

    fn dict<const N: usize>(tensors: [(&str, &[f32]); N]) -> StateDict {
        let tensors =
            tensors.map(|(name, values)| (name.to_owned(), OwnedTensor::f32([values.len()], values)));
        StateDict::from_tensors(tensors.into())
    }

    fn merge(models: [&StateDict; 2], statistics: &[&StateDict], floor: f64) -> Result<StateDict, Error> {
        Fisher { floor }.merge(&Parts { models: &models, base: None, statistics })
    }

    #[test]
    fn elements_count_by_their_information_and_the_rest_by_the_mean() {
        let a = dict([("w", &[1.0, 2.0, 3.0]), ("bn.running_mean", &[4.0])]);
        let b = dict([("w", &[3.0, 6.0, -1.0]), ("bn.running_mean", &[8.0])]);
        // The scales of the information: the floor is relative to its mean, which is 1 times the scale.
        for scale in [1.0, 2f32.powi(-80), 2f32.powi(80)] {
            let of_a = dict([("w", &[1.0, 0.5, 0.0].map(|value| value * scale))]);
            let of_b = dict([("w", &[1.0, 3.5, 0.0].map(|value| value * scale))]);
            let merged = merge([&a, &b], &[&of_a, &of_b], 1e-6).unwrap();
            assert_eq!(values(&merged, "w"), [2.0, 5.5, 1.0], "{scale}");
            assert_eq!(values(&merged, "bn.running_mean"), [6.0], "{scale}");
            // The floor replaces 0.5 and not 3.5.
            let merged = merge([&a, &b], &[&of_a, &of_b], 1.0).unwrap();
            assert_eq!(values(&merged, "w"), [2.0, (2.0 + 21.0) / 4.5, 1.0], "{scale}");
        }
    }

    #[test]
    fn a_tensor_without_information_in_a_model_takes_the_mean() {
        let a = dict([("v", &[1.0]), ("w", &[1.0, 2.0])]);
        let b = dict([("v", &[3.0]), ("w", &[3.0, 6.0])]);
        let of_a = dict([("v", &[1.0]), ("w", &[0.0, 0.0])]);
        let of_b = dict([("v", &[3.0]), ("w", &[0.0, 1.0])]);
        for statistics in [[&of_a, &of_b], [&of_b, &of_a], [&of_a, &of_a]] {
            let merged = merge([&a, &b], &statistics, 1e-6).unwrap();
            assert_eq!(values(&merged, "w"), [2.0, 4.0]);
        }
        // The other tensor keeps its weights.
        assert_eq!(values(&merge([&a, &b], &[&of_a, &of_b], 1e-6).unwrap(), "v"), [2.5]);
    }

    #[test]
    fn every_block_has_its_own_statistics() {
        let fill = |f: fn(usize) -> f32| (0..2500).map(f).collect::<Vec<f32>>();
        let [a, b] = [dict([("w", &fill(|at| at as f32))]), dict([("w", &fill(|_| 0.0))])];
        // The first model alone counts in the odd elements, the second in the even ones.
        let of_a = dict([("w", &fill(|at| (at % 2) as f32 * 1e30))]);
        let of_b = dict([("w", &fill(|at| (1 - at % 2) as f32 * 1e30))]);
        let merged = values(&merge([&a, &b], &[&of_a, &of_b], 1e-30).unwrap(), "w");
        for (at, found) in merged.into_iter().enumerate() {
            let expected = if at % 2 == 1 { at as f32 } else { 0.0 };
            assert!((found - expected).abs() < 1e-20, "element {at}: expected {expected}, found {found}");
        }
    }

    #[test]
    fn statistics_that_do_not_fit_are_refused() {
        let a = dict([("v", &[1.0]), ("w", &[1.0, 2.0])]);
        let error = |statistics: &[&StateDict]| merge([&a, &a], statistics, 1e-6).unwrap_err().to_string();
        assert_eq!(error(&[]), "merge method `fisher`: it needs the Fisher information of each part");
        let (good, nan) = (dict([("w", &[1.0, 1.0])]), dict([("w", &[1.0, f32::NAN])]));
        assert!(error(&[&good, &nan]).ends_with("finite and not negative, found NaN"));
        assert!(error(&[&dict([("w", &[1.0, -1.0])]), &good]).ends_with("found -1"));
        let short = dict([("w", &[1.0])]);
        let text = "cannot merge `w`: statistics of model 2: expected F32 [2], found F32 [1]";
        assert_eq!(error(&[&good, &short]), text);
        let other = dict([("v", &[1.0])]);
        let text = "cannot merge `v`: expected statistics in each of 2 models, found them in 1";
        assert_eq!(error(&[&other, &good]), text);
        assert!(error(&[&dict([("x", &[1.0])]), &good]).contains("under the names of the models' weights"));
        for (floor, found) in [(0.0, "0"), (1.5, "1.5")] {
            let error = (KIND.new)(&json!({"floor": floor})).err().unwrap();
            assert_eq!(error, format!("floor: expected a number from 1e-30 to 1, found {found}"));
        }
        assert_eq!((KIND.new)(&json!({})).unwrap().settings(), json!({"floor": 1e-6}));
    }
}
