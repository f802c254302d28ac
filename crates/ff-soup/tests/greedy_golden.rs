//! Greedy soups compared with AutoGluon's and with the rule of model-soups
//! (tests/golden/greedy/make.py).

mod golden;

use std::collections::BTreeMap;

use ff_soup::{Accept, Hierarchy, Ingredient, Ingredients, Policy, ScoreError, Selector, StateDict};

const MODELS: usize = 10;

fn model(file: &StateDict, at: usize) -> Ingredient {
    let weights = golden::part(file, &format!("model/{at}/"));
    Ingredient { id: at.to_string(), weights, fields: BTreeMap::new() }
}

fn floats(weights: &StateDict, name: &str) -> Vec<f64> {
    weights.get(name).unwrap_or_else(|| panic!("no {name}")).to_f64().unwrap()
}

/// Minus the squared distance from the target, rounded.
fn score(weights: &StateDict, target: &StateDict) -> f64 {
    let squares = |name: &str| -> f64 {
        floats(weights, name).iter().zip(floats(target, name)).map(|(w, t)| (w - t).powi(2)).sum()
    };
    -target.iter().map(|(name, _)| squares(name)).sum::<f64>().round()
}

#[test]
fn picks_and_weights_are_those_of_the_peers() {
    let file = golden::open("greedy");
    let target = golden::part(&file, "target/");
    // Of equal scores model-soups tries the last first.
    let order: Vec<usize> = (0..MODELS).collect();
    let reversed = order.iter().rev().copied().collect();
    for (peer, accept, order) in
        [("autogluon", Accept::AtLeast, order), ("model-soups", Accept::Greater, reversed)]
    {
        let models = Ingredients::new(order.into_iter().map(|at| model(&file, at)).collect()).unwrap();
        let greedy = Hierarchy { levels: vec![], policies: vec![Policy::Greedy { accept }] };
        let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> { Ok(score(weights, &target)) };
        let soup = greedy.select(&models, &mut scorer).unwrap();
        let picks: Vec<i64> = soup.average.shares().iter().map(|(id, _)| id.parse().unwrap()).collect();
        assert_eq!(picks, file.get(&format!("{peer}/picks")).unwrap().to_i64().unwrap(), "{peer}");

        let weights = models.weights(&soup.average).unwrap();
        let expected = golden::part(&file, &format!("{peer}/soup/"));
        // Integers are not compared: peers average them.
        for name in target.names() {
            let (found, expected) = (floats(&weights, name), floats(&expected, name));
            assert_eq!(found.len(), expected.len());
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let close = (found - expected).abs() < 1e-6;
                assert!(close, "{peer}, element {at} of {name}: expected {expected}, found {found}");
            }
        }
    }
}
