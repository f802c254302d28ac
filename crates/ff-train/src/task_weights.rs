//! Weights of a multilabel dataset's tasks in the loss.

use ff_data::{Dataset, Target, Task};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Weights of the tasks in the loss of a multilabel model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TaskWeights {
    /// Every task has weight 1.
    #[default]
    Equal,
    /// Rare tasks weigh more: `(max − n + mean) / max`, where n is a task's number of positive
    /// training images and max and mean are over all tasks (FissionFusion's code, for CheXpert).
    /// Weights range from `mean / max`, for the commonest task, to at most `1 + mean / max`.
    Rarity,
}

impl TaskWeights {
    /// Returns whether this is [`TaskWeights::Equal`].
    pub fn is_equal(&self) -> bool {
        *self == Self::Equal
    }

    /// Checks the weights for a dataset's task.
    ///
    /// # Errors
    /// [`Error::Config`] for weights other than equal where there is one class per image.
    pub fn check(self, task: &Task) -> Result<(), Error> {
        match task {
            Task::Multiclass { .. } if !self.is_equal() => Err(Error::Config(
                "task_weights: expected `equal` for a dataset with one class per image, found `rarity`, which weights the tasks of multilabel data".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Returns the weight of each task, `[C]`; `None` if all are 1, as for classes and where no
    /// image is positive.
    pub(crate) fn of(self, dataset: &dyn Dataset, train: &[usize]) -> Option<Vec<f32>> {
        let Task::Multilabel { tasks } = dataset.task() else { return None };
        if self == Self::Equal {
            return None;
        }
        let mut positives = vec![0.0f64; tasks.len()];
        for &index in train {
            if let Target::Labels(labels) = &dataset.samples()[index].target {
                for (count, label) in positives.iter_mut().zip(labels) {
                    *count += f64::from(u8::from(*label == Some(true)));
                }
            }
        }
        let max = positives.iter().copied().fold(0.0, f64::max);
        let mean = positives.iter().sum::<f64>() / positives.len() as f64;
        (max > 0.0).then(|| positives.iter().map(|n| ((max - n + mean) / max) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff_data::{Error, Image, Inventory, Sample};

    struct Labels(Inventory);

    impl Dataset for Labels {
        fn inventory(&self) -> &Inventory {
            &self.0
        }
        fn image(&self, _: usize) -> Result<Image, Error> {
            Ok(Image::filled(1, 1, [0; 3]))
        }
    }

    #[test]
    fn rare_tasks_count_more() {
        let rows = [[1, 1, 0], [1, 0, 0], [1, 1, 2], [1, 0, 0], [0, 0, 1]];
        let sample = |(id, row): (usize, [u8; 3])| {
            let labels = row.map(|value| (value < 2).then_some(value == 1)).to_vec();
            Sample { id: id.to_string(), target: Target::Labels(labels), group: None, split: None }
        };
        let tasks = ["a", "b", "c"].map(str::to_owned).to_vec();
        let samples = rows.into_iter().enumerate().map(sample).collect();
        let data = Labels(Inventory::new(Task::Multilabel { tasks }, samples, ""));
        // Positives are 4, 2 and 0 among the first four; the fifth is not trained on.
        let weights = TaskWeights::Rarity.of(&data, &[0, 1, 2, 3]).unwrap();
        assert_eq!(weights, [0.5, 1.0, 1.5]);
        assert_eq!(TaskWeights::Rarity.of(&data, &[]), None);
        assert_eq!(TaskWeights::Equal.of(&data, &[0, 1]), None);
        assert!(TaskWeights::Rarity.check(data.task()).is_ok());
    }

    #[test]
    fn rarity_is_refused_for_classes() {
        let classes = Task::Multiclass { classes: ["a", "b"].map(str::to_owned).to_vec() };
        assert!(TaskWeights::Equal.check(&classes).is_ok());
        let error = TaskWeights::Rarity.check(&classes).unwrap_err().to_string();
        assert!(error.starts_with("task_weights: expected `equal`"), "{error}");
    }
}
