//! A division, and what one must be.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dataset::{Dataset, Split, Target, Task};
use crate::error::Error;

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

impl Splits {
    /// The division that puts sample `i` where `assigned[i]` says.
    pub(super) fn from_assignment(assigned: &[Split]) -> Self {
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

    /// What an out-of-distribution dataset is evaluated on: its test split, or all of it where no
    /// sample has a split.
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

    /// Refuses a division that nothing can be trained or selected with.
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
        "divide train with `kind = \"ratio\"`, `train = 0.9`, `val = 0.1`, `test = 0.0`: the dataset's own test split stays",
    )
}
