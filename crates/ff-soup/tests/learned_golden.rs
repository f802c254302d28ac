//! Learned soups compared with PyTorch's (tests/golden/learned/make.py).

use std::collections::BTreeMap;
use std::path::Path;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_soup::{
    Average, Candidate, Gradient, Granularity, Ingredient, Ingredients, Learned, Network, ScoreError, Scorer,
    Selector, SumRule,
};

const NAMES: [&str; 4] = ["first.bias", "first.weight", "second.bias", "second.weight"];
const MODELS: usize = 4;
const HIDDEN: usize = 5;
const CLASSES: usize = 3;

fn golden() -> StateDict {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/learned/golden.safetensors");
    StateDict::open(Path::new(path)).unwrap()
}

fn floats(file: &StateDict, name: &str) -> Vec<f64> {
    file.get(name).unwrap_or_else(|| panic!("no {name}")).to_f64().unwrap()
}

fn ingredients(file: &StateDict) -> Ingredients {
    let model = |at: usize| {
        let tensor = |name: &str| file.get(&format!("model/{at}/{name}")).unwrap().to_owned();
        let weights = StateDict::from_tensors(NAMES.map(|name| (name.to_owned(), tensor(name))).into());
        Ingredient { id: at.to_string(), weights, fields: BTreeMap::new() }
    };
    Ingredients::new((0..MODELS).map(model).collect()).unwrap()
}

/// A network of two layers with tanh between them, and the images of the golden file as one batch,
/// which is also the held-out part.
struct Tanh {
    images: Vec<Vec<f64>>,
    targets: Vec<usize>,
}

/// An image's hidden values and logits.
type Outputs = (Vec<f64>, Vec<f64>);

impl Tanh {
    fn new(file: &StateDict) -> Self {
        let targets = file.get("targets").unwrap().to_i64().unwrap();
        let width = file.get("features").unwrap().shape[1];
        let images = floats(file, "features").chunks(width).map(<[f64]>::to_vec).collect();
        Self { images, targets: targets.into_iter().map(|target| target as usize).collect() }
    }

    fn forward(&self, weights: &StateDict) -> Vec<Outputs> {
        let [first_bias, first, second_bias, second] = NAMES.map(|name| floats(weights, name));
        let layer = |matrix: &[f64], bias: &[f64], inputs: &[f64]| -> Vec<f64> {
            let rows = matrix.chunks(inputs.len()).zip(bias);
            rows.map(|(row, bias)| row.iter().zip(inputs).map(|(w, x)| w * x).sum::<f64>() + bias).collect()
        };
        let image = |image: &Vec<f64>| {
            let hidden: Vec<f64> = layer(&first, &first_bias, image).into_iter().map(f64::tanh).collect();
            let logits = layer(&second, &second_bias, &hidden);
            (hidden, logits)
        };
        self.images.iter().map(image).collect()
    }
}

/// Softmax of logits over a temperature.
fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

impl Network for Tanh {
    fn batches(&self) -> usize {
        1
    }

    fn gradient(&mut self, weights: &StateDict, temperature: f64, _: usize) -> Result<Gradient, ScoreError> {
        let second = floats(weights, "second.weight");
        let count = self.images.len() as f64;
        let width = self.images[0].len();
        let (mut loss, mut by_temperature) = (0.0, 0.0);
        let [mut first_bias, mut first] = [vec![0.0; HIDDEN], vec![0.0; HIDDEN * width]];
        let [mut second_bias, mut second_by] = [vec![0.0; CLASSES], vec![0.0; CLASSES * HIDDEN]];
        for ((image, target), (hidden, logits)) in
            self.images.iter().zip(&self.targets).zip(self.forward(weights))
        {
            let probabilities = softmax(&logits, temperature);
            loss -= probabilities[*target].ln() / count;
            for (class, probability) in probabilities.iter().enumerate() {
                let error = (probability - f64::from(u8::from(class == *target))) / count;
                by_temperature -= error * logits[class] / temperature;
                let error = error / temperature;
                second_bias[class] += error;
                for (unit, value) in hidden.iter().enumerate() {
                    second_by[class * HIDDEN + unit] += error * value;
                    let inside = error * second[class * HIDDEN + unit] * (1.0 - value * value);
                    first_bias[unit] += inside;
                    for (at, input) in image.iter().enumerate() {
                        first[unit * width + at] += inside * input;
                    }
                }
            }
        }
        let tensors = NAMES.into_iter().zip([first_bias, first, second_bias, second_by]);
        let tensors = tensors.map(|(name, values)| {
            let shape = weights.get(name).unwrap().shape;
            (name.to_owned(), OwnedTensor::rounded(Dtype::F64, shape, &values))
        });
        let weights = StateDict::from_tensors(tensors.collect());
        Ok(Gradient { loss, temperature: by_temperature, weights })
    }

    fn held_out_loss(&mut self, weights: &StateDict, temperature: f64) -> Result<f64, ScoreError> {
        let outputs = self.forward(weights);
        let losses = outputs.iter().zip(&self.targets);
        let losses = losses.map(|((_, logits), target)| -softmax(logits, temperature)[*target].ln());
        Ok(losses.sum::<f64>() / self.targets.len() as f64)
    }
}

impl Scorer for Tanh {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(-self.held_out_loss(&candidate.weights()?, 1.0)?)
    }

    fn network(&mut self) -> Option<&mut dyn Network> {
        Some(self)
    }
}

#[test]
fn coefficients_and_losses_are_those_of_pytorch() {
    let file = golden();
    let ingredients = ingredients(&file);
    let (layer, model) = (Granularity::Layer, Granularity::Model);
    for (case, sum, by, temperature, weight_decay) in [
        ("simplex-layer", SumRule::Simplex, layer, true, 0.0),
        ("simplex-model", SumRule::Simplex, model, false, 0.0),
        ("simplex-decay", SumRule::Simplex, layer, false, 0.3),
        ("hyperplane-layer", SumRule::Hyperplane, layer, true, 0.0),
        ("hyperplane-decay", SumRule::Hyperplane, model, false, 0.3),
    ] {
        let learned = Learned {
            by,
            sum,
            temperature,
            weight_decay,
            learning_rate: 0.05,
            epochs: 30,
            patience: 30,
            ..Learned::default()
        };
        let soup = learned.select(&ingredients, &mut Tanh::new(&file)).unwrap();
        let fit = soup.fit.unwrap();
        let near = |found: &[f64], name: &str| {
            let expected = floats(&file, &format!("{case}/{name}"));
            assert_eq!(found.len(), expected.len(), "{case}, {name}");
            let all = found.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-6);
            assert!(all, "{case}, {name}: {found:?}, PyTorch has {expected:?}");
        };
        let Average::Merged(merged) = &soup.average else { panic!("{case}: {}", soup.average) };
        let layers = merged.settings["coefficients"].as_array().unwrap();
        let values = layers.iter().flat_map(|layer| layer["values"].as_array().unwrap());
        near(&values.map(|value| value.as_f64().unwrap()).collect::<Vec<_>>(), "coefficients");
        near(&[fit.temperature], "temperature");
        let losses = fit.uniform.into_iter().chain(fit.epochs.iter().map(|epoch| epoch.held_out));
        near(&losses.collect::<Vec<_>>(), "losses");
        let before = fit.epochs[0].fitted;
        assert!((before - fit.uniform.unwrap()).abs() < 1e-12, "{case}: before the first step, {before}");
    }
}
