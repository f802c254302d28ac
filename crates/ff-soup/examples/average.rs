//! Times the uniform soup of files as `ff-soup average` makes it, against reading the same bytes:
//! `cargo run --release -p ff-soup --example average -- OUTPUT FILES…`.
//!
//! Prints one line of JSON. The files should lie in the page cache: run it twice.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use ff_checkpoint::{StateDict, cores, on_threads};
use ff_soup::{Ingredient, Ingredients, Mix};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let output = arguments.next().ok_or("usage: average OUTPUT FILES…")?;
    let files: Vec<PathBuf> = arguments.collect();
    let bytes = files.iter().map(|file| Ok(file.metadata()?.len())).sum::<std::io::Result<u64>>()?;

    let start = Instant::now();
    let weights = StateDict::open_all(&files)?;
    let opened = start.elapsed();
    let ingredient = |(path, weights): (&PathBuf, StateDict)| Ingredient {
        id: path.display().to_string(),
        weights,
        fields: Default::default(),
    };
    let ingredients = Ingredients::new(files.iter().zip(weights).map(ingredient).collect())?;
    let mix = Mix::mean(ingredients.iter().map(|one| Mix::Ingredient(one.id.clone())).collect());
    let soup = ingredients.weights(&mix)?;
    let averaged = start.elapsed();
    let provenance = ingredients.provenance(&mix, Default::default(), None, env!("CARGO_PKG_VERSION"))?;
    soup.save(&output, Some(&provenance))?;
    let saved = start.elapsed();
    let own_memory = status("RssAnon")?;
    let read = read_seconds(&ingredients);
    println!(
        "{}",
        json!({
            "models": files.len(),
            "bytes": bytes,
            "open_s": opened.as_secs_f64(),
            "mean_s": (averaged - opened).as_secs_f64(),
            "save_s": (saved - averaged).as_secs_f64(),
            "seconds": saved.as_secs_f64(),
            "gb_per_s": bytes as f64 / averaged.as_secs_f64() / 1e9,
            "read_gb_per_s": bytes as f64 / read / 1e9,
            "share_of_read": read / averaged.as_secs_f64(),
            "own_memory_mb": own_memory / 1000,
            "peak_memory_mb": status("VmHWM")? / 1000,
        })
    );
    Ok(())
}

/// The least a pass over all weights can take: 64-bit sums of the mapped bytes, on every core.
fn read_seconds(ingredients: &Ingredients) -> f64 {
    let start = Instant::now();
    let blocks = ingredients
        .iter()
        .flat_map(|one| one.weights.iter())
        .flat_map(|(_, tensor)| tensor.data.chunks(1 << 20));
    on_threads(cores(), blocks.collect(), |block| {
        black_box(
            block.as_chunks().0.iter().fold(0u64, |sum, &word| sum.wrapping_add(u64::from_le_bytes(word))),
        );
    });
    start.elapsed().as_secs_f64()
}

/// Kilobytes that a line of this process's status says.
fn status(field: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(field)).ok_or("no such field")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
