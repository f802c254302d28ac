use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::augment::Augment;
use crate::dataset::{Inventory, Sample, Target, Task};
use crate::decode::catch;
use crate::error::Error;
use crate::image::Image;

/// Images that follow from their index; some are unreadable, one panics, of one the decoder panics.
struct Numbers {
    inventory: Inventory,
    bad: Vec<usize>,
    panics: Option<usize>,
    decoder_panics: Option<usize>,
    delay: Duration,
    read: AtomicUsize,
}

fn numbers(count: usize, bad: &[usize]) -> Numbers {
    let target = |i: usize| Target::Labels(vec![Some(i.is_multiple_of(2)), None]);
    let sample = |i| Sample { id: format!("s{i}"), target: target(i), group: None, split: None };
    let task = Task::Multilabel { tasks: vec!["even".into(), "open".into()] };
    Numbers {
        inventory: Inventory::new(task, (0..count).map(sample).collect(), "numbers"),
        bad: bad.to_vec(),
        panics: None,
        decoder_panics: None,
        delay: Duration::ZERO,
        read: AtomicUsize::new(0),
    }
}

impl Dataset for Numbers {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }
    fn image(&self, index: usize) -> Result<Image, Error> {
        self.read.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.delay);
        assert_ne!(Some(index), self.panics, "a strange picture");
        if self.decoder_panics == Some(index) {
            return catch(&format!("{index}.tif"), || panic!("a strange tile"));
        }
        if self.bad.contains(&index) {
            return Err(Error::image(format!("{index}.png"), "a picture", "none"));
        }
        let data = (0..5 * 4 * 3).map(|byte| (byte * 4 + index) as u8).collect();
        Ok(Image { width: 5, height: 4, data })
    }
}

fn config(threads: usize) -> LoaderConfig {
    LoaderConfig {
        batch_size: 3,
        image_size: 4,
        augment: Augment::Heavy,
        shuffle: true,
        seed: 7,
        threads,
        prefetch: 2,
        on_bad_image: OnBadImage::Error,
    }
}

fn loader(dataset: Numbers, config: LoaderConfig) -> Loader {
    let indices = (0..dataset.samples().len()).collect();
    Loader::new(Arc::new(dataset), indices, config)
}

fn sizes(batches: &[Batch]) -> Vec<usize> {
    batches.iter().map(|batch| batch.indices.len()).collect()
}

fn all(loader: &Loader, epoch: u64) -> Vec<Batch> {
    loader.epoch(epoch).collect::<Result<_, _>>().unwrap()
}

