//! Coefficients of models by layer, under a constraint, and the steps that fit them.

use serde::{Deserialize, Serialize};

use super::adamw::Moments;
use crate::merge::linear::module;
use crate::merge::{LayerCoefficients, Linear};

/// The constraint on the coefficients of a layer. They add up to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SumRule {
    /// Coefficients may be negative or above 1 (MEHL-Soup, Li et al. 2024).
    #[default]
    Hyperplane,
    /// Coefficients are between 0 and 1 (the learned soup of Wortsman et al. 2022).
    Simplex,
}

/// Coefficients and the state of their fit.
///
/// The optimizer does not see them but free parameters z, in units in which a change of 1 changes a
/// uniform coefficient 1/K by itself. With M the sum of the coefficients that a step fits:
///
/// - hyperplane: a = M/B + (z − mean z)/K for a block of B models;
/// - simplex: a = M·softmax(z).
///
/// Both keep M, so that the coefficients of other models stay as they are. They depend on z up to a
/// constant only, so z is computed from a before each step.
#[derive(Clone)]
pub(super) struct Coefficients {
    rule: SumRule,
    /// The names of the layers, sorted.
    layers: Vec<String>,
    /// For each layer, the coefficient of each model.
    values: Vec<Vec<f64>>,
    moments: Vec<Vec<Moments>>,
}

impl Coefficients {
    /// Creates uniform coefficients. A tensor without a layer of its own is in the first layer.
    pub fn uniform(rule: SumRule, layers: Vec<String>, models: usize) -> Self {
        let values = vec![vec![1.0 / models as f64; models]; layers.len()];
        let moments = vec![vec![Moments::default(); models]; layers.len()];
        Self { rule, layers, values, moments }
    }

    /// Returns the merge of `fixed` weights, if there are any, and some of the models.
    pub fn linear(&self, fixed: bool, models: &[usize]) -> Linear {
        let layers = self.layers.iter().zip(&self.values).map(|(layer, values)| {
            let values = fixed.then_some(1.0).into_iter().chain(models.iter().map(|&model| values[model]));
            LayerCoefficients { layer: layer.clone(), values: values.collect() }
        });
        Linear::new(layers.collect())
    }

    /// Adds the derivatives by the coefficients up by layer, from those of each tensor.
    pub fn by_layer<'a>(&self, of_tensors: impl Iterator<Item = (&'a str, Vec<f64>)>) -> Vec<Vec<f64>> {
        let mut slopes: Vec<Vec<f64>> = vec![Vec::new(); self.layers.len()];
        for (tensor, parts) in of_tensors {
            let layer = self.layers.binary_search_by(|layer| layer.as_str().cmp(module(tensor)));
            let sums = &mut slopes[layer.unwrap_or(0)];
            sums.resize(parts.len(), 0.0);
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
        slopes
    }

    /// Makes a step of AdamW on the coefficients of a block of models.
    ///
    /// `slopes` are the derivatives of the loss by these coefficients in each layer; none for a
    /// layer without trained weights, which keeps its coefficients. The decay is towards uniform
    /// coefficients.
    pub fn step(&mut self, block: &[usize], slopes: &[Vec<f64>], rate: f64, decay: f64) {
        for ((values, moments), slopes) in self.values.iter_mut().zip(&mut self.moments).zip(slopes) {
            if slopes.is_empty() {
                continue;
            }
            let models = values.len() as f64;
            let old: Vec<f64> = block.iter().map(|&model| values[model]).collect();
            let mut parameters = self.rule.parameters(&old, models);
            let gradient = self.rule.gradient(&old, slopes, models);
            for ((parameter, gradient), &model) in parameters.iter_mut().zip(gradient).zip(block) {
                *parameter = *parameter * (1.0 - rate * decay) + rate * moments[model].step(gradient);
            }
            let new = self.rule.values(&parameters, old.iter().sum(), models);
            block.iter().zip(new).for_each(|(&model, value)| values[model] = value);
        }
    }

    /// Returns the first layer with a coefficient that is not finite.
    pub fn first_not_finite(&self) -> Option<&str> {
        let mut all = self.layers.iter().zip(&self.values);
        let found = all.find(|(_, values)| values.iter().any(|value| !value.is_finite()));
        found.map(|(layer, _)| layer.as_str())
    }

    /// Returns the mean of a model's coefficients over the layers.
    pub fn mean_of(&self, model: usize) -> f64 {
        self.values.iter().map(|values| values[model]).sum::<f64>() / self.values.len() as f64
    }
}

