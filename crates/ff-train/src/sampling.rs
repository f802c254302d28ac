//! Which training images an epoch takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use ff_data::random::stream;
use ff_data::{Dataset, Target, Task};
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Which training images an epoch takes. An epoch always has as many images as the training split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Each image once.
    #[default]
    All,
    /// A bootstrap: images drawn with replacement, once for the whole run, from its seed. About
    /// 63 % of the images are in it, some several times.
    Bootstrap,
    /// Each class equally often, drawn again in each epoch. Images of rare classes are repeated, as
    /// evenly as possible; of common classes, every epoch takes another part. Not for multilabel
    /// datasets.
    Balanced,
}

impl Sampling {
    /// Returns its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Bootstrap => "bootstrap",
            Self::Balanced => "balanced",
        }
    }

    /// Returns whether this is [`Sampling::All`].
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Checks that images of a task can be drawn so.
    ///
    /// # Errors
    /// [`Error::Config`] for balanced classes where an image has no single class.
    pub fn check(self, task: &Task) -> Result<(), Error> {
        match task {
            Task::Multilabel { .. } if self == Self::Balanced => Err(Error::Config(
                "sample `balanced`: expected a dataset with one class per image, found a multilabel one\n\
                 hint: task_weights = \"rarity\" gives rare tasks more weight in the loss"
                    .into(),
            )),
            _ => Ok(()),
        }
    }

    /// Draws the images of an epoch from the training images of a dataset, by their indices. A
    /// bootstrap is the same in each epoch, since it is what tells a run's data from another's.
    /// Balanced classes are drawn again: else most images of a common class would never be seen.
    pub(crate) fn draw(
        self,
        dataset: &dyn Dataset,
        train: &Arc<[usize]>,
        seed: u64,
        epoch: u64,
    ) -> Arc<[usize]> {
        match self {
            Self::All => train.clone(),
            Self::Bootstrap => {
                let mut rng = stream(seed, "bootstrap", &[]);
                train.iter().map(|_| train[rng.random_range(..train.len())]).collect()
            }
            Self::Balanced => balanced(dataset, train, seed, epoch).into(),
        }
    }
}

