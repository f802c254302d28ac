//! Lists of predictions, and of their scores on resamples.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ff_eval::{Metric, Replicates};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::quantity::Quantity;

/// A model on a set of images.
#[derive(Clone, PartialEq)]
pub struct Head {
    pub dataset: String,
    pub network: String,
    pub seed: Seed,
    pub method: String,
    /// `test`, or the name of other images.
    pub on: String,
    /// The dataset's own.
    pub metric: Metric,
    pub marks: String,
}

/// The seed of a model.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Seed {
    Named(String),
    /// Of a file that names none: its position on the command line.
    File(usize),
}

/// Where the scores of a model come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file of predictions.
    Predictions(PathBuf),
    /// A model of a file that was kept: its position in it.
    Kept(PathBuf, usize),
}

/// Scores that are known; `None` if they are undefined on all samples.
pub type Scores = HashMap<(Source, Quantity), Option<Replicates>>;

/// A line of a file, of either kind.
#[derive(Serialize, Deserialize)]
struct Line {
    dataset: String,
    network: String,
    seed: Option<String>,
    method: String,
    on: String,
    metric: Metric,
    #[serde(default)]
    marks: String,
    #[serde(default, skip_serializing)]
    predictions: Option<PathBuf>,
    /// The quantity that the value is of.
    #[serde(default)]
    of: String,
    #[serde(default)]
    value: Option<f64>,
    /// The values on resamples with four decimals, with blanks between.
    #[serde(default)]
    resampled: String,
}

/// Whether a file has scores, by its name.
fn is_kept(path: &Path) -> bool {
    path.extension().is_some_and(|of| of == "gz")
}

/// Checks the name of a file to keep scores in.
pub fn check_name(path: &Path) -> anyhow::Result<()> {
    ensure!(is_kept(path), "--keep: expected a name that ends in .csv.gz, found {}", path.display());
    Ok(())
}

/// Reads the file at position `at` of the command line, and adds the scores that it has.
pub fn read(at: usize, path: &Path, known: &mut Scores) -> anyhow::Result<Vec<(Head, Source)>> {
    let place = || path.display().to_string();
    let file = File::open(path).with_context(place)?;
    let file: Box<dyn Read> =
        if is_kept(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = csv::Reader::from_reader(file);
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found: Vec<(Head, Source)> = Vec::new();
    for line in reader.deserialize() {
        let line: Line = line.with_context(place)?;
        let seed = line.seed.filter(|seed| !seed.is_empty()).map_or(Seed::File(at), Seed::Named);
        let Line { dataset, network, method, on, metric, marks, .. } = line;
        let head = Head { dataset, network, seed, method, on, metric, marks };
        if let Some(predictions) = line.predictions {
            found.push((head, Source::Predictions(folder.join(predictions))));
            continue;
        }
        let of: Quantity = line.of.parse().map_err(anyhow::Error::msg).with_context(place)?;
        let resampled = line.resampled.split_whitespace().map(str::parse).collect::<Result<_, _>>();
        let resampled: Vec<f64> = resampled.with_context(place)?;
        if found.last().is_none_or(|(last, _)| *last != head) {
            found.push((head, Source::Kept(path.to_owned(), found.len())));
        }
        let source = Source::Kept(path.to_owned(), found.len() - 1);
        known.insert((source, of), line.value.map(|value| Replicates::new(value, resampled)));
    }
    Ok(found)
}

/// Writes scores as a file that [`read`] reads: CSV, compressed.
pub fn keep(path: &Path, scores: &[(Head, Quantity, Option<Replicates>)]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(GzEncoder::new(Vec::new(), flate2::Compression::best()));
    for (head, of, scores) in scores {
        let Head { dataset, network, seed, method, on, metric, marks } = head.clone();
        let resampled = scores.as_ref().map_or(&[][..], Replicates::resampled);
        let resampled = resampled.iter().map(|value| format!("{value:.4}")).join(" ");
        let seed = if let Seed::Named(seed) = seed { Some(seed) } else { None };
        let (predictions, of, value) = (None, of.to_string(), scores.as_ref().map(|of| of.value));
        let line =
            Line { dataset, network, seed, method, on, metric, marks, predictions, of, value, resampled };
        writer.serialize(line)?;
    }
    let bytes = writer.into_inner().context("the scores cannot be written")?.finish()?;
    ff_checkpoint::write_atomic(path, |file| std::io::Write::write_all(file, &bytes))?;
    Ok(())
}
