//! Candidates of a selection: early stopping of their evaluations, and recomputed statistics.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_data::datasets::PhantomConfig;
use ff_data::{Dataset, DatasetConfig, FileHashes, OnBadImage, PhantomKind, Target};
use ff_eval::Metric;
use ff_grid::run::{cross_fit, folds, outside};
use ff_grid::{Catalog, DataSource, EvalSplit, ModelPredictor, SplitRule, ValidationScorer};
use ff_models::{Architecture, Mode, Model, Precision, Spec};
use ff_soup::{
    Accept, Average, Candidate, Hierarchy, Ingredient, Ingredients, Policy, Pruned, ScoreError, Scorer,
    Selector, Soup,
};
use ff_train::{EvalSet, Optimizer, OptimizerConfig, Recalibration};
use tch::{Device, Tensor};

/// The same scorer without early stopping.
struct Whole<'a>(ValidationScorer<ModelPredictor<'a>>);

impl Scorer for Whole<'_> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        self.0.score(candidate)
    }

    fn standard_error(&mut self, tried: &Average, before: &Average) -> Result<Option<f64>, ScoreError> {
        self.0.standard_error(tried, before)
    }
}

/// A greedy soup by the rule of one standard error.
fn strict() -> Hierarchy {
    Hierarchy { policies: vec![Policy::Greedy { accept: Accept::OneSe }], ..Hierarchy::greedy() }
}

fn spec(precision: Precision) -> Spec {
    Spec { image_size: 16, precision, ..Spec::new(Architecture::RESNET_PICO, 6) }
}

const IMAGES: usize = 256;

/// Trains a network on the images for a few steps, so that it classifies most of them.
fn trained(dataset: &dyn Dataset) -> StateDict {
    let model = Model::new(&spec(Precision::Fp32), Device::Cpu, 5).unwrap();
    let adamw = OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 };
    let mut optimizer = Optimizer::new(&adamw, model.parameters().trainable());
    for step in 0..60 {
        let rows: Vec<usize> = (0..64).map(|i| 6 + (step * 64 + i) % IMAGES).collect();
        let pixels: Vec<u8> = rows.iter().flat_map(|&row| dataset.image(row).unwrap().data).collect();
        let classes: Vec<i64> = rows.iter().map(|&row| class(dataset, row)).collect();
        let images = Tensor::from_slice(&pixels).view([-1, 16, 16, 3]);
        let logits = model.forward(&images, Mode::Train { seed: 0 });
        optimizer.step(&logits.cross_entropy_for_logits(&Tensor::from_slice(&classes)), 1e-2);
    }
    StateDict::from_tensors(model.state_dict())
}

fn class(dataset: &dyn Dataset, row: usize) -> i64 {
    match dataset.samples()[row].target {
        Target::Class(class) => class as i64,
        Target::Labels(_) => unreachable!("shapes are classes"),
    }
}

/// Makes models of four groups around `base`; later groups are further away.
fn models(base: &StateDict) -> Ingredients {
    let mut models = Vec::new();
    for group in 0..4u64 {
        for member in 0..4 {
            let other = Model::new(&spec(Precision::Fp32), Device::Cpu, 100 + group * 10 + member)
                .unwrap()
                .state_dict();
            let other = StateDict::from_tensors(other);
            let share = 0.02 + 0.12 * group as f32;
            let tensors = base.iter().map(|(name, tensor)| {
                let tensor = match (tensor.to_f32(), other.get(name).and_then(|tensor| tensor.to_f32())) {
                    // Running statistics stay, since a negative variance has no root.
                    (Some(a), Some(b)) if !name.contains("running") => {
                        let moved: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + share * b).collect();
                        OwnedTensor::f32(tensor.shape.to_vec(), &moved)
                    }
                    _ => tensor.to_owned(),
                };
                (name.to_owned(), tensor)
            });
            let weights = StateDict::from_tensors(tensors.collect());
            let fields = BTreeMap::from([("group".to_owned(), group.to_string())]);
            models.push(Ingredient { id: format!("{group}.{member}"), weights, fields });
        }
    }
    Ingredients::new(models).unwrap()
}

