//! Recomputed BatchNorm statistics.

use std::sync::{Arc, Mutex};

use ff_checkpoint::StateDict;
use ff_data::{Dataset, Image, Inventory, OnBadImage, Phantom, PhantomKind};
use ff_models::Model;
use ff_train::Recalibration;
use tch::Device;

use crate::SPEC;

/// Drawn images, and which of them were decoded.
struct Counted {
    images: Phantom,
    decoded: Mutex<Vec<usize>>,
}

impl Dataset for Counted {
    fn inventory(&self) -> &Inventory {
        self.images.inventory()
    }

    fn image(&self, index: usize) -> Result<Image, ff_data::Error> {
        self.decoded.lock().unwrap().push(index);
        self.images.image(index)
    }
}

#[test]
fn only_the_first_pass_decodes_the_sample() {
    tch::set_num_threads(1);
    let images = Phantom::new(PhantomKind::Shapes, 16, [60, 6, 0], 5, false).unwrap();
    let dataset = Arc::new(Counted { images, decoded: Mutex::default() });
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
