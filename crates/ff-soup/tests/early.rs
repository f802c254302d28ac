//! Greedy soups with a scorer that stops early, compared with fully evaluated ones.

use std::collections::{BTreeMap, HashMap};

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_eval::{
    Metric, Predictions, ScoreBound, Targets, TaskKind, Value, hardest_first, margins, standard_error,
};
use ff_soup::{
    Accept, Average, Candidate, Hierarchy, Ingredient, Ingredients, Policy, ScoreError, Scorer, Selector,
    Soup, Verdict,
};
use proptest::prelude::*;

/// Samples with features, classified by linear models of `features × outputs` weights.
#[derive(Clone, Debug)]
struct Problem {
    features: Vec<Vec<f32>>,
    outputs: usize,
    targets: Targets,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// The order of the dataset.
    Given,
    /// The hardest samples first.
    HardestFirst,
}

struct Linear<'a> {
    problem: &'a Problem,
    metric: Metric,
    chunk: usize,
    /// The order of samples; `None` for full evaluation.
    early: Option<Order>,
    chunks: Vec<Vec<usize>>,
    /// Calls of [`Scorer::beats`].
    calls: usize,
    /// Samples that these calls evaluated.
    evaluated: usize,
    /// Predictions of all samples.
    kept: HashMap<Average, Predictions>,
}

impl<'a> Linear<'a> {
    fn new(problem: &'a Problem, metric: Metric, chunk: usize, early: Option<Order>) -> Self {
        let samples: Vec<usize> = (0..problem.features.len()).collect();
        let chunks = samples.chunks(chunk).map(<[usize]>::to_vec).collect();
        Self { problem, metric, chunk, early, chunks, calls: 0, evaluated: 0, kept: HashMap::new() }
    }

    fn row(&self, weights: &[f32], sample: usize) -> Vec<f32> {
        let features = &self.problem.features[sample];
        let of = |row: &[f32]| row.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
        weights.chunks(features.len()).map(of).collect()
    }

    fn finish(&mut self, average: &Average, logits: Vec<f32>) -> Result<f64, ScoreError> {
        let predictions = Predictions::new(logits, self.problem.outputs, self.problem.targets.clone())?;
        if self.early == Some(Order::HardestFirst) {
            let hardest = hardest_first(&margins(self.metric, &predictions));
            self.chunks = hardest.chunks(self.chunk).map(<[usize]>::to_vec).collect();
        }
        let value = self.metric.evaluate(&predictions);
        self.kept.insert(average.clone(), predictions);
        match value {
            Value::Defined(score) => Ok(score),
            Value::Undefined(why) => Err(why.into()),
        }
    }
}

fn values(candidate: &Candidate<'_>) -> Result<Vec<f32>, ScoreError> {
    Ok(candidate.weights()?.get("fc.weight").unwrap().to_f32().unwrap())
}

impl Scorer for Linear<'_> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        let weights = values(candidate)?;
        let logits = (0..self.problem.features.len()).flat_map(|sample| self.row(&weights, sample)).collect();
        self.finish(candidate.average(), logits)
    }

    fn standard_error(&mut self, tried: &Average, before: &Average) -> Result<Option<f64>, ScoreError> {
        Ok(standard_error(self.metric, &self.kept[before], &self.kept[tried], 50, 0)?)
    }

    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        self.calls += 1;
        if self.early.is_none() {
            self.evaluated += self.problem.features.len();
            return self.score(candidate).map(Verdict::Score);
        }
        let weights = values(candidate)?;
        let outputs = self.problem.outputs;
        let mut score_bound = ScoreBound::new(self.metric, &self.problem.targets, outputs);
        let mut logits = vec![0.0; self.problem.features.len() * outputs];
        for chunk in &self.chunks {
            self.evaluated += chunk.len();
            for &sample in chunk {
                let row = self.row(&weights, sample);
                score_bound.observe(sample, &row)?;
                logits[sample * outputs..(sample + 1) * outputs].copy_from_slice(&row);
            }
            let bound = score_bound.bound();
            if !accept.accepts(bound, best) {
                return Ok(Verdict::Rejected { bound });
            }
        }
        self.finish(candidate.average(), logits).map(Verdict::Score)
    }
}