fn dataset() -> Arc<dyn Dataset> {
    let source = DatasetConfig::Phantom(PhantomConfig {
        task: PhantomKind::Shapes,
        image_size: 16,
        train: 6,
        val: IMAGES,
        test: 6,
        seed: 1,
        ..PhantomConfig::default()
    });
    source.open(Path::new(""), &FileHashes::none()).unwrap()
}

#[test]
fn early_stopping_does_not_change_the_soup() {
    let dataset = dataset();
    let models = models(&trained(dataset.as_ref()));
    let indices: Arc<[usize]> = (6..6 + IMAGES).collect();
    let validation = EvalSet::new(dataset, indices, 16, 0, OnBadImage::Error);
    let (mut images, mut of_whole) = (0, 0);
    for (precision, metric) in [
        (Precision::Fp32, Metric::Accuracy),
        (Precision::Fp32, Metric::MacroF1),
        (Precision::Fp32, Metric::MacroRecall),
        (Precision::Fp32, Metric::QuadraticKappa),
        (Precision::Fp32, Metric::Auroc),
        (Precision::Fp32, Metric::LogLoss),
        // Logits differ so much between batch sizes that nearly every candidate has uncertain
        // images.
        (Precision::Bf16, Metric::Accuracy),
    ] {
        for method in [
            Hierarchy::greedy(),
            Hierarchy::greedy_of_uniform("group"),
            Hierarchy::greedy_of_greedy("group"),
            strict(),
        ] {
            let scorer = || {
                let model = Model::new(&spec(precision), Device::Cpu, 0).unwrap();
                ValidationScorer::new(ModelPredictor::new(model, &validation), metric, HashMap::new())
            };
            let mut whole = Whole(scorer());
            let expected = method.select(&models, &mut whole).unwrap();
            let mut early = scorer();
            let found = method.select(&models, &mut early).unwrap();
            assert_eq!(
                (&found.average, found.score.to_bits()),
                (&expected.average, expected.score.to_bits())
            );
            assert_eq!(taken(&found), taken(&expected));
            assert_eq!(early.evaluations(), whole.0.evaluations());
            // By the log loss, a candidate that is taken is evaluated again in whole.
            if precision == Precision::Fp32 && ![Metric::Auroc, Metric::LogLoss].contains(&metric) {
                assert!(early.images() <= whole.0.images(), "no image is evaluated twice");
                images += early.images();
                of_whole += whole.0.images();
            }
            for (found, expected) in found.decisions.iter().zip(&expected.decisions) {
                let Some(bound) = found.at_most else {
                    assert_eq!(found.tried, expected.tried);
                    continue;
                };
                assert!(found.tried.is_none() && bound >= expected.tried.unwrap(), "{found:?} {expected:?}");
                assert_eq!(found.standard_error, None, "a bound refuses it whatever the standard error is");
            }
        }
    }
    println!("{images} of {of_whole} images");
    assert!(images < of_whole, "{images} of {of_whole}: some candidate stops early");
}

/// Returns, for each candidate, if it was taken.
fn taken(soup: &Soup) -> Vec<bool> {
    soup.decisions.iter().map(|decision| decision.taken).collect()
}

