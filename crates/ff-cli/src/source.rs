//! A dataset named on the command line: `--dataset KIND --root DIR`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueEnum};
use ff_data::{
    About, Dataset, DatasetConfig, FileHashes, OnBadImage, ResizedCache, Split, SplitRule, Splits,
};

/// What an unreadable image does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BadImage {
    /// Stops whatever needs it
    Error,
    /// Is left out and named
    Skip,
}

impl From<BadImage> for OnBadImage {
    fn from(choice: BadImage) -> Self {
        match choice {
            BadImage::Error => Self::Error,
            BadImage::Skip => Self::Skip,
        }
    }
}

/// Which images, and how they are divided.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// What lies there
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(kinds()))]
    pub dataset: String,
    /// The dataset's folder (manifest: the CSV; MedMNIST: the .npz or its folder)
    #[arg(long)]
    pub root: PathBuf,
    /// An option of the dataset, as in a recipe: version=v4, uncertain=ones, only=test,
    /// split_source=folds
    #[arg(long, value_name = "KEY=VALUE")]
    pub with: Vec<String>,
    /// Divide by these shares of train, val and test instead of the dataset's own split
    #[arg(long, value_name = "TRAIN,VAL,TEST", value_parser = shares)]
    pub ratio: Option<[f64; 3]>,
    /// Divide by a CSV with the columns id,split instead
    #[arg(long, value_name = "CSV", conflicts_with = "ratio")]
    pub split_csv: Option<PathBuf>,
    /// Seed of the division
    #[arg(long, default_value_t = 0)]
    pub split_seed: u64,
    /// Keep the images of a group (patient) in one split
    #[arg(long)]
    pub grouped: bool,
    /// Shrink images whose shorter side has more pixels
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..))]
    pub shrink_px: Option<u32>,
    /// Folder for shrunk images and hashes of files; a table's is RUNS/cache
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

impl Source {
    /// The dataset as a recipe would name it.
    pub fn config(&self) -> anyhow::Result<DatasetConfig> {
        let mut table = toml::Table::new();
        table.insert("kind".into(), self.dataset.clone().into());
        let root = self.root.to_str().context("--root: expected a path in UTF-8")?;
        table.insert("path".into(), root.into());
        for option in &self.with {
            let (key, value) = option
                .split_once('=')
                .with_context(|| format!("--with: expected KEY=VALUE, found `{option}`"))?;
            table.insert(key.into(), value.into());
        }
        table.try_into().context("--with")
    }

    /// Opens the dataset, shrunk if asked for.
    pub fn open(&self) -> anyhow::Result<Arc<dyn Dataset>> {
        Ok(match self.shrink_px {
            Some(_) => Arc::new(self.shrunk()?),
            None => self.open_whole()?,
        })
    }

    /// Opens the dataset, with images shrunk to `shrink_px`.
    ///
    /// # Errors
    /// Those of opening; `shrink_px` was not given.
    pub fn shrunk(&self) -> anyhow::Result<ResizedCache> {
        let image_size = self.shrink_px.context("--shrink-px: how small?")?;
        let folder = self.cache.as_ref().map(|cache| cache.join("images"));
        Ok(ResizedCache::new(self.open_whole()?, image_size, folder.as_deref()))
    }

    fn open_whole(&self) -> anyhow::Result<Arc<dyn Dataset>> {
        let hashes = match &self.cache {
            Some(cache) => FileHashes::open(&cache.join("hashes.txt")),
            None => FileHashes::none(),
        };
        Ok(self.config()?.open(Path::new(""), &hashes)?)
    }

    /// The rule by which it is divided: the shares or the CSV given; else the dataset's own split
    /// if it has one for training and validation; else 90:10 beside its own test split, or
    /// 80:10:10.
    pub fn rule(&self, dataset: &dyn Dataset) -> SplitRule {
        let has = |split| dataset.samples().iter().any(|sample| sample.split == Some(split));
        let ratio = |train, val, test| SplitRule::Ratio {
            train,
            val,
            test,
            seed: self.split_seed,
            grouped: self.grouped,
        };
        match (&self.split_csv, self.ratio) {
            (Some(path), _) => SplitRule::Csv { path: path.clone() },
            (_, Some([train, val, test])) => ratio(train, val, test),
            _ if has(Split::Train) && has(Split::Val) => SplitRule::Official {},
            _ if has(Split::Test) => ratio(0.9, 0.1, 0.0),
            _ => ratio(0.8, 0.1, 0.1),
        }
    }

    /// Divides it by [`Source::rule`]; what has only test images is all test.
    pub fn split(&self, dataset: &dyn Dataset) -> Result<Splits, ff_data::Error> {
        if dataset.samples().iter().all(|sample| sample.split == Some(Split::Test)) {
            let (train, val) = Default::default();
            return Ok(Splits { train, val, test: Splits::evaluation_only(dataset)? });
        }
        self.rule(dataset).split(dataset, Path::new(""))
    }
}

/// Every dataset that lies on disk. A family is shown as its members, which need no further option.
fn kinds() -> Vec<PossibleValue> {
    let on_disk = || DatasetConfig::KINDS.iter().filter(|about| about.on_disk());
    let names = on_disk().flat_map(About::names).map(|(name, _)| PossibleValue::new(name));
    let families = on_disk().filter(|about| !about.members.is_empty());
    names.chain(families.map(|about| PossibleValue::new(about.kind).hide(true))).collect()
}

/// Three numbers between commas.
fn shares(text: &str) -> Result<[f64; 3], String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let numbers = numbers.map_err(|error| format!("expected three numbers, such as 0.8,0.1,0.1: {error}"))?;
    let count = numbers.len();
    numbers.try_into().map_err(|_| format!("expected three numbers, such as 0.8,0.1,0.1, found {count}"))
}
