//! Learned soups of tiny models whose best coefficients are known.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_soup::{
    Accept, Average, Candidate, Error, Fit, FitEnd, Gradient, Granularity, Ingredient, Ingredients, Learned,
    Network, ScoreError, Scorer, Selector, Soup, SumRule,
};

/// Two layers of two weights in each model. No two differences of models are parallel in a layer.
const MODELS: [[f64; 4]; 3] = [[1.0, 0.0, 2.0, -1.0], [0.0, 1.0, -1.0, 1.0], [-1.0, -1.0, 0.0, 2.0]];

/// Coefficients outside of and inside the simplex.
const OUTSIDE: [[f64; 3]; 2] = [[1.3, -0.5, 0.2], [0.2, 0.9, -0.1]];
const INSIDE: [[f64; 3]; 2] = [[0.6, 0.1, 0.3], [0.3, 0.3, 0.4]];

/// Layer `a` has weights and a running variance, layer `b` weights and a counter.
fn weights(values: &[f64; 4], steps: i64) -> StateDict {
    let float = |values: &[f64]| OwnedTensor::rounded(Dtype::F64, &[values.len()], values);
    StateDict::from_tensors(BTreeMap::from([
        ("a.weight".to_owned(), float(&values[..2])),
        ("a.running_var".to_owned(), float(&[values[0].abs() + 1.0])),
        ("b.weight".to_owned(), float(&values[2..])),
        ("b.steps".to_owned(), OwnedTensor::i64([], &[steps])),
    ]))
}

fn read(weights: &StateDict) -> [f64; 4] {
    let both = ["a.weight", "b.weight"].map(|name| weights.get(name).unwrap().to_f64().unwrap());
    both.concat().try_into().unwrap()
}

fn ingredients(models: &[[f64; 4]]) -> Ingredients {
    let model = |(at, values): (usize, &[f64; 4])| {
        let weights = weights(values, at as i64 + 7);
        Ingredient { id: format!("m{at}"), weights, fields: BTreeMap::new() }
    };
    Ingredients::new(models.iter().enumerate().map(model).collect()).unwrap()
}

/// The weights with these coefficients in the layers.
fn combined(coefficients: [[f64; 3]; 2]) -> [f64; 4] {
    std::array::from_fn(|at| coefficients[at / 2].iter().zip(MODELS).map(|(c, model)| c * model[at]).sum())
}

/// Half the squared distance, and its derivatives by the weights.
fn squares(weights: &StateDict, target: [f64; 4]) -> (f64, [f64; 4]) {
    let values = read(weights);
    let gradient: [f64; 4] = std::array::from_fn(|at| values[at] - target[at]);
    (gradient.iter().map(|it| it * it).sum::<f64>() / 2.0, gradient)
}

/// The loss and its derivatives by the weights and the logarithm of the temperature.
type Losses = (f64, [f64; 4], f64);

/// A function of weights and a temperature.
type OfWeights<T> = Box<dyn Fn(&StateDict, f64) -> T>;

/// A network that is given by its losses: of weights and a temperature.
struct Toy {
    batches: usize,
    fitted: OfWeights<Losses>,
    held_out: OfWeights<f64>,
}

impl Toy {
    /// Squares to a target for the fit, and to another one on the part that is held out.
    fn squares(target: [f64; 4], held_out: [f64; 4]) -> Self {
        let fitted = move |weights: &StateDict, _: f64| -> Losses {
            let (loss, gradient) = squares(weights, target);
            (loss, gradient, 0.0)
        };
        let held_out = move |weights: &StateDict, _: f64| squares(weights, held_out).0;
        Self { batches: 1, fitted: Box::new(fitted), held_out: Box::new(held_out) }
    }
}

impl Network for Toy {
    fn batches(&self) -> usize {
        self.batches
    }

