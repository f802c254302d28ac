//! Choices among many models on few validation images: what validation scores, cross-fitted scores and
//! the rule of one standard error say where no model is better, and where one is.

#[path = "../examples/choosing/simulation.rs"]
mod simulation;

use ff_soup::Accept;
use simulation::{Outcome, Setting, draw};

const DRAWS: u64 = 100;

fn setting(accept: Accept, worth: f64) -> Setting {
    Setting { val: 200, test: 2000, models: 48, worth, accept, folds: 3 }
}

fn draws(accept: Accept, worth: f64) -> Vec<Outcome> {
    (0..DRAWS).map(|seed| draw(&setting(accept, worth), seed).unwrap()).collect()
}

fn mean(draws: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    draws.iter().map(of).sum::<f64>() / draws.len() as f64
}

/// Points of accuracy: the soup's on validation, cross-fitted and on test, each less the single model's.
fn gains(draws: &[Outcome]) -> [f64; 3] {
    [0, 1, 2].map(|kind| 100.0 * mean(draws, |of| of.soup[kind] - of.single[kind]))
}

#[test]
fn among_equal_models_greedy_gains_on_validation_only_and_cross_fitting_tells() {
    let [plain, strict] = [Accept::Greater, Accept::OneSe].map(|accept| draws(accept, 0.0));
    let [validation, fitted, test] = gains(&plain);
    println!("greater: {validation:.2} on validation, {fitted:.2} cross-fitted, {test:.2} on test");
    assert!(validation > 1.0, "greedy seems to gain {validation:.2} points");
    assert!(test.abs() < 0.25, "it gains nothing: {test:.2}");
    assert!(fitted.abs() < 0.5, "cross-fitting says so: {fitted:.2}");
    let optimism = |draws: &[Outcome]| 100.0 * mean(draws, |of| of.soup[0] - of.soup[1]);
    let true_optimism = 100.0 * mean(&plain, |of| of.soup[0] - of.soup[2]);
    println!("optimism {:.2}, against test {true_optimism:.2}", optimism(&plain));
    assert!((optimism(&plain) - true_optimism).abs() < 0.8);

    let [validation, _, test] = gains(&strict);
    println!("one-se: {validation:.2} on validation, {test:.2} on test");
    assert!(validation < 0.6 && test.abs() < 0.25, "one-se refuses most of it: {validation:.2}");
    let took = |draws: &[Outcome]| mean(draws, |of| f64::from(u8::from(of.size > 1)));
    println!("a soup in {:.2} and {:.2} of the draws", took(&plain), took(&strict));
    assert!(took(&plain) > 0.8 && took(&strict) < 0.3);
}

#[test]
fn a_model_of_worth_is_taken() {
    // With 0.2 it is 5.1 points better than the others: two standard errors, on 200 images, of the
    // difference from one of them.
    let [plain, strict] = [Accept::Greater, Accept::OneSe].map(|accept| {
        let draws = draws(accept, 0.2);
        let [validation, fitted, test] =
            [0, 1, 2].map(|kind| 100.0 * mean(&draws, |of| of.soup[kind]) - 80.0);
        let taken = mean(&draws, |of| f64::from(u8::from(of.has_last)));
        println!("{accept:?}: {validation:.2} on validation, {fitted:.2} cross-fitted, {test:.2} on test");
        println!("taken in {taken:.2} of the draws");
        assert!(
            test > 2.5 && fitted > 1.5,
            "it is better, and cross-fitting shows it: {test:.2}, {fitted:.2}"
        );
        taken
    });
    assert!(plain > 0.8 && strict > 0.6, "taken in most draws: {plain:.2}, {strict:.2}");
}

#[test]
fn cross_fitting_costs_at_most_about_three_selections() {
    // The greedy selection alone evaluates 47 soups on all images, if none ends early.
    let found = draws(Accept::Greater, 0.0);
    let whole = 47.0 * 200.0;
    let images = mean(&found, |of| (of.cost[0][1] + of.cost[1][1]) as f64);
    let [plain, fitted] = [0, 1].map(|part| mean(&found, |of| of.cost[part][0] as f64));
    println!(
        "{:.2} of the images, {:.2} times as many sets of weights",
        images / whole,
        1.0 + fitted / plain
    );
    assert!(images < whole && fitted < 3.0 * plain);
}