/// What is kept of one selection is used in another, and changes none.
#[test]
fn cross_fitting_chooses_as_a_selection_on_the_other_images_would() {
    let dataset = dataset();
    let models = models(&trained(dataset.as_ref()));
    let indices: Arc<[usize]> = (6..6 + IMAGES).collect();
    let validation = EvalSet::new(dataset, indices, 16, 0, OnBadImage::Error);
    let (mut kept, mut without) = (0, 0);
    for metric in [Metric::Accuracy, Metric::LogLoss, Metric::Auroc] {
        let pruned = Pruned { accept: Accept::OneSe };
        for method in [&Hierarchy::greedy() as &dyn Selector, &strict(), &pruned] {
            let scorer = || {
                let model = Model::new(&spec(Precision::Fp32), Device::Cpu, 0).unwrap();
                ValidationScorer::new(ModelPredictor::new(model, &validation), metric, HashMap::new())
            };
            let mut early = scorer().for_parts();
            let soup = method.select(&models, &mut early).unwrap();
            let found = early.predictions(&soup.average, || models.weights(&soup.average)).unwrap();
            let folds = folds(&found, metric, 3).unwrap();
            let found = cross_fit(method, &models, &mut early, &folds, |_, _| Ok(())).unwrap();
            kept += early.evaluations();
            for (fold, soup) in found.soups.iter().enumerate() {
                let mut whole = Whole(scorer());
                whole.0.score_on(Some(outside(&folds, fold)));
                let expected = method.select(&models, &mut whole).unwrap();
                assert_eq!(
                    (&soup.average, soup.score.to_bits()),
                    (&expected.average, expected.score.to_bits())
                );
                assert_eq!(taken(soup), taken(&expected));
                without += whole.0.evaluations();
                let of = whole.0.predict(&models.weights(&soup.average).unwrap(), &soup.average).unwrap();
                for row in folds.samples(fold) {
                    assert_eq!(found.predictions.row(row), of.row(row), "{metric}: image {row}");
                }
            }
            let whole = method.select(&models, &mut early).unwrap();
            assert_eq!(whole.average, soup.average, "afterwards it scores on all images again");
        }
    }
    println!("{kept} evaluations, {without} without what is kept");
    assert!(kept < without);
}

#[test]
fn recomputed_statistics_are_those_of_a_fresh_pass() {
    let source = PhantomConfig { image_size: 16, train: 30, val: 12, seed: 1, ..PhantomConfig::default() };
    let source = DatasetConfig::Phantom(source);
    let catalog = Catalog::new(Path::new(""), None, 0, OnBadImage::Error, 0);
    let source = DataSource { source, split: Some(SplitRule::Official {}), shrink_px: None };
    let data = catalog.open(&source).unwrap();
    let validation = catalog.eval_set(&data, EvalSplit::Validation, 16);
    let model = |seed| Model::new(&spec(Precision::Fp32), Device::Cpu, seed).unwrap();
    let models = models(&StateDict::from_tensors(model(5).state_dict()));
    let scorer = ModelPredictor::new(model(0), &validation).recalibrated_on(catalog.recalibration(
        &data,
        16,
        8,
        Some(20),
    ));
    let mut scorer = ValidationScorer::new(scorer, Metric::Accuracy, HashMap::new());
    let one = |id: &str| Average::Ingredient(id.to_owned());
    // The first candidate decodes the images; the others find them in memory.
    for [a, b] in [["0.0", "3.1"], ["1.0", "2.1"], ["0.0", "3.1"]] {
        let average = Average::mean(vec![one(a), one(b)]);
        let weights = models.weights(&average).unwrap();
        let found = scorer.predict(&weights, &average).unwrap();
        let mut fresh = model(0);
        fresh.load_strict(&weights).unwrap();
        let sample = Recalibration::sample(&data.splits.train, 20);
        Recalibration::new(data.dataset.clone(), sample, 16, 8, 0, OnBadImage::Error).run(&fresh).unwrap();
        assert_eq!(found, validation.predict(&fresh, None).unwrap(), "{a} and {b}");
        assert!(scorer.predictor.weights().iter().eq(StateDict::from_tensors(fresh.state_dict()).iter()));
    }
    // A single model keeps its own statistics.
    let weights = models.weights(&one("0.0")).unwrap();
    scorer.predict(&weights, &one("0.0")).unwrap();
    assert!(scorer.predictor.weights().iter().eq(weights.iter()));
}