    fn gradient(&mut self, weights: &StateDict, temperature: f64, _: usize) -> Result<Gradient, ScoreError> {
        let (loss, gradient, by_temperature) = (self.fitted)(weights, temperature);
        let tensor = |values: &[f64]| OwnedTensor::rounded(Dtype::F64, &[2], values);
        let tensors = [("a.weight", tensor(&gradient[..2])), ("b.weight", tensor(&gradient[2..]))];
        let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor));
        let weights = StateDict::from_tensors(tensors.into());
        Ok(Gradient { loss, temperature: by_temperature, weights })
    }

    fn held_out_loss(&mut self, weights: &StateDict, temperature: f64) -> Result<f64, ScoreError> {
        Ok((self.held_out)(weights, temperature))
    }
}

impl Scorer for Toy {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(-(self.held_out)(&candidate.weights()?, 1.0))
    }

    fn network(&mut self) -> Option<&mut dyn Network> {
        Some(self)
    }
}

fn select(learned: &Learned, toy: &mut Toy) -> (Soup, Fit) {
    let soup = learned.select(&ingredients(&MODELS), toy).unwrap();
    let fit = soup.fit.clone().expect("the record of the fit");
    (soup, fit)
}

fn coefficients(soup: &Soup) -> BTreeMap<String, Vec<f64>> {
    let Average::Merged(merged) = &soup.average else { panic!("{}", soup.average) };
    assert_eq!(merged.method, "linear");
    let layers = merged.settings["coefficients"].as_array().expect("a list of layers");
    let layer = |layer: &serde_json::Value| {
        let values = serde_json::from_value(layer["values"].clone()).expect("numbers");
        (layer["layer"].as_str().expect("a name").to_owned(), values)
    };
    layers.iter().map(layer).collect()
}

fn check(found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < within);
    assert!(near, "found {found:?}, expected {expected:?}");
}

/// Many epochs with large steps, to the optimum.
fn to_the_end(by: Granularity, sum: SumRule) -> Learned {
    Learned {
        by,
        sum,
        learning_rate: 0.1,
        epochs: 600,
        patience: 600,
        temperature: false,
        ..Learned::default()
    }
}

#[test]
fn coefficients_are_found_by_layer_and_by_model() {
    let target = combined(OUTSIDE);
    let (soup, fit) =
        select(&to_the_end(Granularity::Layer, SumRule::Hyperplane), &mut Toy::squares(target, target));
    let found = coefficients(&soup);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b"]);
    check(&found["a"], &OUTSIDE[0], 1e-6);
    check(&found["b"], &OUTSIDE[1], 1e-6);
    assert!(soup.score > -1e-12, "{}", soup.score);
    check(&fit.coefficients.values().copied().collect::<Vec<_>>(), &[0.75, 0.2, 0.05], 1e-6);
    assert!(soup.decisions.iter().all(|decision| decision.taken));

    let target = combined([OUTSIDE[0]; 2]);
    let (soup, fit) =
        select(&to_the_end(Granularity::Model, SumRule::Hyperplane), &mut Toy::squares(target, target));
    let found = coefficients(&soup);
    assert_eq!(found.keys().collect::<Vec<_>>(), [""]);
    check(&found[""], &OUTSIDE[0], 1e-6);
    check(&fit.coefficients.values().copied().collect::<Vec<_>>(), &OUTSIDE[0], 1e-6);
    let taken: Vec<_> = soup.decisions.iter().map(|it| (it.candidate.as_str(), it.taken)).collect();
    assert_eq!(taken, [("m0", true), ("m1", false), ("m2", true)]);
}

#[test]
fn statistics_follow_their_layer_and_integers_the_first_model() {
    let target = combined(OUTSIDE);
    let learned = to_the_end(Granularity::Layer, SumRule::Hyperplane);
    let (soup, _) = select(&learned, &mut Toy::squares(target, target));
    let merged = ingredients(&MODELS).weights(&soup.average).unwrap();
    check(&read(&merged), &target, 1e-6);
    // The running variances are 2, 1 and 2.
    let expected: f64 = OUTSIDE[0].iter().zip([2.0, 1.0, 2.0]).map(|(c, variance)| c * variance).sum();
    check(&merged.get("a.running_var").unwrap().to_f64().unwrap(), &[expected], 1e-6);
    assert_eq!(merged.get("b.steps").unwrap().to_i64().unwrap(), [7]);
}