fn model(at: usize, group: usize, weights: &[f32]) -> Ingredient {
    let tensor = OwnedTensor::f32([weights.len()], weights);
    Ingredient {
        id: format!("m{at}"),
        weights: StateDict::from_tensors(BTreeMap::from([("fc.weight".to_owned(), tensor)])),
        fields: BTreeMap::from([("learning_rate".to_owned(), group.to_string())]),
    }
}

fn methods() -> [(&'static str, Hierarchy); 5] {
    let of = |accept| Hierarchy { policies: vec![Policy::Greedy { accept }], ..Hierarchy::greedy() };
    [
        ("greedy", Hierarchy::greedy()),
        ("greedy, at least", of(Accept::AtLeast)),
        ("greedy, one-se", of(Accept::OneSe)),
        ("GoU", Hierarchy::greedy_of_uniform("learning_rate")),
        ("GoG", Hierarchy::greedy_of_greedy("learning_rate")),
    ]
}

/// Asserts that both select the same soup, and that bounds are at least the full scores.
fn assert_same(full: &Soup, early: &Soup) {
    assert_eq!((&early.average, early.score.to_bits()), (&full.average, full.score.to_bits()));
    assert_eq!(early.decisions.len(), full.decisions.len());
    for (early, full) in early.decisions.iter().zip(&full.decisions) {
        match early.at_most {
            None => assert_eq!(early, full),
            Some(bound) => {
                assert!(!early.taken && early.tried.is_none() && full.tried.unwrap() <= bound);
                let named = (&early.group, &early.candidate, early.alone, early.before, early.taken);
                assert_eq!(named, (&full.group, &full.candidate, full.alone, full.before, full.taken));
            }
        }
    }
}

/// Problems with models of two groups. All values are small integers, which gives many ties.
fn problems() -> impl Strategy<Value = (Problem, Vec<Vec<f32>>)> {
    (2usize..30, 1usize..5, 1usize..7, 1usize..4, any::<bool>()).prop_flat_map(
        |(samples, outputs, used, width, classes)| {
            let outputs = if classes { outputs + 1 } else { outputs };
            let small = |count: usize| prop::collection::vec((-2i8..3).prop_map(f32::from), count);
            let targets = if classes {
                prop::collection::vec(0..used.min(outputs), samples).prop_map(Targets::Classes).boxed()
            } else {
                let label = prop_oneof![2 => Just(0.0), 1 => Just(1.0), 1 => Just(f32::NAN)];
                prop::collection::vec(label, samples * outputs).prop_map(Targets::Labels).boxed()
            };
            let features = prop::collection::vec(small(width), samples);
            let models = prop::collection::vec(small(width * outputs), 1..9);
            (features, targets, models)
                .prop_map(move |(features, targets, models)| (Problem { features, outputs, targets }, models))
        },
    )
}

proptest! {
    #[test]
    fn soups_are_the_same((problem, models) in problems(), chunk in 1usize..9) {
        let models = models.iter().enumerate().map(|(at, weights)| model(at, at % 2, weights));
        let ingredients = Ingredients::new(models.collect()).unwrap();
        for metric in Metric::ALL {
            for (_, method) in methods() {
                let mut full = Linear::new(&problem, metric, chunk, None);
                let expected = method.select(&ingredients, &mut full);
                for order in [Order::Given, Order::HardestFirst] {
                    let mut early = Linear::new(&problem, metric, chunk, Some(order));
                    match (&expected, method.select(&ingredients, &mut early)) {
                        (Ok(full), Ok(early)) => assert_same(full, &early),
                        (full, early) => prop_assert_eq!(
                            full.as_ref().unwrap_err().to_string(), early.unwrap_err().to_string()
                        ),
                    }
                    prop_assert_eq!(early.calls, full.calls);
                    prop_assert!(early.evaluated <= full.evaluated);
                }
            }
        }
    }
}

/// SplitMix64, and sums of four of its numbers as approximately normal values.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A value of mean 0 and variance 1.
    fn normal(&mut self) -> f32 {
        ((0..4).map(|_| self.uniform()).sum::<f32>() - 2.0) * 3f32.sqrt()
    }

    fn around(&mut self, centre: &[f32], spread: f32) -> Vec<f32> {
        centre.iter().map(|value| value + spread * self.normal()).collect()
    }
}