fn balanced(dataset: &dyn Dataset, train: &[usize], seed: u64, epoch: u64) -> Vec<usize> {
    let mut by_class: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &index in train {
        if let Target::Class(class) = dataset.samples()[index].target {
            by_class.entry(class).or_default().push(index);
        }
    }
    let mut rng = stream(seed, "balanced", &[epoch]);
    let mut classes: Vec<Vec<usize>> = by_class.into_values().collect();
    // The first classes take the remainder of the division, so their order is drawn, too.
    classes.shuffle(&mut rng);
    let (images, count) = (train.len(), classes.len());
    let mut drawn = Vec::with_capacity(images);
    for (at, class) in classes.iter_mut().enumerate() {
        class.shuffle(&mut rng);
        let share = images / count + usize::from(at < images % count);
        drawn.extend(class.iter().copied().cycle().take(share));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use ff_data::{Image, Inventory, Sample};

    struct Classes(Inventory);

    impl Dataset for Classes {
        fn inventory(&self) -> &Inventory {
            &self.0
        }
        fn image(&self, _: usize) -> Result<Image, ff_data::Error> {
            Ok(Image::filled(1, 1, [0; 3]))
        }
    }

    /// A dataset of classes with these numbers of images, after one image that is not trained on,
    /// and its training images.
    fn classes<const N: usize>(images: [usize; N]) -> (Classes, Arc<[usize]>) {
        let targets = images.iter().enumerate().flat_map(|(class, &count)| vec![class; count]);
        let sample = |(number, class): (usize, usize)| Sample {
            id: number.to_string(),
            target: Target::Class(class),
            group: None,
            split: None,
        };
        let samples: Vec<_> = std::iter::once(0).chain(targets).enumerate().map(sample).collect();
        let train = (1..samples.len()).collect();
        let task = Task::Multiclass { classes: (0..N).map(|class| class.to_string()).collect() };
        (Classes(Inventory::new(task, samples, "")), train)
    }

    fn counts<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
        let mut counts = BTreeMap::new();
        of.into_iter().for_each(|one| *counts.entry(one).or_default() += 1);
        counts
    }

    #[test]
    fn a_bootstrap_is_drawn_once_with_replacement() {
        let (data, train) = classes([1200, 800]);
        let draw = |seed, epoch| Sampling::Bootstrap.draw(&data, &train, seed, epoch);
        let drawn = draw(5, 1);
        assert_eq!(drawn.len(), train.len());
        let images: BTreeSet<_> = drawn.iter().copied().collect();
        assert!(images.is_subset(&train.iter().copied().collect()));
        // 1 − 1/e, which the share of 2,000 images meets to 0.007 in two of three cases.
        let share = images.len() as f64 / train.len() as f64;
        assert!((share - 0.632).abs() < 0.03, "{share}");
        assert_eq!(drawn, draw(5, 2));
        assert_ne!(drawn, draw(6, 1));
    }

    #[test]
    fn balanced_classes_are_equally_frequent() {
        for images in [[30, 5, 12], [1, 100, 1], [4, 4, 4], [0, 3, 20]] {
            let (data, train) = classes(images);
            let draw = |seed, epoch| Sampling::Balanced.draw(&data, &train, seed, epoch);
            let drawn = draw(5, 1);
            assert_eq!(drawn.len(), train.len());
            assert!(drawn.iter().all(|index| train.contains(index)));
            let class = |index: usize| match data.samples()[index].target {
                Target::Class(class) => class,
                Target::Labels(_) => unreachable!(),
            };
            let of_class = counts(drawn.iter().map(|&index| class(index)));
            let (least, most) = (of_class.values().min().unwrap(), of_class.values().max().unwrap());
            assert!(most - least <= 1, "{images:?}: {of_class:?}");
            assert_eq!(of_class.len(), images.iter().filter(|&&count| count > 0).count());
            // The images of a class are repeated as evenly as possible.
            let of_image = counts(drawn.iter().copied());
            for &index in &*train {
                let (found, frequency) =
                    (of_image.get(&index).copied().unwrap_or(0), of_class[&class(index)]);
                let count = images[class(index)];
                assert!((frequency / count..=frequency.div_ceil(count)).contains(&found), "{images:?}");
            }
            assert_eq!(drawn, draw(5, 1));
            assert_ne!(drawn, draw(6, 1));
            assert_ne!(drawn, draw(5, 2));
        }
    }

    #[test]
    fn every_image_of_a_common_class_is_seen() {
        let (data, train) = classes([90, 10]);
        let epochs = (0..20).flat_map(|epoch| Sampling::Balanced.draw(&data, &train, 0, epoch).to_vec());
        assert_eq!(counts(epochs).len(), train.len());
    }

    #[test]
    fn all_is_the_training_split() {
        let (data, train) = classes([3, 2]);
        assert_eq!(Sampling::All.draw(&data, &train, 5, 1), train);
        let (data, none) = classes([0, 0]);
        for sample in [Sampling::All, Sampling::Bootstrap, Sampling::Balanced] {
            assert!(sample.draw(&data, &none, 5, 1).is_empty());
        }
    }

    #[test]
    fn balanced_needs_one_class_per_image() {
        let multilabel = Task::Multilabel { tasks: vec!["a".into()] };
        assert!(Sampling::Bootstrap.check(&multilabel).is_ok());
        assert!(Sampling::Balanced.check(classes([1, 1]).0.task()).is_ok());
        let error = Sampling::Balanced.check(&multilabel).unwrap_err().to_string();
        assert!(error.starts_with("sample `balanced`: expected a dataset with one class"), "{error}");
    }

    #[test]
    fn names_are_those_of_configurations() {
        for sample in [Sampling::All, Sampling::Bootstrap, Sampling::Balanced] {
            assert_eq!(serde_json::to_value(sample).unwrap(), sample.name());
        }
    }
}
