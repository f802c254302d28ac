//! `ff-soup average`, `bench` and `verify`: averages of files of weights.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use ff_checkpoint::{Digest, StateDict, cores, is_index_name, is_weights_name, on_threads};
use ff_soup::{Ingredients, verify};
use serde_json::json;

use crate::merge::{MergeOptions, open};
use crate::output::{print, print_json};
use crate::output_file::check_output;

/// Writes the average of all files, with equal weights.
pub fn average(files: &[PathBuf], output: &Path) -> anyhow::Result<()> {
    check_output(output, files.iter().map(PathBuf::as_path))?;
    Ok(open(files, None)?.average()?.save(output)?)
}

/// Measures and prints how long merging takes, in total and by step.
pub fn bench(options: &MergeOptions, as_json: bool) -> anyhow::Result<()> {
    let start = Instant::now();
    let ingredients = options.open()?;
    let opened = start.elapsed().as_secs_f64();
    let merged = options.merge(&ingredients)?;
    let averaged = start.elapsed().as_secs_f64();
    merged.save(&options.output)?;
    let saved = start.elapsed().as_secs_f64();
    let (bytes, read) = read(&ingredients);
    if as_json {
        return print_json(
            &json!({"models": ingredients.len(), "bytes": bytes, "seconds": saved, "open_s": opened,
            "mean_s": averaged - opened, "save_s": saved - averaged, "read_s": read}),
        );
    }
    print(&format!(
        "{} files, {:.2} GB: {saved:.3} s (open and check {opened:.3} s, merge {:.3} s, write {:.3} s); \
         reading the bytes alone takes {read:.3} s\n",
        ingredients.len(),
        bytes as f64 / 1e9,
        averaged - opened,
        saved - averaged,
    ))
}

/// Returns the number of bytes of all tensors, and the seconds that one pass over them takes.
///
/// The pass sums the mapped bytes on every core: a lower bound for an average.
fn read(ingredients: &Ingredients) -> (usize, f64) {
    let start = Instant::now();
    let tensors = ingredients.iter().flat_map(|one| one.weights.iter());
    let blocks: Vec<_> = tensors.flat_map(|(_, tensor)| tensor.data.chunks(1 << 20)).collect();
    let bytes = blocks.iter().map(|block| block.len()).sum();
    on_threads(cores(), blocks, |block| {
        let words = block.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word));
        black_box(words.fold(0u64, u64::wrapping_add));
    });
    (bytes, start.elapsed().as_secs_f64())
}

/// Checks that a soup is bit for bit the average that its provenance states, and prints the result.
pub fn check(soup: &Path, places: &[PathBuf]) -> anyhow::Result<()> {
    let opened = StateDict::open(soup)?;
    let wanted: Vec<_> = opened.provenance()?.parents.iter().map(|parent| parent.digest).collect();
    let mut files = Vec::new();
    for place in places {
        collect(place, &wanted, &mut files)?;
    }
    let recomputed = verify(&opened, &files, &[]).map_err(|error| anyhow!("{}: {error}", soup.display()))?;
    let but = match recomputed.len() {
        0 => String::new(),
        number => {
            let (some, more) = (recomputed[..number.min(3)].join(", "), if number > 3 { ", …" } else { "" });
            format!(", except for {number} tensors that were recomputed afterwards ({some}{more})")
        }
    };
    print(&format!(
        "{}: equals the average of its {} ingredient(s) bit for bit{but} (digest {})\n",
        soup.display(),
        wanted.len(),
        opened.digest()
    ))
}

/// Opens those files in a place whose digests are wanted. Other files, damaged ones included, are
/// ignored.
fn collect(place: &Path, wanted: &[Digest], files: &mut Vec<StateDict>) -> anyhow::Result<()> {
    if place.is_dir() {
        let entries = std::fs::read_dir(place).with_context(|| place.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() || is_weights_name(&path) || is_index_name(&path) {
                collect(&path, wanted, files)?;
            }
        }
    } else if let Ok(file) = StateDict::open(place)
        && wanted.contains(file.digest())
    {
        files.push(file);
    }
    Ok(())
}
