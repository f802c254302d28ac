//! A dataset of your own: implements [`Dataset`] in one file, then splits and loads it like those
//! that the crate reads.

use std::path::Path;
use std::sync::Arc;

use ff_data::{
    Augment, Dataset, Error, Image, Inventory, Loader, LoaderConfig, OnBadImage, Sample, SplitRule, Target,
    Targets, Task,
};

const IMAGES: usize = 40;

/// Alternating dark and bright images.
struct Brightness {
    inventory: Inventory,
}

impl Brightness {
    fn new() -> Self {
        let sample = |index: usize| Sample {
            id: format!("{index:02}"),
            target: Target::Class(index % 2),
            group: None,
            split: None,
        };
        let task = Task::Multiclass { classes: vec!["dark".into(), "bright".into()] };
        Self { inventory: Inventory::new(task, (0..IMAGES).map(sample).collect(), "brightness-1") }
    }
}

impl Dataset for Brightness {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        Ok(Image::filled(12, 9, [level(index); 3]))
    }
}

fn level(index: usize) -> u8 {
    (index % 2 * 128 + index) as u8
}

#[test]
fn an_own_dataset_is_split_and_loaded() {
    let dataset = Arc::new(Brightness::new());
    let rule = SplitRule::Ratio { train: 0.5, val: 0.25, test: 0.25, seed: 1, grouped: false };
    let splits = rule.split(&*dataset, Path::new("")).unwrap();
    assert_eq!([splits.train.len(), splits.val.len(), splits.test.len()], [20, 10, 10]);
    let mut all = [&*splits.train, &*splits.val, &*splits.test].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..IMAGES));

    let config = LoaderConfig {
        batch_size: 6,
        image_size: 8,
        augment: Augment::Eval,
        shuffle: true,
        seed: 3,
        threads: 2,
        prefetch: 2,
        on_bad_image: OnBadImage::Error,
    };
    let loader = Loader::new(dataset, splits.train.clone(), config);
    let batches: Vec<_> = loader.epoch(0).collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.iter().map(|batch| batch.indices.len()).collect::<Vec<_>>(), [6, 6, 6, 2]);
    let mut seen: Vec<usize> = Vec::new();
    for batch in &batches {
        let classes = batch.indices.iter().map(|index| (index % 2) as i64).collect();
        assert_eq!(batch.targets, Targets::Classes(classes));
        for (pixels, &index) in batch.images.chunks_exact(8 * 8 * 3).zip(&batch.indices) {
            assert!(pixels.iter().all(|&value| value == level(index)), "{index}");
        }
        seen.extend(&batch.indices);
    }
    seen.sort_unstable();
    assert_eq!(seen, &*splits.train);
}