#[test]
fn the_simplex_is_not_left() {
    let inside = combined(INSIDE);
    let learned = to_the_end(Granularity::Layer, SumRule::Simplex);
    let (soup, _) = select(&learned, &mut Toy::squares(inside, inside));
    let found = coefficients(&soup);
    check(&found["a"], &INSIDE[0], 1e-4);
    check(&found["b"], &INSIDE[1], 1e-4);

    // The best point of the simplex for a target outside is on its boundary.
    let outside = combined(OUTSIDE);
    let (soup, fit) = select(&learned, &mut Toy::squares(outside, outside));
    let found = coefficients(&soup);
    for values in found.values() {
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{values:?}");
        assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{values:?}");
    }
    check(&found["a"], &[0.9, 0.0, 0.1], 2e-3);
    assert!(-soup.score > 0.1 && -soup.score < fit.uniform.unwrap());
}

#[test]
fn blocks_of_models_reach_the_same_coefficients() {
    let run = |coefficients: [[f64; 3]; 2], sum, epochs, seed| {
        let target = combined(coefficients);
        let learned = Learned { block: Some(2), epochs, seed, ..to_the_end(Granularity::Layer, sum) };
        select(&learned, &mut Toy::squares(target, target))
    };
    for (sum, best) in [(SumRule::Hyperplane, OUTSIDE), (SumRule::Simplex, INSIDE)] {
        let found = coefficients(&run(best, sum, 600, 1).0);
        check(&found["a"], &best[0], 1e-3);
        check(&found["b"], &best[1], 1e-3);
    }
    // No patience is too large.
    let target = combined(OUTSIDE);
    let patient = Learned { block: Some(2), epochs: 1, patience: usize::MAX, ..Learned::default() };
    assert_eq!(select(&patient, &mut Toy::squares(target, target)).1.ended, FitEnd::Epochs);
    // An epoch changes two models; the seed says which.
    let short = |seed| run(OUTSIDE, SumRule::Hyperplane, 1, seed);
    let fixed = |seed| {
        let values = coefficients(&short(seed).0).remove("a").unwrap();
        let fixed: Vec<usize> = (0..3).filter(|&model| values[model] == 1.0 / 3.0).collect();
        assert_eq!(fixed.len(), 1, "{values:?}");
        fixed[0]
    };
    let first: Vec<usize> = (0..8).map(fixed).collect();
    assert!(first.iter().any(|model| *model != first[0]), "{first:?}");
    assert_eq!(run(OUTSIDE, SumRule::Hyperplane, 30, 5), run(OUTSIDE, SumRule::Hyperplane, 30, 5));
}

#[test]
fn it_stops_by_the_held_out_part_and_keeps_the_best_epoch() {
    // The way to the optimum of the fitted part leads past that of the held-out part.
    let toy = || Toy::squares(combined([[1.3, -0.5, 0.2]; 2]), combined([[0.6, 0.2, 0.2]; 2]));
    let learned = Learned {
        by: Granularity::Model,
        patience: 5,
        epochs: 100,
        temperature: false,
        ..Learned::default()
    };
    let (soup, fit) = select(&learned, &mut toy());
    assert_eq!(fit.ended, FitEnd::Patience);
    assert!(fit.best > 3 && fit.epochs.len() == fit.best + 5, "{fit:?}");
    let lowest = fit.epochs.iter().map(|epoch| epoch.held_out).fold(f64::INFINITY, f64::min);
    assert_eq!(fit.epochs[fit.best - 1].held_out, lowest);
    assert_eq!(soup.score, -lowest, "the weights are those of the best epoch");
    assert!(fit.epochs.windows(2).all(|two| two[1].fitted < two[0].fitted), "{fit:?}");
    assert!(coefficients(&soup)[""][1] > 0.0, "the fitted part alone makes it negative");

    let few = Learned { epochs: fit.best - 1, ..learned };
    let (_, shorter) = select(&few, &mut toy());
    assert_eq!((shorter.ended, shorter.best), (FitEnd::Epochs, fit.best - 1));
    assert_eq!(shorter.epochs, fit.epochs[..fit.best - 1]);
}

