//! Recomputed BatchNorm statistics.

use std::sync::{Arc, Mutex};

use ff_checkpoint::StateDict;
use ff_data::{Dataset, Image, Inventory, OnBadImage, Phantom, PhantomKind};
use ff_models::Model;
use ff_train::Recalibration;
use tch::Device;

use crate::SPEC;

/// Drawn images, which of them were decoded, and which cannot be.
struct Counted {
    images: Phantom,
    decoded: Mutex<Vec<usize>>,
    bad: Vec<usize>,
}

impl Counted {
    fn new(train: usize, bad: &[usize]) -> Arc<Self> {
        let images = Phantom::new(PhantomKind::Shapes, 16, [train, 6, 0], 5, false).unwrap();
        Arc::new(Self { images, decoded: Mutex::default(), bad: bad.to_vec() })
    }
}

impl Dataset for Counted {
    fn inventory(&self) -> &Inventory {
        self.images.inventory()
    }

    fn image(&self, index: usize) -> Result<Image, ff_data::Error> {
        self.decoded.lock().unwrap().push(index);
        match self.bad.contains(&index) {
            true => Err(ff_data::Error::image(index, "a picture", "none")),
            false => self.images.image(index),
        }
    }
}

#[test]
fn only_the_first_pass_decodes_the_sample() {
    tch::set_num_threads(1);
    let dataset = Counted::new(60, &[]);
    let decoded = || {
        let mut decoded = std::mem::take(&mut *dataset.decoded.lock().unwrap());
        decoded.sort_unstable();
        decoded
    };
    let train: Vec<usize> = (0..60).collect();
    let sample = Recalibration::sample(&train, 17);
    let new = || Recalibration::new(dataset.clone(), sample.clone(), 16, 8, 0, OnBadImage::Error);
    let shared = new();
    assert_eq!((shared.images(), shared.kept_bytes()), (17, 17 * 3 * 16 * 16));
    for seed in [1, 2] {
        let model = |images: &Recalibration| {
            let model = Model::new(&SPEC, Device::Cpu, seed).unwrap();
            images.run(&model).unwrap();
            StateDict::from_tensors(model.state_dict())
        };
        let found = model(&shared);
        let expected: &[usize] = if seed == 1 { &sample } else { &[] };
        assert_eq!(decoded(), expected, "model {seed}");
        // The 17th image is in the second batch of 8.
        assert_eq!(found.get("bn1.num_batches_tracked").unwrap().to_i64().unwrap(), [2]);

        let fresh = model(&new());
        assert_eq!(decoded(), &*sample);
        assert!(found.iter().eq(fresh.iter()), "model {seed}");
    }
}

#[test]
fn a_batch_is_never_of_one_image() {
    let run = |bad: &[usize], batch_size: usize, on_bad_image: OnBadImage| {
        let images =
            Recalibration::new(Counted::new(6, bad), (0..6).collect(), 16, batch_size, 0, on_bad_image);
        let model = Model::new(&SPEC, Device::Cpu, 1).unwrap();
        images.run(&model).map(|()| (StateDict::from_tensors(model.state_dict()), images.skipped().len()))
    };
    let batches = |weights: &StateDict| weights.get("bn1.num_batches_tracked").unwrap().to_i64().unwrap()[0];
    // Two batches of three images. In six of fifteen pairs of unreadable images both are in one batch,
    // whose third image joins the other three.
    let mut joined = 0;
    for (one, other) in (0..6).flat_map(|one| (0..one).map(move |other| (one, other))) {
        let (weights, skipped) = run(&[one, other], 3, OnBadImage::Skip).unwrap();
        assert_eq!(skipped, 2);
        joined += usize::from(batches(&weights) == 1);
        let mut values = weights.iter().filter_map(|(_, tensor)| tensor.to_f64()).flatten();
        assert!(values.all(f64::is_finite), "{one} and {other}");
    }
    assert_eq!(joined, 6);
    let (weights, skipped) = run(&[], 1, OnBadImage::Error).unwrap();
    assert_eq!((batches(&weights), skipped), (3, 0), "at least two images at a time");
    let alone = run(&[0, 1, 3, 4, 5], 3, OnBadImage::Skip).unwrap_err().to_string();
    assert!(alone.contains("expected at least two readable training images, found one\nhint:"), "{alone}");
}
