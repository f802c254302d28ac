//! Splits a dataset into train, val and test.

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

/// How a dataset is split into train, val and test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// The split that the dataset prescribes for each sample.
    Official {},
    /// A random split by ratio, stratified: each class (of a multilabel task: each number of
    /// positive labels) is split in the same ratio, to within one sample.
    ///
    /// With `test = 0`, a test split that the dataset prescribes is kept, and all other samples are
    /// split into train and val. This is how CIFAR gets its 90:10 split.
    Ratio {
        /// Share of training samples, 0 to 1. The three shares sum to 1.
        #[serde(default = "most")]
        train: f64,
        /// Share of validation samples, 0 to 1.
        #[serde(default = "tenth")]
        val: f64,
        /// Share of test samples, 0 to 1.
        #[serde(default = "tenth")]
        test: f64,
        /// Seed of the random split.
        #[serde(default)]
        seed: u64,
        /// Keep the samples of a group (patient) in one split. Stratification is then approximate.
        #[serde(default)]
        grouped: bool,
    },
    /// The split that a CSV file lists, with the columns `id,split` and one row for each sample.
    /// Ids may have backslashes, and lack or have the extension.
    Csv {
        /// The CSV file: relative to the data root, or absolute.
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
    /// Splits a dataset.
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use ff_data::{Phantom, PhantomKind, SplitRule};
    ///
    /// // 60 training and 30 test images of six classes.
    /// let dataset = Phantom::new(PhantomKind::Shapes, 32, [60, 0, 30], 0, false)?;
    /// let rule = SplitRule::Ratio { train: 0.9, val: 0.1, test: 0.0, seed: 0, grouped: false };
    /// let splits = rule.split(&dataset, Path::new("data"))?;
    /// assert_eq!([splits.train.len(), splits.val.len(), splits.test.len()], [54, 6, 30]);
    /// # Ok::<(), ff_data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Split`] if the shares do not sum to 1; if train or val, or a test split with a
    /// share above 0, has no samples; if a class is in val or test but not in train; if a
    /// multilabel task has no known label in train; if a sample has no split; or if the CSV file
    /// does not match the dataset. [`Error::Read`] or [`Error::Dataset`] if the CSV file cannot be
    /// read.
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
            let hint = "split the dataset with `kind = \"ratio\"` or `kind = \"csv\"`";
            let found = format!("none for `{}`", sample.id);
            Error::split("split rule `official`", "a split for every sample in the dataset", found).hint(hint)
        })
    };
    dataset.samples().iter().map(split).collect()
}

/// Returns an id without what people change in it: `/` for backslashes, no `./` and no extension.
fn key(id: &str) -> String {
    let id = id.replace('\\', "/");
    let id = id.trim_start_matches("./");
    // The last number of a DICOM UID is no extension.
    let is_extension =
        |end: &str| !end.contains('/') && end.starts_with(|letter: char| letter.is_alphabetic());
    let stem = id.rsplit_once('.').filter(|(_, end)| is_extension(end)).map(|(stem, _)| stem);
    stem.unwrap_or(id).to_owned()
}

fn from_csv(dataset: &dyn Dataset, path: &Path) -> Result<Vec<Split>, Error> {
    let table = Table::read(path)?;
    let (id_column, split_column) = (table.images("id")?, table.require("split")?);
    let samples = dataset.samples();
    let mut positions: HashMap<&str, Option<usize>> = HashMap::new();
    let keys: Vec<String> = samples.iter().map(|sample| key(&sample.id)).collect();
    for (index, key) in keys.iter().enumerate() {
        positions.entry(key).and_modify(|position| *position = None).or_insert(Some(index));
    }
    for (index, sample) in samples.iter().enumerate() {
        positions.insert(&sample.id, Some(index));
    }
    let mut assigned = vec![None; samples.len()];
    for row in table.rows() {
        let id = row.cell(id_column);
        let position = positions.get(id).or_else(|| positions.get(&*key(id)));
        let Some(&Some(index)) = position else {
            let hint = format!("ids look like `{}`", samples.first().map_or("", |sample| &sample.id));
            return Err(Error::split(row.place(), "the id of a sample", format!("`{id}`")).hint(hint));
        };
        let split = row.split(split_column, "train, val or test")?;
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