#[test]
fn the_uniform_soup_stays_if_nothing_is_better() {
    let uniform = combined([[1.0 / 3.0; 3]; 2]);
    let learned = Learned { patience: 2, ..Learned::default() };
    let (soup, fit) = select(&learned, &mut Toy::squares(combined(OUTSIDE), uniform));
    assert_eq!((fit.best, fit.epochs.len(), fit.ended), (0, 2, FitEnd::Patience));
    assert_eq!(soup.average.to_string(), "mean(m0, m1, m2)");
    check(&fit.coefficients.into_values().collect::<Vec<_>>(), &[1.0 / 3.0; 3], 1e-15);
    assert_eq!(soup.score, -fit.uniform.unwrap());
}

/// Scores weights by their loss, so that the score loses what the fit gains.
struct Contrary(Toy);

impl Scorer for Contrary {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(-self.0.score(candidate)?)
    }

    fn network(&mut self) -> Option<&mut dyn Network> {
        Some(&mut self.0)
    }
}

#[test]
fn the_comparison_with_the_uniform_soup_is_on_record() {
    let target = combined(OUTSIDE);
    let learned = Learned { accept: Some(Accept::Greater), temperature: false, ..Learned::default() };
    let compared = |soup: &Soup| {
        assert_eq!(soup.decisions.len(), 2 + MODELS.len());
        let [uniform, learned] = [0, 1].map(|at| soup.decisions[at].clone());
        assert_eq!([&*uniform.candidate, &*learned.candidate], ["uniform soup", "learned soup"]);
        ((uniform.alone.unwrap(), uniform.taken), (learned.alone.unwrap(), learned.taken))
    };
    let (soup, fit) = select(&learned, &mut Toy::squares(target, target));
    assert_eq!(compared(&soup), ((-fit.uniform.unwrap(), false), (soup.score, true)));
    let refused = learned.select(&ingredients(&MODELS), &mut Contrary(Toy::squares(target, target)));
    let refused = refused.unwrap();
    assert_eq!(compared(&refused), ((refused.score, true), (-soup.score, false)));
    assert_eq!((refused.average.to_string().as_str(), refused.fit.unwrap().best), ("mean(m0, m1, m2)", 0));
}

#[test]
fn a_temperature_alone_is_no_gain() {
    // The weights make no difference; the best temperature is e^0.2.
    let loss = |temperature: f64| (temperature.ln() - 0.2).powi(2);
    let fitted = move |_: &StateDict, temperature: f64| -> Losses {
        (loss(temperature), [0.0; 4], 2.0 * (temperature.ln() - 0.2))
    };
    let held_out = move |_: &StateDict, temperature: f64| loss(temperature);
    let mut toy = Toy { batches: 3, fitted: Box::new(fitted), held_out: Box::new(held_out) };
    let (soup, fit) = select(&Learned::default(), &mut toy);
    assert_eq!(soup.average.to_string(), "mean(m0, m1, m2)");
    assert!((fit.temperature - 0.2f64.exp()).abs() < 0.05, "{fit:?}");
    let lowest = fit.epochs.iter().map(|epoch| epoch.held_out).fold(f64::INFINITY, f64::min);
    assert!(fit.uniform.unwrap() > lowest, "{fit:?}");
    assert!((fit.uniform_at_temperature.unwrap() - lowest).abs() < 1e-9, "{fit:?}");
    assert_eq!(fit.best, 0);
}

