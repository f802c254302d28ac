//! Predictions of any number of images, batch by batch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ff_data::{Augment, Dataset, Image, Inventory, Loader, LoaderConfig, OnBadImage};
use ff_models::Model;

use crate::error::Error;
use crate::evaluate::{logits, values};
use crate::upload::send_images;

/// The logits of one image, or why it cannot be read.
pub type Predicted = Result<Vec<f32>, ff_data::Error>;

/// Predicts images of a dataset, by index, in batches of their order. Unlike
/// [`EvalSet`](crate::EvalSet), it keeps neither images nor logits, so the memory does not depend on
/// the number of images. `threads` threads decode and resize (0: the calling thread).
///
/// Each image has logits, `[outputs]`, or an error of its own. An error of a batch ends the iterator:
/// logits that are not finite ([`Error::NotFinite`]), or threads that fail.
///
/// ```
/// use std::sync::Arc;
///
/// use ff_data::{Phantom, PhantomKind};
/// use ff_models::{Architecture, Spec};
/// use ff_train::tch::Device;
/// use ff_train::{Model, predict_batches};
///
/// let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [0, 0, 12], 1, false)?);
/// let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, 6) };
/// let model = Model::new(&spec, Device::Cpu, 0)?;
/// let mut sizes = Vec::new();
/// for batch in predict_batches(&model, dataset, (0..12).collect(), 8, 0) {
///     let batch = batch?;
///     assert!(batch.iter().all(|image| image.as_ref().is_ok_and(|logits| logits.len() == 6)));
///     sizes.push(batch.len());
/// }
/// assert_eq!(sizes, [8, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `batch_size` is 0, or an index is out of range.
pub fn predict_batches(
    model: &Model,
    dataset: Arc<dyn Dataset>,
    indices: Arc<[usize]>,
    batch_size: usize,
    threads: usize,
) -> impl Iterator<Item = Result<Vec<Predicted>, Error>> {
    let config = LoaderConfig {
        batch_size,
        image_size: model.spec().image_size,
        augment: Augment::Eval,
        shuffle: false,
        seed: 0,
        threads,
        prefetch: 2,
        on_bad_image: OnBadImage::Error,
    };
    let dataset = Arc::new(Lenient { inner: dataset, failed: Mutex::default() });
    let outputs = model.spec().outputs;
    Loader::new(dataset.clone(), indices, config).epoch(0).map(move |batch| {
        let batch = batch?;
        let images = send_images(&batch.images, batch.image_size, model.device()).receive();
        let logits = values(&logits(model, images, batch_size));
        if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
            let id = &dataset.samples()[batch.indices[at / outputs]].id;
            return Err(Error::NotFinite { what: format!("logits of {id}") });
        }
        let mut failed = dataset.failed.lock().expect("errors of images");
        let images = batch.indices.iter().zip(logits.chunks_exact(outputs));
        Ok(images.map(|(index, logits)| failed.remove(index).map_or(Ok(logits.to_vec()), Err)).collect())
    })
}

/// A dataset in which an image that cannot be read is black, with its error kept. So a batch has all
/// of its images, whatever can be read.
struct Lenient {
    inner: Arc<dyn Dataset>,
    failed: Mutex<HashMap<usize, ff_data::Error>>,
}

impl Dataset for Lenient {
    fn inventory(&self) -> &Inventory {
        self.inner.inventory()
    }

    fn image(&self, index: usize) -> Result<Image, ff_data::Error> {
        Ok(self.inner.image(index).unwrap_or_else(|error| {
            self.failed.lock().expect("errors of images").insert(index, error);
            Image { width: 1, height: 1, data: vec![0; 3] }
        }))
    }
}