/// Eight groups of six models around the true weights, and 3000 samples, a tenth of them with
/// random labels. As with learning rates, each group adds an error to the true weights, the
/// smallest in the first group and the largest in the last. Each model adds another.
fn grid(multilabel: bool) -> (Problem, Ingredients) {
    const WIDTH: usize = 24;
    const OUTPUTS: usize = 5;
    let mut noise = Noise(7);
    let truth = noise.around(&[0.0; WIDTH * OUTPUTS], 1.0);
    let features: Vec<Vec<f32>> = (0..3000).map(|_| noise.around(&[0.0; WIDTH], 1.0)).collect();
    let logit = |features: &[f32], output: usize| -> f32 {
        truth[output * WIDTH..][..WIDTH].iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    };
    let targets = if multilabel {
        let mut label = |features: &Vec<f32>, output| {
            let yes = logit(features, output) + 3.0 * noise.normal() > 5.0;
            if noise.uniform() < 0.1 { f32::NAN } else { f32::from(u8::from(yes)) }
        };
        let labels =
            features.iter().flat_map(|row| (0..OUTPUTS).map(|output| label(row, output)).collect::<Vec<_>>());
        Targets::Labels(labels.collect())
    } else {
        let class = |features: &Vec<f32>| {
            let best =
                (0..OUTPUTS).max_by(|&a, &b| logit(features, a).total_cmp(&logit(features, b))).unwrap();
            if noise.uniform() < 0.1 { (noise.uniform() * OUTPUTS as f32) as usize } else { best }
        };
        Targets::Classes(features.iter().map(class).collect())
    };
    let mut models = Vec::new();
    for group in 0..8 {
        let centre = noise.around(&truth, 0.05 + 0.05 * group as f32);
        for _ in 0..6 {
            let weights = noise.around(&centre, 0.2);
            models.push(model(models.len(), group, &weights));
        }
    }
    (Problem { features, outputs: OUTPUTS, targets }, Ingredients::new(models).unwrap())
}

/// `--nocapture` prints the evaluated fraction of the samples of full evaluation, for all metrics,
/// methods and orders. The fraction after the slash leaves out the candidates that are taken, which
/// are always evaluated on all samples.
#[test]
fn early_stopping_skips_most_samples_of_a_grid() {
    for metric in Metric::ALL {
        for (problem, ingredients) in [false, true].map(grid) {
            let multilabel = matches!(problem.targets, Targets::Labels(_));
            let kind = if multilabel { TaskKind::Multilabel } else { TaskKind::Multiclass };
            if !metric.applies_to(kind) {
                continue;
            }
            for (name, method) in methods() {
                if metric == Metric::Auroc && name != "GoU" {
                    continue; // AUROC sorts a lot and skips next to nothing
                }
                let mut full = Linear::new(&problem, metric, 100, None);
                let expected = method.select(&ingredients, &mut full).unwrap();
                let taken = expected.decisions.iter().filter(|d| d.taken && d.before.is_some()).count();
                let whole = taken * problem.features.len();
                let share = |order| {
                    let mut early = Linear::new(&problem, metric, 100, Some(order));
                    assert_same(&expected, &method.select(&ingredients, &mut early).unwrap());
                    let of = |evaluated: usize, all: usize| evaluated as f64 / all as f64;
                    (of(early.evaluated, full.evaluated), of(early.evaluated - whole, full.evaluated - whole))
                };
                let [given, hardest] = [Order::Given, Order::HardestFirst].map(share);

                let say = |(all, refused): (f64, f64)| format!("{all:.2}/{refused:.2}");
                println!(
                    "{metric} {kind}, {name}: {:.4}, {taken} of {} taken; {} as given, {} hardest first",
                    expected.score,
                    full.calls,
                    say(given),
                    say(hardest)
                );
                if metric == Metric::Accuracy {
                    assert!(hardest.1 < 0.4, "{name}: {:.2} of the samples of refused candidates", hardest.1);
                    assert!(hardest.0 < 0.6 || name == "GoG", "{name}: {:.2} of all samples", hardest.0);
                }
            }
        }
    }
}

