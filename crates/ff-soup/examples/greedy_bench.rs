//! Measures the merges of a greedy selection whose scores are given.
//!
//!     cargo run --release -p ff-soup --example greedy_bench -- OUTPUT FILES…
//!
//! The files are in the order of their scores, and every second one after the first is kept. The
//! weights of each candidate are computed, as for an evaluation. `xtask/peers/merging.py` does the
//! same as AutoGluon (`greedy`) and model-soups (`greedy-running`) do.

use std::hint::black_box;
use std::time::Instant;

use ff_soup::serde_json::json;
use ff_soup::{Candidate, Hierarchy, Ingredients, ScoreError, Scorer, Selector};

/// Scores by the places of the files.
struct Given<'a>(&'a [String]);

impl Scorer for Given<'_> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        let shares = candidate.average().shares();
        let (last, _) = *shares.last().ok_or("no file")?;
        let place = self.0.iter().position(|file| file == last).ok_or("no such file")?;
        if shares.len() == 1 {
            return Ok(-(place as f64));
        }
        black_box(candidate.weights()?);
        Ok(if place % 2 == 0 { shares.len() as f64 } else { f64::MIN })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (output, files) = arguments.split_first().ok_or("expected OUTPUT FILES…, found nothing")?;

    let start = Instant::now();
    let models = Ingredients::open(files)?;
    let soup = Hierarchy::greedy().select(&models, &mut Given(files))?;
    models.build(&soup.average)?.save(output)?;
    let seconds = start.elapsed().as_secs_f64();
    let kept = soup.average.shares().len();
    println!("{}", json!({"models": models.len(), "kept": kept, "seconds": seconds}));
    Ok(())
}