/// The parameters z of a block's coefficients a, of `models` models in all.
impl SumRule {
    /// Returns parameters of these coefficients.
    fn parameters(self, values: &[f64], models: f64) -> Vec<f64> {
        let parameter = |value: &f64| match self {
            Self::Hyperplane => value * models - 1.0,
            Self::Simplex => value.max(f64::MIN_POSITIVE).ln(),
        };
        values.iter().map(parameter).collect()
    }

    /// Returns the coefficients of these parameters, which add up to `sum`.
    fn values(self, parameters: &[f64], sum: f64, models: f64) -> Vec<f64> {
        let count = parameters.len() as f64;
        match self {
            Self::Hyperplane => {
                let mean = parameters.iter().sum::<f64>() / count;
                parameters.iter().map(|parameter| sum / count + (parameter - mean) / models).collect()
            }
            Self::Simplex => {
                let largest = parameters.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> =
                    parameters.iter().map(|parameter| (parameter - largest).exp()).collect();
                let whole: f64 = powers.iter().sum();
                powers.into_iter().map(|power| sum * power / whole).collect()
            }
        }
    }

    /// Returns the derivatives by the parameters, from those by the coefficients.
    fn gradient(self, values: &[f64], slopes: &[f64], models: f64) -> Vec<f64> {
        match self {
            Self::Hyperplane => {
                let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
                slopes.iter().map(|slope| (slope - mean) / models).collect()
            }
            Self::Simplex => {
                let weighted = values.iter().zip(slopes).map(|(value, slope)| value * slope).sum::<f64>();
                let mean = weighted / values.iter().sum::<f64>();
                values.iter().zip(slopes).map(|(value, slope)| value * (slope - mean)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [SumRule; 2] = [SumRule::Hyperplane, SumRule::Simplex];

    #[test]
    fn gradients_match_finite_differences() {
        // The loss is Σ cₖ·aₖ², in a block of 4 of 6 models.
        let (curvature, start) = ([0.3, -1.2, 2.0, 0.7], [0.15, 0.25, 0.05, 0.2]);
        let loss = |values: &[f64]| values.iter().zip(curvature).map(|(a, c)| c * a * a).sum::<f64>();
        for rule in RULES {
            let parameters = rule.parameters(&start, 6.0);
            let slopes: Vec<f64> = start.iter().zip(curvature).map(|(a, c)| 2.0 * c * a).collect();
            let gradient = rule.gradient(&start, &slopes, 6.0);
            for (at, found) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut parameters = parameters.clone();
                    parameters[at] += by;
                    loss(&rule.values(&parameters, start.iter().sum(), 6.0))
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((found - expected).abs() < 1e-9, "{rule:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn a_step_moves_its_block_only_and_keeps_the_sum() {
        for rule in RULES {
            let layers = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
            let mut all = Coefficients::uniform(rule, layers, 4);
            for _ in 0..50 {
                let slopes = [vec![1.0, -2.0, 0.5], vec![], vec![-0.1, -0.1, -0.1]];
                all.step(&[0, 1, 3], &slopes, 0.1, 0.0);
            }
            let [moved, without, equal] = all.values.as_slice() else { unreachable!() };
            assert!((moved.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{rule:?}: {moved:?}");
            assert!(moved[1] > 0.4 && moved[0] < 0.25 && moved[3] < 0.25, "{rule:?}: {moved:?}");
            assert_eq!(moved[2], 0.25, "{rule:?}");
            assert_eq!(without, &[0.25; 4], "no trained weights");
            assert!(equal.iter().all(|value| (value - 0.25).abs() < 1e-6), "{rule:?}: {equal:?}");
            assert_eq!(rule == SumRule::Hyperplane, moved[0] < 0.0, "{rule:?}: {moved:?}");
        }
    }

    #[test]
    fn tensors_are_in_the_layer_of_their_module() {
        let layers = ["", "bn1", "layer1.0.conv"].map(str::to_owned).to_vec();
        let all = Coefficients::uniform(SumRule::Simplex, layers, 2);
        let tensors = ["bn1.weight", "bn1.bias", "cls_token", "layer1.0.conv.weight"];
        let slopes =
            all.by_layer(tensors.into_iter().zip([1.0, 2.0, 4.0, 8.0]).map(|(t, s)| (t, vec![s, -s])));
        assert_eq!(slopes, [[4.0, -4.0], [3.0, -3.0], [8.0, -8.0]]);
        // One set of coefficients for the whole model.
        let one = Coefficients::uniform(SumRule::Simplex, vec![String::new()], 2);
        let slopes = one.by_layer(tensors.into_iter().map(|tensor| (tensor, vec![1.0, 0.5])));
        assert_eq!(slopes, [[4.0, 2.0]]);
    }
}
