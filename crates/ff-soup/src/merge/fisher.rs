//! The mean of models in which each element counts by its Fisher information.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::block_by_block;
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, Statistics, settings_of};
use super::statistics::{check, of_tensor, value};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "fisher",
    about: "The mean, each element weighted by its Fisher information (Matena and Raffel 2022)",
    needs: Needs::Statistics(Statistics::Fisher),
    new: settings_of::<Fisher>,
};

/// The merge method that weights each element by its Fisher information (arXiv 2111.09832):
/// `Σ_k max(F_k, floor) θ_k / Σ_k max(F_k, floor)`, where F is the diagonal of the Fisher matrix.
///
/// A weight on which a model's predictions depend comes from that model. Tensors without
/// statistics, such as BatchNorm's running statistics, take the plain mean.
///
/// It reads models and statistics once, block by block. Memory: the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fisher {
    /// The least Fisher information of an element, above 0. Elements below it in all models take
    /// the plain mean. 1e-6 unless it is set.
    pub floor: f64,
}

impl Default for Fisher {
    fn default() -> Self {
        Self { floor: 1e-6 }
    }
}

impl Settings for Fisher {
    fn check(&self) -> Result<(), String> {
        match self.floor > 0.0 && self.floor.is_finite() {
            true => Ok(()),
            false => Err(format!("floor: expected a number above 0, found {}", self.floor)),
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
            |tensor| {
                let found = of_tensor(parts, tensor.name, tensor.shape)?;
                // Below the floor, a NaN would count as the floor.
                let is_good = |value: f64| value >= 0.0 && value.is_finite();
                let mut values = found.iter().flatten().flat_map(|values| values.iter().copied().map(value));
                match values.find(|value| !is_good(*value)) {
                    Some(bad) => Err(format!(
                        "expected Fisher information, which is finite and not negative, found {bad}"
                    )),
                    None => Ok(found),
                }
            },
            |found, block, out| {
                let Some(found) = found else { return block.mean_into(out) };
                let mut sums = vec![0.0; out.len()];
                out.fill(0.0);
                block.for_each_model(|at, model| {
                    let information = &found[at][block.start..][..block.len()];
                    for (((out, sum), weight), bytes) in
                        out.iter_mut().zip(&mut sums).zip(model).zip(information)
                    {
                        let share = value(*bytes).max(self.floor);
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
        let of_a = dict([("w", &[1.0, 0.5, 0.0])]);
        let of_b = dict([("w", &[1.0, 1.5, 0.0])]);
        let merged = merge([&a, &b], &[&of_a, &of_b], 1e-6).unwrap();
        assert_eq!(merged.get("w").unwrap().to_f32().unwrap(), [2.0, 5.0, 1.0]);
        assert_eq!(merged.get("bn.running_mean").unwrap().to_f32().unwrap(), [6.0]);
        // The floor replaces 0.5 and not 1.5.
        let merged = merge([&a, &b], &[&of_a, &of_b], 1.0).unwrap();
        assert_eq!(merged.get("w").unwrap().to_f32().unwrap(), [2.0, (2.0 + 9.0) / 2.5, 1.0]);
    }

    #[test]
    fn every_block_has_its_own_statistics() {
        let values = |f: fn(usize) -> f32| (0..2500).map(f).collect::<Vec<f32>>();
        let [a, b] = [dict([("w", &values(|at| at as f32))]), dict([("w", &values(|_| 0.0))])];
        // The first model alone counts in the odd elements, the second in the even ones.
        let of_a = dict([("w", &values(|at| (at % 2) as f32 * 1e30))]);
        let of_b = dict([("w", &values(|at| (1 - at % 2) as f32 * 1e30))]);
        let merged = merge([&a, &b], &[&of_a, &of_b], 1e-30).unwrap().get("w").unwrap().to_f32().unwrap();
        assert_eq!(merged, values(|at| if at % 2 == 1 { at as f32 } else { 0.0 }));
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
        let floor = (KIND.new)(&json!({"floor": 0.0})).err().unwrap();
        assert_eq!(floor, "floor: expected a number above 0, found 0");
        assert_eq!((KIND.new)(&json!({})).unwrap().settings(), json!({"floor": 1e-6}));
    }
}