/// A scorer that rejects every candidate, even where `Accept` does not allow it.
struct Hasty;

impl Scorer for Hasty {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(f64::from(matches!(candidate.average(), Average::Mean(_))))
    }

    fn beats(&mut self, _: &Candidate<'_>, best: f64, _: Accept) -> Result<Verdict, ScoreError> {
        Ok(Verdict::Rejected { bound: best })
    }
}

/// The rule in so many words: the gain must be above its standard error.
#[test]
fn one_standard_error_is_asked_of_every_gain() {
    let (problem, ingredients) = grid(false);
    let [_, _, (_, strict), ..] = methods();
    let mut scorer = Linear::new(&problem, Metric::Accuracy, 100, None);
    let soup = strict.select(&ingredients, &mut scorer).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for decision in soup.decisions.iter().filter(|decision| decision.before.is_some()) {
        let gain = decision.tried.unwrap() - decision.before.unwrap();
        assert_eq!(decision.standard_error.is_some(), gain > 0.0);
        let above = decision.standard_error.is_some_and(|error| gain > error);
        assert_eq!(decision.taken, above, "{decision:?}");
        taken += usize::from(above);
        refused += usize::from(gain > 0.0 && !above);
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} gains within the error");
    // A closure has no standard errors.
    let mut closure = |weights: &StateDict| -> Result<f64, ScoreError> {
        Ok(f64::from(weights.get("fc.weight").and_then(|of| of.to_f32()).ok_or("none")?[0]))
    };
    let three = Ingredients::new(vec![model(0, 0, &[1.0]), model(1, 0, &[1.0])]).unwrap();
    assert!(strict.select(&three, &mut closure).is_ok(), "no gain, no question");
    let mut of_mean = |weights: &StateDict| -> Result<f64, ScoreError> {
        Ok(-(f64::from(weights.get("fc.weight").and_then(|of| of.to_f32()).ok_or("none")?[0]) - 2.0).abs())
    };
    let two = Ingredients::new(vec![model(0, 0, &[1.0]), model(1, 0, &[3.0])]).unwrap();
    let error = strict.select(&two, &mut of_mean).unwrap_err().to_string();
    assert!(error.contains("expected the standard error of its gain, which `one-se` asks for"), "{error}");
}

#[test]
fn a_bound_that_may_be_accepted_is_an_error() {
    let ingredients = Ingredients::new(vec![model(0, 0, &[0.0]), model(1, 0, &[1.0])]).unwrap();
    let [(_, greater), (_, at_least), ..] = methods();
    let soup = greater.select(&ingredients, &mut Hasty).unwrap();
    let last = &soup.decisions[1];
    assert_eq!((last.tried, last.at_most, last.taken), (None, Some(0.0), false));
    assert!(serde_json::to_string(last).unwrap().contains(r#""tried":null,"at_most":0.0,"taken":false"#));
    let first = r#"{"group":"","candidate":"m0","alone":0.0,"before":null,"tried":0.0,"taken":true}"#;
    assert_eq!(
        serde_json::to_string(&soup.decisions[0]).unwrap(),
        first,
        "without a bound, the field is absent"
    );
    // Records of older versions have the score under another name.
    for record in [first, &first.replace("tried", "with")] {
        assert_eq!(serde_json::from_str::<ff_soup::Decision>(record).unwrap(), soup.decisions[0]);
    }
    let error = at_least.select(&ingredients, &mut Hasty).unwrap_err().to_string();
    assert!(error.contains("evaluation stopped at an upper bound of 0"), "{error}");
}
