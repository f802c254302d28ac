//! Which samples train, which select, and which only evaluate.

mod leakage;
mod ratio;
mod splits;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use leakage::{Duplicates, Leakage, SharedGroup};
pub use splits::Splits;

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split};
use crate::error::Error;
use crate::table::Table;

/// How a dataset is divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// The split that the dataset prescribes for every sample.
    Official {},
    /// Drawn by seed, stratified: each class (of a multilabel task: each number of positive labels)
    /// is divided in the same ratio, to within one sample.
    ///
    /// With `test = 0`, a test split that the dataset prescribes stays, and everything else is
    /// divided into train and val: CIFAR's 90:10.
    Ratio {
        /// Share of training samples; the three shares sum to 1.
        #[serde(default = "most")]
        train: f64,
        /// Share of validation samples.
        #[serde(default = "tenth")]
        val: f64,
        /// Share of test samples, which may be 0.
        #[serde(default = "tenth")]
        test: f64,
        /// Another seed is another division.
        #[serde(default)]
        seed: u64,
        /// Keeps the samples of a group (patient) together. Stratification is then approximate.
        #[serde(default)]
        grouped: bool,
    },
    /// A CSV with the columns `id,split` that names every sample once.
    Csv {
        /// The file, relative to the data root.
        #[serde(default = "split_csv")]
        path: PathBuf,
    },
}

impl Default for SplitRule {
    fn default() -> Self {
        Self::Official {}
    }
}

/// FissionFusion §3: 80:10:10.
fn most() -> f64 {
    0.8
}

fn split_csv() -> PathBuf {
    "split.csv".into()
}

fn tenth() -> f64 {
    0.1
}

impl SplitRule {
    /// Divides a dataset.
    ///
    /// # Errors
    /// [`Error::Split`] if shares do not sum to 1; a split that was asked for has no samples; a
    /// class is in val or test but not in train; a multilabel task has no known label in train; a
    /// sample has no split, or the CSV does not fit the dataset. [`Error::Read`] for the CSV.
    pub fn split(&self, dataset: &dyn Dataset, data_root: &Path) -> Result<Splits, Error> {
        let (place, assigned, needs_test) = match self {
            Self::Official {} => ("split rule `official`".to_owned(), official(dataset)?, false),
            Self::Ratio { train, val, test, seed, grouped } => {
                let assigned = ratio::assign(dataset, [*train, *val, *test], *seed, *grouped)?;
                ("split rule `ratio`".to_owned(), assigned, *test > 0.0)
            }
            Self::Csv { path } => {
                let path = within(data_root, path)?;
                (path.display().to_string(), from_csv(dataset, &path)?, false)
            }
        };
        let splits = Splits::from_assignment(&assigned);
        splits.check(dataset, &place, needs_test)?;
        Ok(splits)
    }
}

fn official(dataset: &dyn Dataset) -> Result<Vec<Split>, Error> {
    let split = |sample: &Sample| {
        sample.split.ok_or_else(|| {
            let hint = "divide the dataset with `kind = \"ratio\"` or `kind = \"csv\"`";
            let found = format!("none for `{}`", sample.id);
            Error::split("split rule `official`", "a split for every sample in the dataset", found).hint(hint)
        })
    };
    dataset.samples().iter().map(split).collect()
}

fn from_csv(dataset: &dyn Dataset, path: &Path) -> Result<Vec<Split>, Error> {
    let table = Table::read(path)?;
    let (id_column, split_column) = (table.require("id")?, table.require("split")?);
    let samples = dataset.samples();
    let positions: HashMap<&str, usize> =
        samples.iter().enumerate().map(|(index, sample)| (sample.id.as_str(), index)).collect();
    let mut assigned = vec![None; samples.len()];
    for row in table.rows() {
        let (id, name) = (row.cell(id_column), row.cell(split_column));
        let Some(&index) = positions.get(id) else {
            let hint = format!("ids look like `{}`", samples.first().map_or("", |sample| &sample.id));
            return Err(Error::split(row.place(), "the id of a sample", format!("`{id}`")).hint(hint));
        };
        let split = Split::from_name(name);
        let split =
            split.ok_or_else(|| Error::split(row.place(), "train, val or test", format!("`{name}`")))?;
        if assigned[index].replace(split).is_some() {
            return Err(Error::split(row.place(), "each id once", format!("`{id}` a second time")));
        }
    }
    let missing: Vec<_> = samples.iter().zip(&assigned).filter(|(_, split)| split.is_none()).collect();
    if let Some((first, _)) = missing.first() {
        let found = format!("none for {} samples, the first of them `{}`", missing.len(), first.id);
        return Err(Error::split(path.display(), "a row for every sample", found));
    }
    Ok(assigned.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
