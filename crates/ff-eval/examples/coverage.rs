//! Prints how often 95 % intervals miss the truth on simulated patients, as a Markdown table:
//! `cargo run --release -p ff-eval --example coverage [-- RUNS]`, 2,000 runs of 1,000 resamples by
//! default.

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use simulation::{Design, INTERVALS, misses};

const RESAMPLES: usize = 1000;

fn main() {
    let runs = std::env::args().nth(1).map_or(2000, |runs| runs.parse().expect("a number of runs"));
    println!(
        "Misses of 95 % intervals in {runs} runs, in percent: images taken for independent → patients as groups\n"
    );
    println!("| patients | images each | {} |\n|---:|---:|---:|---:|---:|", INTERVALS.join(" | "));
    for patients in [10, 20, 30, 50, 100, 200] {
        for images in [1, 2, 4, 8] {
            let [ignored, used] = misses(Design { patients, images }, RESAMPLES, runs);
            let percent =
                |(ignored, used): (f64, f64)| format!("{:.1} → {:.1}", 100.0 * ignored, 100.0 * used);
            let rates = ignored.iter().zip(&used).map(|(ignored, used)| (ignored.rate(), used.rate()));
            println!("| {patients} | {images} | {} |", rates.map(percent).collect::<Vec<_>>().join(" | "));
        }
    }
}
