//! The predictions of methods, by dataset, network and seed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ff_eval::{Metric, Replicates};
use itertools::Itertools;
use serde::Deserialize;

use crate::prediction_file::PredictionFile;

/// A line of a list.
#[derive(Clone, Deserialize)]
struct Line {
    dataset: String,
    network: String,
    seed: Option<String>,
    method: String,
    on: String,
    metric: Metric,
    #[serde(default)]
    marks: String,
    predictions: PathBuf,
}

/// What is compared with the baseline.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    pub method: &'a str,
    /// `None`: the mean over networks.
    pub network: Option<&'a str>,
    /// `test` or `shifted`.
    pub on: &'static str,
    /// `None`: the dataset's own.
    pub metric: Option<Metric>,
}

/// All lines, and the replicates that have been computed.
pub struct Cells {
    lines: Vec<Line>,
    known: HashMap<(PathBuf, Metric), Option<Replicates>>,
}

impl Cells {
    /// Reads lists. A row that is marked is also a method of the name of its mark.
    pub fn read(lists: &[PathBuf], baseline: &str) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        for (at, list) in lists.iter().enumerate() {
            let place = || list.display().to_string();
            let mut reader = csv::Reader::from_path(list).with_context(place)?;
            let folder = list.parent().unwrap_or(Path::new(""));
            for line in reader.deserialize() {
                let line: Line = line.with_context(place)?;
                let seed = line.seed.filter(|seed| !seed.is_empty()).unwrap_or_else(|| format!("list {at}"));
                let line = Line { seed: Some(seed), predictions: folder.join(line.predictions), ..line };
                let marked = line.marks.split_whitespace();
                let marked =
                    marked.map(|mark| Line { method: mark.to_owned(), ..line.clone() }).collect_vec();
                lines.push(line);
                lines.extend(marked);
            }
        }
        let same = |line: &Line| {
            let Line { dataset, network, seed, method, on, .. } = line;
            (dataset.clone(), network.clone(), seed.clone(), method.clone(), on.clone())
        };
        if let Some(line) = lines.iter().duplicates_by(|line| same(line)).next() {
            let Line { dataset, network, method, on, .. } = line;
            bail!(
                "expected one line for {method} of {network} on {dataset}, {on}, found two with the same seed"
            );
        }
        if !lines.iter().any(|line| line.method == baseline) {
            let known = lines.iter().map(|line| line.method.as_str()).unique().join(", ");
            bail!("--baseline: expected one of the methods of the lists ({known}), found {baseline}");
        }
        Ok(Self { lines, known: HashMap::new() })
    }

    /// All methods, in the order of the lists.
    pub fn methods(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.method.clone()).unique().collect()
    }

    /// All networks, in the order of the lists.
    pub fn networks(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.network.clone()).unique().collect()
    }

    /// All datasets, in the order of the lists.
    pub fn datasets(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.dataset.clone()).unique().collect()
    }

    /// The scores of the baseline and of a method for each seed that has both: the mean over networks
    /// and, of shifted images, over their sources.
    pub fn of_seeds(
        &mut self,
        dataset: &str,
        of: Of<'_>,
        baseline: &str,
        resampling: (usize, u64),
    ) -> anyhow::Result<Vec<(Replicates, Replicates)>> {
        let here = |line: &&Line| {
            line.dataset == dataset
                && of.network.is_none_or(|network| line.network == network)
                && (of.on == "test") == (line.on == "test")
        };
        let of_method = |method: &str| {
            let lines = self.lines.iter().filter(here).filter(|line| line.method == method);
            lines.cloned().into_group_map_by(|line| line.seed.clone())
        };
        let (theirs, mut ours) = (of_method(baseline), of_method(of.method));
        let mut seeds = Vec::new();
        for (seed, theirs) in theirs.into_iter().sorted_by(|(one, _), (other, _)| one.cmp(other)) {
            let Some(ours) = ours.remove(&seed) else { continue };
            let where_of = |line: &Line| (line.network.clone(), line.on.clone());
            if theirs.iter().map(where_of).sorted().ne(ours.iter().map(where_of).sorted()) {
                continue;
            }
            let mut mean = |lines: Vec<Line>| -> anyhow::Result<Option<Replicates>> {
                let all = lines.iter().map(|line| self.replicates(line, of.metric, resampling));
                let all: Option<Vec<_>> = all.collect::<anyhow::Result<_>>()?;
                Ok(all.and_then(|all| Replicates::mean(&all)))
            };
            seeds.extend(mean(theirs)?.zip(mean(ours)?));
        }
        Ok(seeds)
    }

    fn replicates(
        &mut self,
        line: &Line,
        metric: Option<Metric>,
        (resamples, seed): (usize, u64),
    ) -> anyhow::Result<Option<Replicates>> {
        let metric = metric.unwrap_or(line.metric);
        let key = (line.predictions.clone(), metric);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let predictions = PredictionFile::read(&line.predictions, &[])?.predictions;
        if !metric.applies_to(predictions.kind()) {
            bail!("--metric: {metric} does not apply to {} targets of {}", predictions.kind(), line.dataset);
        }
        let found = Replicates::of(metric, &predictions, resamples, seed);
        self.known.insert(key, found.clone());
        Ok(found)
    }
}
