//! The three splits of a dataset, and their checks.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dataset::{Dataset, Split, Target, Task};
use crate::error::Error;

/// The splits of a dataset: three disjoint lists of sample indices, each ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// Samples that weights are fitted to.
    pub train: Arc<[usize]>,
    /// Samples that selection reads.
    pub val: Arc<[usize]>,
    /// Samples that only evaluation reads. May be empty.
    pub test: Arc<[usize]>,
}

impl Splits {
    /// Puts sample `i` into the split `assigned[i]`.
    pub(super) fn from_assignment(assigned: &[Split]) -> Self {
        let of = |split| (0..assigned.len()).filter(|&index| assigned[index] == split).collect();
        Self { train: of(Split::Train), val: of(Split::Val), test: of(Split::Test) }
    }

    /// Returns the indices of one split.
    pub fn get(&self, split: Split) -> &Arc<[usize]> {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }

    /// Returns the samples that an out-of-distribution dataset is evaluated on: its test split, or
    /// all samples if none has a split.
    ///
    /// # Errors
    /// [`Error::Split`] if it has splits but no test split.
    pub fn evaluation_only(dataset: &dyn Dataset) -> Result<Arc<[usize]>, Error> {
        let samples = dataset.samples();
        let all = samples.iter().all(|sample| sample.split.is_none());
        let of_test = |&index: &usize| all || samples[index].split == Some(Split::Test);
        let indices: Arc<[usize]> = (0..samples.len()).filter(of_test).collect();
        if indices.is_empty() {
            return Err(Error::split("evaluation", "a test split, or no splits", "only train and val"));
        }
        Ok(indices)
    }

    /// Refuses splits with which no model can be trained or selected.
    pub(super) fn check(&self, dataset: &dyn Dataset, place: &str, needs_test: bool) -> Result<(), Error> {
        for split in Split::ALL {
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
        "split train with `kind = \"ratio\"`, `train = 0.9`, `val = 0.1`, `test = 0.0`: the dataset's test split is kept",
    )
}
