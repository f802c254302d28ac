//! Selects a greedy soup of linear models, with a closure as the scorer.
//!
//!     cargo run -p ff-soup --example greedy
//!
//! The models predict y = 2·a − b from (a, b); their files are made in a temporary folder.

use ff_soup::{Hierarchy, Ingredients, OwnedTensor, ScoreError, Selector, StateDict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut paths = Vec::new();
    for (number, values) in [[2.5, -1.0], [1.5, -1.0], [2.0, 3.0], [2.0, -1.5]].iter().enumerate() {
        let path = folder.path().join(format!("{number}.safetensors"));
        let tensors = [("fc.weight".to_owned(), OwnedTensor::f32([2], values))];
        StateDict::from_tensors(tensors.into()).save(&path, None)?;
        paths.push(path);
    }

    let validation = [([1.0, 0.0], 2.0), ([0.0, 1.0], -1.0), ([1.0, 1.0], 1.0)];
    let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> {
        let weight = weights.get("fc.weight").and_then(|tensor| tensor.to_f64()).ok_or("no fc.weight")?;
        let error = |([a, b], y): ([f64; 2], f64)| (weight[0] * a + weight[1] * b - y).powi(2);
        Ok(-validation.into_iter().map(error).sum::<f64>() / validation.len() as f64)
    };

    let models = Ingredients::open(&paths)?;
    let soup = Hierarchy::greedy().select(&models, &mut scorer)?;
    for decision in &soup.decisions {
        let verdict = if decision.taken { "taken" } else { "left out" };
        println!(
            "{verdict}: {} (alone {:.3?}, in the soup {:.3?})",
            decision.candidate, decision.alone, decision.tried
        );
    }

    let output = folder.path().join("soup.safetensors");
    models.build(&soup.average)?.save(&output)?;
    println!("the soup of {} models scores {:.3}", soup.average.shares().len(), soup.score);
    Ok(())
}