#[test]
fn one_model_needs_no_network() {
    let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> { Ok(read(weights)[0]) };
    let soup = Learned::default().select(&ingredients(&MODELS[..1]), &mut scorer).unwrap();
    assert_eq!((soup.average, soup.score), (Average::Ingredient("m0".into()), 1.0));
    let fit = soup.fit.unwrap();
    assert_eq!((fit.ended, fit.uniform, fit.epochs.len()), (FitEnd::OneModel, None, 0));

    let error = Learned::default().select(&ingredients(&MODELS), &mut scorer).unwrap_err().to_string();
    assert!(error.contains("needs a network and images") && error.contains("hint:"), "{error}");
}

#[test]
fn errors_name_the_epoch_or_the_setting() {
    let models = ingredients(&MODELS);
    let failed = |learned: &Learned, toy: &mut Toy| learned.select(&models, toy).unwrap_err().to_string();
    let target = combined(OUTSIDE);

    let fitted = |_: &StateDict, _: f64| -> Losses { (f64::NAN, [0.0; 4], 0.0) };
    let mut toy = Toy { fitted: Box::new(fitted), ..Toy::squares(target, target) };
    assert!(
        failed(&Learned::default(), &mut toy).contains("the loss of batch 0 or its derivative in epoch 1")
    );

    let fitted = |_: &StateDict, _: f64| -> Losses { (1.0, [0.0, 0.0, f64::INFINITY, 0.0], 0.0) };
    let mut toy = Toy { fitted: Box::new(fitted), ..Toy::squares(target, target) };
    assert!(failed(&Learned::default(), &mut toy).contains("a coefficient of layer `b` in epoch 1"));

    let mut toy = Toy { held_out: Box::new(|_, _| f64::INFINITY), ..Toy::squares(target, target) };
    assert!(failed(&Learned::default(), &mut toy).contains("held-out images of the uniform soup"));

    for (learned, setting) in [
        (Learned { learning_rate: 0.0, ..Learned::default() }, "learning_rate"),
        (Learned { weight_decay: f64::NAN, ..Learned::default() }, "weight_decay"),
        (Learned { epochs: 0, ..Learned::default() }, "epochs"),
        (Learned { patience: 0, ..Learned::default() }, "patience"),
        (Learned { block: Some(1), ..Learned::default() }, "block"),
    ] {
        let error = failed(&learned, &mut Toy::squares(target, target));
        assert!(error.contains(&format!("`{setting}`")), "{error}");
        assert!(matches!(learned.check(), Err(Error::Method { .. })));
    }
}

#[test]
fn settings_and_records_are_read_back() {
    let read = |text: &str| serde_json::from_str::<Learned>(text);
    assert_eq!(read("{}").unwrap(), Learned::default());
    let block =
        Learned { block: Some(4), sum: SumRule::Simplex, by: Granularity::Model, ..Learned::default() };
    assert_eq!(read(r#"{"block": 4, "sum": "simplex", "by": "model"}"#).unwrap(), block);
    assert_eq!(read(&serde_json::to_string(&block).unwrap()).unwrap(), block);
    assert!(read(r#"{"rate": 1}"#).is_err());

    let target = combined(INSIDE);
    let (soup, _) = select(&Learned { epochs: 2, ..Learned::default() }, &mut Toy::squares(target, target));
    let text = serde_json::to_string(&soup).unwrap();
    assert_eq!(serde_json::from_str::<Soup>(&text).unwrap(), soup);
    let old = r#"{"average": {"ingredient": "a"}, "score": 1.0, "decisions": []}"#;
    let old: Soup = serde_json::from_str(old).unwrap();
    assert_eq!(old.fit, None);
    assert!(!serde_json::to_string(&old).unwrap().contains("fit"));
}
