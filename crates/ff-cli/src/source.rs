//! The dataset options of a command line: `--dataset KIND --root DIR` and its split.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueEnum};
use ff_data::{
    About, Dataset, DatasetConfig, FileHashes, OnBadImage, ResizedCache, Split, SplitRule, Splits,
};

/// How to handle unreadable images.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BadImage {
    /// Fail the job that needs the image
    Error,
    /// Leave the image out and name it in the results
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

/// The heading of the options of [`Source`].
const DATASET: &str = "Dataset options";

/// A dataset, its split, and how its images are cached.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// Kind of dataset
    #[arg(
        long,
        value_name = "KIND",
        value_parser = PossibleValuesParser::new(kinds()),
        help_heading = DATASET
    )]
    pub dataset: String,
    /// Dataset folder (manifest: its CSV; MedMNIST: the .npz or its folder)
    #[arg(long, value_name = "DIR", help_heading = DATASET)]
    pub root: PathBuf,
    /// Set an option of the dataset, as in a recipe, such as version=v4
    ///
    /// Others: uncertain=ones, only=test, split_source=folds. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", help_heading = DATASET)]
    pub with: Vec<String>,
    /// Split at random by these shares of train, val and test
    ///
    /// Without --ratio and --split-csv: the dataset's own split if it has one for training and
    /// validation; else 90:10 next to its own test split, or 80:10:10.
    #[arg(long, value_name = "TRAIN,VAL,TEST", value_parser = shares, help_heading = DATASET)]
    pub ratio: Option<[f64; 3]>,
    /// Split by a CSV file with the columns id and split
    #[arg(long, value_name = "CSV", conflicts_with = "ratio", help_heading = DATASET)]
    pub split_csv: Option<PathBuf>,
    /// Seed of a random split
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = DATASET)]
    pub split_seed: u64,
    /// Keep the images of a group (patient) in one part of a random split
    #[arg(long, help_heading = DATASET)]
    pub grouped: bool,
    /// Shrink images whose shorter side has more pixels than this
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..), help_heading = DATASET)]
    pub shrink_px: Option<u32>,
    /// Folder for shrunk images and file hashes; a table uses RUNS/cache
    #[arg(long, value_name = "DIR", help_heading = DATASET)]
    pub cache: Option<PathBuf>,
}

impl Source {
    /// A dataset of a kind, whose images are not shrunk.
    pub fn at(dataset: String, root: PathBuf, ratio: Option<[f64; 3]>, grouped: bool) -> Self {
        let (with, split_csv, split_seed) = (Vec::new(), None, 0);
        Self { dataset, root, with, ratio, split_csv, split_seed, grouped, shrink_px: None, cache: None }
    }

    /// Returns the dataset as a recipe states it.
    ///
    /// # Errors
    /// `--with` has an unknown key or a wrong value, or `--root` is not UTF-8.
    pub fn config(&self) -> anyhow::Result<DatasetConfig> {
        let mut table = toml::Table::new();
        table.insert("kind".into(), self.dataset.clone().into());
        let root = self.root.to_str().context("--root: expected a UTF-8 path")?;
        table.insert("path".into(), root.into());
        for option in &self.with {
            let (key, value) = option
                .split_once('=')
                .with_context(|| format!("--with: expected KEY=VALUE, found `{option}`"))?;
            table.insert(key.into(), value.into());
        }
        table.try_into().context("--with")
    }

    /// Opens the dataset, with shrunk images if `shrink_px` is set.
    ///
    /// # Errors
    /// Those of [`Source::config`], and the dataset cannot be opened.
    pub fn open(&self) -> anyhow::Result<Arc<dyn Dataset>> {
        Ok(match self.shrink_px {
            Some(_) => Arc::new(self.shrunk()?),
            None => self.open_whole()?,
        })
    }

    /// Opens the dataset with images shrunk to `shrink_px`.
    ///
    /// # Errors
    /// Those of [`Source::open`], and `shrink_px` is not set.
    pub fn shrunk(&self) -> anyhow::Result<ResizedCache> {
        let image_size = self.shrink_px.context(
            "--shrink-px: expected a number of pixels, found none\nhint: give it, such as --shrink-px 512",
        )?;
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

    /// Returns the rule that splits the dataset: the given shares or CSV; else the dataset's own
    /// split if it has one for training and validation; else 90:10 next to its own test split, or
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

    /// Splits the dataset by [`Source::rule`]. A dataset of test images only is all test.
    ///
    /// # Errors
    /// The rule does not fit the dataset.
    pub fn split(&self, dataset: &dyn Dataset) -> anyhow::Result<Splits> {
        if dataset.samples().iter().all(|sample| sample.split == Some(Split::Test)) {
            let (train, val) = Default::default();
            return Ok(Splits { train, val, test: Splits::evaluation_only(dataset)? });
        }
        let place = || format!("{} {}", self.dataset, self.root.display());
        self.rule(dataset).split(dataset, Path::new("")).with_context(place)
    }
}

/// Returns every kind of dataset on disk. Of a family, the help shows the members, which need no
/// further option, and not the family itself.
fn kinds() -> Vec<PossibleValue> {
    let on_disk = || DatasetConfig::KINDS.iter().filter(|about| about.on_disk());
    let names = on_disk().flat_map(About::names).map(|(name, _)| PossibleValue::new(name));
    let families = on_disk().filter(|about| !about.members.is_empty());
    names.chain(families.map(|about| PossibleValue::new(about.kind).hide(true))).collect()
}

/// Parses three numbers separated by commas.
pub(crate) fn shares(text: &str) -> Result<[f64; 3], String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let numbers = numbers.map_err(|error| format!("expected three numbers, such as 0.8,0.1,0.1: {error}"))?;
    let count = numbers.len();
    numbers.try_into().map_err(|_| format!("expected three numbers, such as 0.8,0.1,0.1, found {count}"))
}