#[test]
fn threads_do_not_change_the_batches() {
    let reference = all(&loader(numbers(20, &[]), config(0)), 4);
    assert_eq!(sizes(&reference), [3, 3, 3, 3, 3, 3, 2]);
    for threads in [1, 3, 16] {
        assert_eq!(all(&loader(numbers(20, &[]), config(threads)), 4), reference);
    }
    let loader = loader(numbers(20, &[]), config(3));
    assert_eq!(loader.batches(), 7);
    assert_ne!(all(&loader, 5), reference);
    assert_eq!(all(&loader, 4), reference);
    let mut indices: Vec<_> = reference.iter().flat_map(|batch| batch.indices.clone()).collect();
    assert_ne!(indices, (0..20).collect::<Vec<_>>());
    indices.sort_unstable();
    assert_eq!(indices, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_batch_holds_images_and_targets_in_order() {
    let plain = LoaderConfig { augment: Augment::Eval, shuffle: false, ..config(2) };
    let dataset = Arc::new(numbers(9, &[]));
    let loader = Loader::new(dataset.clone(), [8, 1, 5, 2, 0].into(), plain);
    let batches = all(&loader, 0);
    assert_eq!(batches[0].indices, [8, 1, 5]);
    assert_eq!(batches[1].indices, [2, 0]);
    assert_eq!((batches[0].image_size, batches[0].images.len()), (4, 3 * 4 * 4 * 3));
    let nan = f32::NAN;
    assert_eq!(batches[0].targets, Targets::Labels(vec![1.0, nan, 0.0, nan, 0.0, nan]));
    let mut rng = stream(7, "augment", &[0, 1]);
    let second = Augment::Eval.apply(&dataset.image(1).unwrap(), 4, &mut rng);
    assert_eq!(batches[0].images[48..96], second.data);
}

#[test]
fn copies_of_a_sample_are_augmented_differently() {
    let plain = LoaderConfig { augment: Augment::Medium, shuffle: false, batch_size: 9, ..config(2) };
    let load = |indices: &[usize], config: &LoaderConfig| {
        let loader = Loader::new(Arc::new(numbers(9, &[])), indices.into(), config.clone());
        loader.epoch(4).next().unwrap().unwrap()
    };
    let images = |batch: &Batch| batch.images.chunks_exact(48).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let once = images(&load(&[3, 1, 2], &plain));
    let repeated = load(&[3, 1, 1, 2, 1], &plain);
    assert_eq!(repeated.indices, [3, 1, 1, 2, 1]);
    let repeated = images(&repeated);
    let first = Vec::from([0, 1, 3].map(|at: usize| repeated[at].clone()));
    assert_eq!(first, once, "other samples and first copies are as without repeats");
    assert!(repeated[1] != repeated[2] && repeated[1] != repeated[4] && repeated[2] != repeated[4]);
    let dataset = numbers(9, &[]);
    for (at, copy) in [(2, 1), (4, 2)] {
        let mut rng = stream(7, "augment", &[4, 1, copy]);
        assert_eq!(repeated[at], Augment::Medium.apply(&dataset.image(1).unwrap(), 4, &mut rng).data);
    }

    let shuffled = LoaderConfig { shuffle: true, ..plain };
    let mut again = images(&load(&[3, 1, 1, 2, 1], &shuffled));
    let mut same = repeated;
    again.sort();
    same.sort();
    assert_eq!(again, same, "the order does not change an image");
}

#[test]
fn a_lone_last_sample_joins_the_batch_before_it() {
    for (samples, batch_size, expected) in
        [(7, 3, vec![3, 4]), (8, 3, vec![3, 3, 2]), (4, 3, vec![4]), (1, 3, vec![1]), (3, 1, vec![1, 1, 1])]
    {
        let loader = loader(numbers(samples, &[]), LoaderConfig { batch_size, ..config(2) });
        assert_eq!(sizes(&all(&loader, 0)), expected);
        assert_eq!(loader.batches(), expected.len());
    }
}

#[test]
fn a_lone_readable_sample_joins_its_neighbour() {
    for threads in [0, 1, 3] {
        let skipping = LoaderConfig { shuffle: false, on_bad_image: OnBadImage::Skip, ..config(threads) };
        for (bad, expected) in [
            (&[0, 1][..], vec![vec![2, 3, 4, 5], vec![6, 7, 8]]),
            (&[4, 5], vec![vec![0, 1, 2, 3], vec![6, 7, 8]]),
            (&[6, 8], vec![vec![0, 1, 2], vec![3, 4, 5, 7]]),
            (&[0, 2, 3, 4], vec![vec![1, 5], vec![6, 7, 8]]),
            (&[3, 4, 5, 6, 7], vec![vec![0, 1, 2, 8]]),
            (&[0, 1, 3, 4, 5, 6, 7, 8], vec![vec![2]]),
        ] {
            let found = all(&loader(numbers(9, bad), skipping.clone()), 0);
            let indices: Vec<_> = found.iter().map(|batch| batch.indices.clone()).collect();
            assert_eq!(indices, expected, "{bad:?}");
            assert_eq!(found.iter().map(|batch| batch.skipped.len()).sum::<usize>(), bad.len());
            for batch in found {
                let whole = LoaderConfig { batch_size: 9, ..skipping.clone() };
                let whole = Loader::new(Arc::new(numbers(9, &[])), batch.indices.into(), whole);
                let whole = all(&whole, 0).remove(0);
                assert_eq!((batch.images, batch.targets), (whole.images, whole.targets), "{bad:?}");
            }
        }
        let single = LoaderConfig { batch_size: 1, ..skipping };
        assert_eq!(sizes(&all(&loader(numbers(3, &[1]), single), 0)), [1, 1]);
    }
}

#[test]
fn a_bad_image_ends_the_epoch() {
    for threads in [0, 1, 3] {
        let strict = loader(numbers(9, &[4]), LoaderConfig { shuffle: false, ..config(threads) });
        let items: Vec<_> = strict.epoch(0).collect();
        assert_eq!(items.len(), 2);
        assert!(items[0].is_ok());
        assert!(items[1].as_ref().unwrap_err().to_string().contains("4.png: expected a picture"));
    }
}

#[test]
fn skipped_names_are_never_lost() {
    for threads in [0, 1, 3] {
        let skipping = LoaderConfig { shuffle: false, on_bad_image: OnBadImage::Skip, ..config(threads) };
        // Of the first batch and the last two all images are bad, of the third one is.
        let bad = [0, 1, 2, 7, 9, 10, 11, 12];
        let batches = all(&loader(numbers(13, &bad), skipping.clone()), 0);
        let indices: Vec<_> = batches.iter().map(|batch| batch.indices.clone()).collect();
        assert_eq!(indices, [vec![3, 4, 5], vec![6, 8]]);
        assert_eq!(batches[1].images.len(), 2 * 48);
        let names = |batch: &Batch| {
            batch.skipped.iter().map(|text| text[..text.find(':').unwrap()].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&batches[0]), ["s0", "s1", "s2"]);
        assert_eq!(names(&batches[1]), ["s7", "s9", "s10", "s11", "s12"]);
        assert!(batches[0].skipped[0].contains("0.png: expected a picture"));

        let items: Vec<_> = loader(numbers(2, &[0, 1]), skipping).epoch(0).collect();
        assert_eq!(items.len(), 1);
        assert!(items[0].as_ref().unwrap_err().to_string().contains("none of 2 images can be read"));
    }
}

#[test]
fn a_panic_becomes_an_error() {
    for threads in [0, 2] {
        let mut dataset = numbers(9, &[]);
        dataset.panics = Some(4);
        let skipping = LoaderConfig { shuffle: false, on_bad_image: OnBadImage::Skip, ..config(threads) };
        let items: Vec<_> = loader(dataset, skipping).epoch(0).collect();
        let text = items.last().unwrap().as_ref().unwrap_err().to_string();
        assert!(text.contains("a thread panicked") && text.contains("a strange picture"), "{text}");
    }
}

#[test]
fn a_decoders_panic_is_an_unreadable_image() {
    for threads in [0, 2] {
        let panicking = || Numbers { decoder_panics: Some(4), ..numbers(9, &[]) };
        let strict = LoaderConfig { shuffle: false, ..config(threads) };
        let skipping = LoaderConfig { on_bad_image: OnBadImage::Skip, ..strict.clone() };
        let text = loader(panicking(), strict).epoch(0).last().unwrap().unwrap_err().to_string();
        assert!(text.contains("4.tif: expected an image that can be decoded"), "{text}");
        let batches = all(&loader(panicking(), skipping), 0);
        assert_eq!(sizes(&batches), [3, 2, 3]);
        assert!(batches[1].skipped[0].contains("the decoder fails: a strange tile"), "{batches:?}");
    }
}

#[test]
fn an_epoch_resumes_at_any_batch() {
    for threads in [0, 1, 3] {
        let skipping = LoaderConfig { shuffle: false, on_bad_image: OnBadImage::Skip, ..config(threads) };
        for (bad, config) in [(vec![], config(threads)), (vec![3, 4, 5, 7, 12, 13, 14], skipping)] {
            let loader = loader(numbers(16, &bad), config);
            let whole = all(&loader, 2);
            for (at, batch) in whole.iter().enumerate() {
                let rest: Vec<_> = loader.epoch_from(2, batch.number + 1).map(Result::unwrap).collect();
                assert_eq!(rest, whole[at + 1..], "{threads} threads, after batch {}", batch.number);
            }
            assert_eq!(loader.epoch_from(2, 99).count(), 0);
        }
    }
}

#[test]
fn a_thread_that_hangs_is_an_error() {
    let mut dataset = numbers(9, &[]);
    // Threads that hang are abandoned, so the test does not wait.
    dataset.delay = Duration::from_secs(3600);
    let slow = Loader { patience: Duration::from_millis(50), ..loader(dataset, config(2)) };
    let items: Vec<_> = slow.epoch(0).collect();
    assert_eq!(items.len(), 1);
    let text = items[0].as_ref().unwrap_err().to_string();
    assert!(text.contains("a thread hangs") && text.contains("of 3 images (s"), "{text}");
}

#[test]
fn dropping_an_epoch_stops_its_threads() {
    let mut dataset = numbers(3000, &[]);
    dataset.delay = Duration::from_millis(2);
    let dataset = Arc::new(dataset);
    let loader = Loader::new(dataset.clone(), (0..3000).collect(), config(3));
    let mut epoch = loader.epoch(0);
    assert!(epoch.next().unwrap().is_ok());
    drop(epoch);
    drop(loader.epoch(1));
    // Of twice 3,000 images only those of batches that were ready or being made were read.
    assert!(dataset.read.load(Ordering::Relaxed) < 300);
    assert_eq!(Arc::strong_count(&dataset), 2, "no thread holds the dataset");
}

#[test]
fn prefetch_is_bounded() {
    let dataset = Arc::new(numbers(3000, &[]));
    let loader = Loader::new(dataset.clone(), (0..3000).collect(), config(2));
    let mut epoch = loader.epoch(0);
    epoch.next().unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    // One batch taken, two ready, two being made, and one in place of the taken one.
    assert!(dataset.read.load(Ordering::Relaxed) <= 6 * 3);
}

#[test]
fn no_samples_give_no_batches() {
    for threads in [0, 2] {
        let loader = Loader::new(Arc::new(numbers(3, &[])), [].into(), config(threads));
        assert_eq!((loader.batches(), loader.epoch(0).count()), (0, 0));
    }
}
