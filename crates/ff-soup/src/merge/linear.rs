//! Sums of models with a coefficient for each model and layer.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::block_by_block;
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, settings_of};
use super::vector::add_scaled;
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "linear",
    about: "A sum of all parts with coefficients, by layer if you like (Wortsman et al. 2022)",
    needs: Needs::Nothing,
    new: settings_of::<Linear>,
};

/// The merge method θ = Σ aₖθₖ, with coefficients a by layer.
///
/// The coefficients are not normalised: they need not add up to 1, and may be negative. All float
/// tensors are merged so, running statistics too. Recompute these if coefficients are negative, since
/// a variance can then be negative, or if they do not add up to 1.
///
/// ```
/// use ff_soup::{LayerCoefficients, Linear};
///
/// let of = |layer: &str, values: [f64; 2]| {
///     LayerCoefficients { layer: layer.into(), values: values.into() }
/// };
/// // `fc` is the second model's, and all other layers are nearer to the first's.
/// let linear = Linear::new(vec![of("", [0.7, 0.3]), of("fc", [0.0, 1.0])]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    coefficients: Vec<LayerCoefficients>,
}

/// Returns the module of a tensor: its name without the last component.
pub(crate) fn module(tensor: &str) -> &str {
    tensor.rsplit_once('.').map_or("", |(module, _)| module)
}

/// The coefficients of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerCoefficients {
    /// The name of a module, such as `layer1.0`, with all modules in it; empty for all.
    pub layer: String,
    /// The coefficient of each model, in their order.
    pub values: Vec<f64>,
}

impl Linear {
    /// Returns the coefficients, by layer.
    pub fn coefficients(&self) -> &[LayerCoefficients] {
        &self.coefficients
    }

    /// Takes coefficients by layer. A tensor has those of the longest layer that it is in.
    pub fn new(coefficients: Vec<LayerCoefficients>) -> Self {
        Self { coefficients }
    }

    fn check_for(&self, models: usize) -> Result<(), String> {
        self.check()?;
        match self.coefficients.iter().find(|entry| entry.values.len() != models) {
            None => Ok(()),
            Some(LayerCoefficients { layer, values }) => Err(format!(
                "layer `{layer}`: expected {models} coefficients, one for each part, found {}",
                values.len()
            )),
        }
    }

    /// Returns the coefficients of a tensor.
    fn of(&self, tensor: &str) -> Result<&[f64], String> {
        let module = module(tensor);
        let covers = |layer: &str| {
            let rest = module.strip_prefix(layer);
            layer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let entries = self.coefficients.iter().filter(|entry| covers(&entry.layer));
        match entries.max_by_key(|entry| entry.layer.len()) {
            Some(entry) => Ok(entry.values.as_slice()),
            None => Err("expected coefficients for its layer, found none\n\
                hint: an entry with the layer \"\" is for all layers that have none of their own"
                .to_owned()),
        }
    }
}

impl Settings for Linear {
    fn check(&self) -> Result<(), String> {
        for (at, LayerCoefficients { layer, values }) in self.coefficients.iter().enumerate() {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(format!("layer `{layer}`: expected finite coefficients, found {value}"));
            }
            if self.coefficients[..at].iter().any(|other| other.layer == *layer) {
                return Err(format!("layer `{layer}`: expected one entry, found two"));
            }
        }
        Ok(())
    }
}

impl MergeMethod for Linear {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        parts.first()?;
        self.check_for(parts.models.len())
            .map_err(|reason| Error::Method { name: KIND.name.to_owned(), reason })?;
        block_by_block(
            parts,
            |tensor| self.of(tensor.name),
            |coefficients, block, out| {
                out.fill(-0.0); // which changes no number that is added to it, not even −0
                block.for_each_model(|at, values| add_scaled(out, coefficients[at], values));
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;
    use serde_json::json;

    use super::*;
    use crate::merge::task_vectors::fixtures::{merge, noise, values, weights};

    fn linear(coefficients: &[(&str, &[f64])]) -> Linear {
        let entry = |(layer, values): &(&str, &[f64])| LayerCoefficients {
            layer: (*layer).to_owned(),
            values: values.to_vec(),
        };
        Linear::new(coefficients.iter().map(entry).collect())
    }

    #[test]
    fn a_tensor_has_the_coefficients_of_the_longest_layer_that_it_is_in() {
        let names = ["layer1.0.weight", "layer1.0.bn.weight", "layer1.1.weight", "layer10.weight", "scale"];
        let model = |value: f32| {
            let tensor = |name: &str| (name.to_owned(), OwnedTensor::f32([1], &[value]));
            StateDict::from_tensors(names.map(tensor).into())
        };
        let (one, ten) = (model(1.0), model(10.0));
        let by_layer = linear(&[
            ("layer1", &[0.0, 1.0]),
            ("", &[1.0, 0.0]),
            ("layer1.0", &[1.0, 1.0]),
            ("layer1.0.bn", &[2.0, -0.5]),
        ]);
        let merged = merge(&by_layer, &[&one, &ten], None).unwrap();
        assert_eq!(names.map(|name| values(&merged, name)[0]), [11.0, -3.0, 10.0, 1.0, 1.0]);
    }

    #[test]
    fn running_statistics_are_merged_and_one_model_stays_as_it_is() {
        let (a, b) = (weights(&[1.0, 2.0], 4.0), weights(&[3.0, -2.0], 8.0));
        let merged = merge(&linear(&[("", &[0.5, 0.25])]), &[&a, &b], None).unwrap();
        assert_eq!(values(&merged, "fc.weight"), [1.25, 0.5]);
        assert_eq!(values(&merged, "bn.running_var"), [4.0]);

        let one = weights(&[noise(1, 3000), vec![-0.0]].concat(), 2.0);
        assert_eq!(merge(&linear(&[("", &[1.0])]), &[&one], None).unwrap().digest(), one.digest());
    }

    #[test]
    fn coefficients_that_do_not_fit_are_refused() {
        let (a, b) = (weights(&[1.0], 1.0), weights(&[2.0], 1.0));
        let error = |linear: Linear| merge(&linear, &[&a, &b], None).unwrap_err().to_string();
        assert_eq!(
            error(linear(&[("", &[1.0])])),
            "merge method `linear`: layer ``: expected 2 coefficients, one for each part, found 1"
        );
        assert_eq!(
            error(linear(&[("fc", &[f64::NAN, 1.0])])),
            "merge method `linear`: layer `fc`: expected finite coefficients, found NaN"
        );
        let uncovered = error(linear(&[("fc", &[0.5, 0.5])]));
        assert!(uncovered.starts_with("cannot merge `bn.running_var`: expected coefficients"), "{uncovered}");

        let twice = json!({"coefficients": [{"layer": "fc", "values": [1]}, {"layer": "fc", "values": [2]}]});
        let error = (KIND.new)(&twice).err().unwrap();
        assert_eq!(error, "layer `fc`: expected one entry, found two");
        assert!((KIND.new)(&json!({})).is_err());
    }
}
