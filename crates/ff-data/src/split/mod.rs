//! Which samples train, which select, and which only evaluate.

mod leakage;
mod ratio;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use leakage::{Duplicates, Leakage, SharedGroup};

use crate::data_root::within;
use crate::dataset::{Dataset, Split, Target, Task};
use crate::error::Error;
use crate::table::Table;

/// How a dataset is divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// The split that the dataset prescribes for every sample.
    Official {},
    /// Drawn by seed, stratified: each class (of a multilabel task: each number of positive labels) is
    /// divided in the same ratio, to within one sample.
    ///
    /// With `test = 0`, a test split that the dataset prescribes stays, and everything else is divided
    /// into train and val: CIFAR's 90:10.
    Ratio {
        /// Share of training samples; the three shares sum to 1.
        train: f64,
        /// Share of validation samples.
        val: f64,
        /// Share of test samples, which may be 0.
        test: f64,
        /// Another seed is another division.
        seed: u64,
        /// Keeps the samples of a group (patient) together. Stratification is then approximate.
        #[serde(default)]
        grouped: bool,
    },
    /// A CSV with the columns `id,split` that names every sample once.
    Csv {
        /// The file, relative to the data root.
        path: PathBuf,
    },
}

/// A division: three disjoint lists of sample indices, each ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// Weights are fitted to these.
    pub train: Arc<[usize]>,
    /// Selection sees these.
    pub val: Arc<[usize]>,
    /// Only evaluation sees these. May be empty.
    pub test: Arc<[usize]>,
}

impl SplitRule {
    /// Divides a dataset.
    ///
    /// # Errors
    /// [`Error::Split`] if shares do not sum to 1; a split that was asked for has no samples; a class is
    /// in val or test but not in train; a multilabel task has no known label in train; a sample has no
    /// split, or the CSV does not fit the dataset. [`Error::Read`] for the CSV.
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

impl Splits {
    fn from_assignment(assigned: &[Split]) -> Self {
        let of = |split| (0..assigned.len()).filter(|&index| assigned[index] == split).collect();
        Self { train: of(Split::Train), val: of(Split::Val), test: of(Split::Test) }
    }

    /// The indices of one split.
    pub fn get(&self, split: Split) -> &Arc<[usize]> {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }

    /// What an out-of-distribution dataset is evaluated on: its test split, or all of it where no sample
    /// has a split.
    ///
    /// # Errors
    /// [`Error::Split`] if it has splits but no test split.
    pub fn evaluation_only(dataset: &dyn Dataset) -> Result<Arc<[usize]>, Error> {
        let samples = dataset.samples();
        let all = samples.iter().all(|sample| sample.split.is_none());
        let of_test = |&index: &usize| all || samples[index].split == Some(Split::Test);
        let indices: Arc<[usize]> = (0..samples.len()).filter(of_test).collect();
        if indices.is_empty() {
            return Err(Error::split(
                "evaluation",
                "a test split, or no splits at all",
                "only train and val",
            ));
        }
        Ok(indices)
    }

    fn check(&self, dataset: &dyn Dataset, place: &str, needs_test: bool) -> Result<(), Error> {
        for split in [Split::Train, Split::Val, Split::Test] {
            if self.get(split).is_empty() && (split != Split::Test || needs_test) {
                let hint = val_hint(dataset, split).unwrap_or("add images, or change the shares");
                return Err(Error::split(place, format!("samples in {}", split.name()), "none").hint(hint));
            }
        }
        match dataset.task() {
            Task::Multiclass { classes } => self.check_classes(dataset, classes, place),
            Task::Multilabel { tasks } => self.check_tasks(dataset, tasks, place),
        }
    }

    fn check_classes(&self, dataset: &dyn Dataset, classes: &[String], place: &str) -> Result<(), Error> {
        let samples = dataset.samples();
        let class = |&index: &usize| match samples[index].target {
            Target::Class(class) => class,
            Target::Labels(_) => unreachable!("a multiclass dataset has classes"),
        };
        let trained: BTreeSet<usize> = self.train.iter().map(class).collect();
        for split in [Split::Val, Split::Test] {
            if let Some(unseen) = self.get(split).iter().map(class).find(|class| !trained.contains(class)) {
                let found = format!("class `{}` in {} but not in train", classes[unseen], split.name());
                let hint = "add training images of the class, or leave the class out";
                return Err(Error::split(place, "every class in train", found).hint(hint));
            }
        }
        Ok(())
    }

    fn check_tasks(&self, dataset: &dyn Dataset, tasks: &[String], place: &str) -> Result<(), Error> {
        let samples = dataset.samples();
        for (task, name) in tasks.iter().enumerate() {
            let known = |&index: &usize| match &samples[index].target {
                Target::Labels(labels) => labels[task].is_some(),
                Target::Class(_) => unreachable!("a multilabel dataset has labels"),
            };
            if !self.train.iter().any(known) {
                let found = format!("only unknown ones for `{name}`");
                let hint = "remove the task, or label it in training images";
                return Err(Error::split(place, "known labels in train for every task", found).hint(hint));
            }
        }
        Ok(())
    }
}

fn val_hint(dataset: &dyn Dataset, missing: Split) -> Option<&'static str> {
    let prescribes = dataset.samples().iter().any(|sample| sample.split.is_some());
    (missing == Split::Val && prescribes).then_some(
        "divide train with `kind = \"ratio\"`, `train = 0.9`, `val = 0.1`, `test = 0.0`: the dataset's own test split stays",
    )
}

fn official(dataset: &dyn Dataset) -> Result<Vec<Split>, Error> {
    let split = |sample: &crate::dataset::Sample| {
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
