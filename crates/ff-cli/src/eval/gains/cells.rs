//! The scores of methods, by dataset, network and seed.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use ff_eval::Replicates;
use itertools::Itertools;

use super::lines::{self, Head, Scores, Source};
use super::quantity::Quantity;
use crate::prediction_file::PredictionFile;

/// What is compared with the baseline.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    pub method: &'a str,
    /// `None`: the mean over networks.
    pub network: Option<&'a str>,
    /// `test` or `shifted`.
    pub on: &'static str,
    /// `None`: the dataset's own.
    pub quantity: Option<Quantity>,
}

/// The lines of all files, and the scores that were kept or have been computed.
pub struct Cells {
    lines: Vec<(Head, Source)>,
    /// Resamples of the images, and the seed.
    resampling: (usize, u64),
    known: Scores,
}

impl Cells {
    /// Reads files. A row that is marked is also a method of the name of its mark.
    pub fn read(files: &[PathBuf], baseline: &str, resampling: (usize, u64)) -> anyhow::Result<Self> {
        let (mut lines, mut known) = (Vec::new(), Scores::new());
        for (at, file) in files.iter().enumerate() {
            for (head, source) in lines::read(at, file, &mut known)? {
                let marked = head.marks.split_whitespace();
                let marked = marked
                    .map(|mark| (Head { method: mark.to_owned(), ..head.clone() }, source.clone()))
                    .collect_vec();
                lines.push((head, source));
                lines.extend(marked);
            }
        }
        let same = |(head, _): &&(Head, Source)| {
            let Head { dataset, network, seed, method, on, .. } = head;
            (dataset.clone(), network.clone(), seed.clone(), method.clone(), on.clone())
        };
        if let Some((Head { dataset, network, method, on, .. }, _)) = lines.iter().duplicates_by(same).next()
        {
            bail!(
                "expected one line for {method} of {network} on {dataset}, {on}, found two with the same seed"
            );
        }
        if !lines.iter().any(|(head, _)| head.method == baseline) {
            let known = lines.iter().map(|(head, _)| head.method.as_str()).unique().join(", ");
            bail!("--baseline: expected one of the methods of the lists ({known}), found {baseline}");
        }
        Ok(Self { lines, resampling, known })
    }

    /// All methods, in the order of the files.
    pub fn methods(&self) -> Vec<String> {
        self.lines.iter().map(|(head, _)| head.method.clone()).unique().collect()
    }

    /// All networks, in the order of the files.
    pub fn networks(&self) -> Vec<String> {
        self.lines.iter().map(|(head, _)| head.network.clone()).unique().collect()
    }

    /// All datasets, in the order of the files.
    pub fn datasets(&self) -> Vec<String> {
        self.lines.iter().map(|(head, _)| head.dataset.clone()).unique().collect()
    }

    /// The scores of the baseline and of a method for each seed that has both: the mean over networks
    /// and, of shifted images, over their sources.
    pub fn of_seeds(
        &mut self,
        dataset: &str,
        of: Of<'_>,
        baseline: &str,
    ) -> anyhow::Result<Vec<(Replicates, Replicates)>> {
        let here = |(head, _): &&(Head, Source)| {
            head.dataset == dataset
                && of.network.is_none_or(|network| head.network == network)
                && (of.on == "test") == (head.on == "test")
        };
        let of_method = |method: &str| {
            let lines = self.lines.iter().filter(here).filter(|(head, _)| head.method == method);
            lines.cloned().into_group_map_by(|(head, _)| head.seed.clone())
        };
        let (theirs, mut ours) = (of_method(baseline), of_method(of.method));
        let mut seeds: Vec<(Replicates, Replicates)> = Vec::new();
        for (seed, theirs) in theirs.into_iter().sorted_by(|(one, _), (other, _)| one.cmp(other)) {
            let Some(ours) = ours.remove(&seed) else { continue };
            let where_of = |(head, _): &(Head, Source)| (head.network.clone(), head.on.clone());
            if theirs.iter().map(where_of).sorted().ne(ours.iter().map(where_of).sorted()) {
                continue;
            }
            let mut scores = |lines: Vec<(Head, Source)>| -> anyhow::Result<Option<Vec<Replicates>>> {
                lines.iter().map(|line| self.scores(line, of.quantity)).collect()
            };
            let (theirs, ours) = (scores(theirs)?, scores(ours)?);
            let counts = theirs.iter().chain(&ours).flatten().map(|of| of.resampled().len());
            let before = seeds.iter().map(|(theirs, _)| theirs.resampled().len());
            ensure!(
                counts.chain(before).all_equal(),
                "{dataset}: expected scores on the same number of resamples; see --image-resamples"
            );
            let mean = |all: Option<Vec<Replicates>>| Replicates::mean(&all?);
            seeds.extend(mean(theirs).zip(mean(ours)));
        }
        Ok(seeds)
    }

    /// The scores of every line, but of marks, in these quantities.
    pub fn all(
        &mut self,
        wanted: &[Option<Quantity>],
    ) -> anyhow::Result<Vec<(Head, Quantity, Option<Replicates>)>> {
        let mut found = Vec::new();
        for line in self.lines.clone() {
            let head = &line.0;
            if head.marks.split_whitespace().any(|mark| mark == head.method) {
                continue;
            }
            for of in wanted.iter().map(|of| of.unwrap_or(Quantity::Metric(head.metric))).unique() {
                found.push((head.clone(), of, self.scores(&line, Some(of))?));
            }
        }
        Ok(found)
    }

    fn scores(
        &mut self,
        (head, source): &(Head, Source),
        quantity: Option<Quantity>,
    ) -> anyhow::Result<Option<Replicates>> {
        let quantity = quantity.unwrap_or(Quantity::Metric(head.metric));
        let key = (source.clone(), quantity);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let path = match source {
            Source::Predictions(path) => path,
            Source::Kept(path, _) => bail!("{}: no scores of {} in {quantity}", path.display(), head.method),
        };
        let predictions = PredictionFile::read(path, &[])?.predictions;
        if !quantity.applies_to(&predictions) {
            let kind = predictions.kind();
            bail!("--metric: {quantity} does not apply to {kind} targets of {}", head.dataset);
        }
        let (resamples, seed) = self.resampling;
        let found = quantity.of(&predictions, resamples, seed);
        self.known.insert(key, found.clone());
        Ok(found)
    }
}
