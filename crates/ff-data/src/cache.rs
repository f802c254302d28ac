//! Keeps decoded images in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::dataset::{Dataset, Inventory};
use crate::error::Error;
use crate::image::Image;

/// A dataset that wraps another and keeps decoded images in memory, up to a budget.
///
/// A grid reads the same images many times, and decoding costs more than anything else that the
/// loader does. Images are kept in the order of their first use; when the budget is spent, further
/// images are decoded at each read. Failures are not kept.
pub struct InMemory {
    dataset: Arc<dyn Dataset>,
    pictures: Vec<OnceLock<Image>>,
    budget_bytes: usize,
    used_bytes: AtomicUsize,
}

impl InMemory {
    /// Wraps `dataset` and keeps at most `budget_bytes` bytes of its pixels.
    pub fn new(dataset: Arc<dyn Dataset>, budget_bytes: usize) -> Self {
        let pictures = std::iter::repeat_with(OnceLock::new).take(dataset.samples().len()).collect();
        Self { dataset, pictures, budget_bytes, used_bytes: AtomicUsize::new(0) }
    }

    fn reserve(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= self.budget_bytes);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

impl Dataset for InMemory {
    fn inventory(&self) -> &Inventory {
        self.dataset.inventory()
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        if let Some(picture) = self.pictures[index].get() {
            return Ok(picture.clone());
        }
        let picture = self.dataset.image(index)?;
        let bytes = picture.data.len();
        // If another thread has stored the same image meanwhile, its bytes are counted already.
        if self.reserve(bytes) && self.pictures[index].set(picture.clone()).is_err() {
            self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(picture)
    }

    /// Returns the wrapped dataset's digest, which may differ from that of its inventory.
    fn digest(&self) -> &str {
        self.dataset.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Sample, Target, Task};

    struct Counting {
        inventory: Inventory,
        decoded: AtomicUsize,
    }

    impl Counting {
        fn new() -> Arc<Self> {
            let sample =
                |i| Sample { id: format!("{i}"), target: Target::Class(0), group: None, split: None };
            let task = Task::Multiclass { classes: vec!["only".into()] };
            let inventory = Inventory::new(task, (0..4).map(sample).collect(), "digest");
            Arc::new(Self { inventory, decoded: AtomicUsize::new(0) })
        }
    }

    impl Dataset for Counting {
        fn inventory(&self) -> &Inventory {
            &self.inventory
        }
        fn image(&self, index: usize) -> Result<Image, Error> {
            self.decoded.fetch_add(1, Ordering::Relaxed);
            if index == 3 {
                return Err(Error::image("3", "an image", "none"));
            }
            Ok(Image::filled(2, 2, [index as u8; 3]))
        }
    }

    #[test]
    fn images_beyond_the_budget_are_decoded_each_time() {
        let inner = Counting::new();
        let cache = InMemory::new(inner.clone(), 2 * 12);
        for _ in 0..3 {
            for index in 0..3 {
                assert_eq!(cache.image(index).unwrap().data, [index as u8; 12]);
            }
        }
        assert_eq!(cache.used_bytes.load(Ordering::Relaxed), 24);
        // 0 and 1 once, 2 (over the budget) three times.
        assert_eq!(inner.decoded.load(Ordering::Relaxed), 5);
        assert!(cache.image(3).is_err() && cache.image(3).is_err());
        assert_eq!((cache.samples().len(), cache.digest()), (4, "digest"));
    }

    #[test]
    fn threads_that_race_count_an_image_once() {
        let cache = InMemory::new(Counting::new(), usize::MAX);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..3).for_each(|index| drop(cache.image(index).unwrap())));
            }
        });
        assert_eq!(cache.used_bytes.load(Ordering::Relaxed), 3 * 12);
    }
}
