//! A dataset named on the command line: `--dataset KIND --root DIR`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use ff_data::{Dataset, DatasetConfig, OnBadImage, Split, SplitRule, Splits};

/// The kinds of dataset that the command line can name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// ROOT/CLASS/* or ROOT/{train,val,test}/CLASS/*
    Folder,
    /// A CSV with path,label or path,TASK,TASK,…
    Manifest,
    /// CIFAR-10, the Python or the binary form
    Cifar10,
    /// CIFAR-100, the Python or the binary form
    Cifar100,
}

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
    #[arg(long, value_enum)]
    pub dataset: Kind,
    /// The dataset's folder (manifest: the CSV)
    #[arg(long)]
    pub root: PathBuf,
    /// Divide by these shares of train, val and test instead of the dataset's own split
    #[arg(long, value_name = "TRAIN,VAL,TEST", value_parser = shares)]
    pub ratio: Option<[f64; 3]>,
    /// Seed of the division
    #[arg(long, default_value_t = 0)]
    pub split_seed: u64,
    /// Keep the images of a group (patient) in one split
    #[arg(long)]
    pub grouped: bool,
}

impl Source {
    /// Opens the dataset.
    pub fn open(&self) -> Result<Arc<dyn Dataset>, ff_data::Error> {
        let path = self.root.clone();
        let config = match self.dataset {
            Kind::Folder => DatasetConfig::Folder { path },
            Kind::Manifest => DatasetConfig::Manifest { path },
            Kind::Cifar10 => DatasetConfig::Cifar10 { path },
            Kind::Cifar100 => DatasetConfig::Cifar100 { path },
        };
        config.open(Path::new(""))
    }

    /// The rule by which it is divided: the shares given; else the dataset's own split if it has one for
    /// training and validation; else 90:10 beside its own test split, or 80:10:10.
    pub fn rule(&self, dataset: &dyn Dataset) -> SplitRule {
        let has = |split| dataset.samples().iter().any(|sample| sample.split == Some(split));
        let ratio = |train, val, test| SplitRule::Ratio {
            train,
            val,
            test,
            seed: self.split_seed,
            grouped: self.grouped,
        };
        match self.ratio {
            Some([train, val, test]) => ratio(train, val, test),
            _ if has(Split::Train) && has(Split::Val) => SplitRule::Official {},
            _ if has(Split::Test) => ratio(0.9, 0.1, 0.0),
            _ => ratio(0.8, 0.1, 0.1),
        }
    }

    /// Divides it by [`Source::rule`].
    pub fn divide(&self, dataset: &dyn Dataset) -> Result<Splits, ff_data::Error> {
        self.rule(dataset).divide(dataset, Path::new(""))
    }
}

/// Three numbers between commas.
fn shares(text: &str) -> Result<[f64; 3], String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let numbers = numbers.map_err(|error| format!("expected three numbers, such as 0.8,0.1,0.1: {error}"))?;
    let count = numbers.len();
    numbers.try_into().map_err(|_| format!("expected three numbers, such as 0.8,0.1,0.1, found {count}"))
}
