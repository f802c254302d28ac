//! Keeps resized images of a dataset on disk.
//!
//! Cached images are read and not memory-mapped. A file that another process truncates then gives
//! an error and not a signal, resident memory stays small, and the copy is needed anyway. Each
//! process appends to a pack of its own, so nothing is ever rewritten.
//!
//! The size is part of the data's identity, the cache is not: with another size a dataset has
//! another digest, whether or not its images come from a cache.

mod pack;
mod packs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};

use pack::Limits;
use packs::Packs;

use crate::augment::resize;
use crate::dataset::{Dataset, Inventory};
use crate::error::{Error, panic_text};
use crate::image::Image;
use crate::threads::on_each_thread;

/// A dataset that wraps another and keeps its images on disk, resized.
///
/// Decoding a large image costs far more than reading a small one. An image is resized and written
/// when it is first read: if its shorter side has more than `px` pixels, it gets `px`, and the
/// longer side `longer * px / shorter`, rounded to nearest, halves up. Smaller images are unchanged.
/// Resampling is that of [`resize`].
///
/// Images are in `folder/<first 32 digits of the digest>/*.pack`, uncompressed. All processes share
/// them: each appends to a pack of its own, and reads what the packs held when it opened them. A
/// process may be killed at any moment. Checksums detect damage; the image is then decoded again,
/// with a warning. If nothing can be written, a warning says so and images are decoded at each
/// read. Pixels never depend on the cache. The folder may be deleted when no process uses it.
///
/// Several threads may read images at the same time. Failures are not kept.
pub struct ResizedCache {
    dataset: Arc<dyn Dataset>,
    px: u32,
    digest: String,
    packs: Option<Packs>,
    /// Whether the log says that images are shrunk.
    telling: Once,
}

/// The result of [`ResizedCache::prepare`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Images that were on disk already. Their checksums are checked only when they are read.
    pub kept_before: usize,
    /// Images that were decoded and written.
    pub added: usize,
    /// Images that cannot be read: id and reason, in the order of the samples.
    pub unreadable: Vec<String>,
    /// Bytes of pixels on disk, each image counted once.
    pub bytes: u64,
}

impl ResizedCache {
    /// Opens the cache of `dataset` in `folder`, reading a few bytes per image. Without a folder,
    /// images are resized at each read and nothing is kept. A missing folder is made when the first
    /// image is written.
    ///
    /// # Panics
    /// If `px` is 0.
    pub fn new(dataset: Arc<dyn Dataset>, px: u32, folder: Option<&Path>) -> Self {
        assert!(px > 0, "px is at least 1");
        let digest = digest(dataset.digest(), px);
        let hex = digest.to_hex().to_string();
        let limits = Limits { samples: dataset.samples().len(), px };
        let packs = folder.map(|folder| Packs::open(folder.join(&hex[..32]), *digest.as_bytes(), limits));
        Self { dataset, px, digest: hex, packs, telling: Once::new() }
    }

    /// Decodes and writes all images that are not on disk yet, on `threads` threads (at least one).
    ///
    /// Calls `progress(done, total)` after each of them, in order, from any thread. The result
    /// names the images that cannot be read or on which a decoder panics. Without a folder nothing
    /// is done.
    ///
    /// # Errors
    /// [`Error::Write`] if images cannot be written; those on disk are kept.
    pub fn prepare(
        &self,
        threads: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Prepared, Error> {
        let Some(packs) = &self.packs else { return Ok(Prepared::default()) };
        let samples = self.samples();
        let missing: Vec<usize> = (0..samples.len()).filter(|&index| !packs.holds(index)).collect();
        let (next, added, done) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(0));
        let work = || {
            let mut unreadable = Vec::new();
            while packs.failure().is_none()
                && let Some(&index) = missing.get(next.fetch_add(1, Ordering::Relaxed))
            {
                match catch_unwind(AssertUnwindSafe(|| self.make(index))) {
                    Ok(Ok((_, kept))) => drop(added.fetch_add(usize::from(kept), Ordering::Relaxed)),
                    Ok(Err(error)) => unreadable.push((index, error.to_string())),
                    Err(panic) => unreadable.push((index, format!("panic: {}", panic_text(&*panic)))),
                }
                let mut done = done.lock().expect("progress does not panic");
                *done += 1;
                progress(*done, missing.len());
            }
            unreadable
        };
        let count = threads.clamp(1, missing.len().max(1));
        let mut unreadable = on_each_thread(count, work).concat();
        if let Some(failure) = packs.failure() {
            return Err(Error::Write { path: packs.folder().to_owned(), reason: failure.to_owned() });
        }
        unreadable.sort();
        Ok(Prepared {
            kept_before: samples.len() - missing.len(),
            added: added.into_inner(),
            unreadable: unreadable.iter().map(|(i, text)| format!("{}: {text}", samples[*i].id)).collect(),
            bytes: packs.bytes(),
        })
    }

    /// Decodes and resizes an image; returns whether it was written to disk.
    fn make(&self, index: usize) -> Result<(Image, bool), Error> {
        if let Some(packs) = &self.packs {
            self.telling.call_once(|| {
                tracing::info!("shrinking images to {} px, once: {}", self.px, packs.folder().display());
            });
        }
        let image = shrink(self.dataset.image(index)?, self.px);
        let kept = self.packs.as_ref().is_some_and(|packs| packs.keep(index, &image));
        Ok((image, kept))
    }
}

impl Dataset for ResizedCache {
    fn inventory(&self) -> &Inventory {
        self.dataset.inventory()
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        match self.packs.as_ref().and_then(|packs| packs.read(index)) {
            Some(image) => Ok(image),
            None => Ok(self.make(index)?.0),
        }
    }

    /// Returns a digest of the wrapped dataset's digest and `px`: other pixels are other data.
    fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(inner: &str, px: u32) -> blake3::Hash {
    // Raise the number whenever the same image and `px` give other pixels.
    let mut hasher = blake3::Hasher::new_derive_key("ff-data shrunk pictures 1");
    hasher.update(&px.to_le_bytes());
    hasher.update(inner.as_bytes());
    hasher.finalize()
}

fn shrink(image: Image, px: u32) -> Image {
    match shrunk_size(image.width, image.height, px) {
        (width, height) if (width, height) == (image.width, image.height) => image,
        (width, height) => resize(&image, width, height),
    }
}

/// Returns the width and height of an image after resizing.
fn shrunk_size(width: u32, height: u32, px: u32) -> (u32, u32) {
    let (shorter, longer) = (u64::from(width.min(height)), u64::from(width.max(height)));
    if shorter <= u64::from(px) {
        return (width, height);
    }
    // Below `longer`, as `px` is below `shorter`.
    let longer = ((longer * u64::from(px) + shorter / 2) / shorter) as u32;
    if width <= height { (px, longer) } else { (longer, px) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        for (size, px, expected) in [
            ((200, 100), 50, (100, 50)),
            ((100, 200), 50, (50, 100)),
            ((100, 100), 50, (50, 50)),
            ((100, 101), 50, (50, 51)), // 50.5
            ((7, 10), 3, (3, 4)),       // 4.29
            ((50, 999), 50, (50, 999)),
            ((3, 2), 50, (3, 2)),
            ((u32::MAX, u32::MAX - 1), u32::MAX - 2, (u32::MAX - 1, u32::MAX - 2)),
        ] {
            assert_eq!(shrunk_size(size.0, size.1, px), expected, "{size:?} at {px}");
        }
    }

    proptest! {
        #[test]
        fn the_shorter_side_fits_and_the_aspect_ratio_stays(
            width in 1u32..9000, height in 1u32..9000, px in 1u32..3000
        ) {
            let (w, h) = shrunk_size(width, height, px);
            prop_assert_eq!(w.min(h), width.min(height).min(px));
            prop_assert!(w <= width && h <= height);
            // Each side is within half a pixel of what the other asks for.
            let scale = f64::from(w.min(h)) / f64::from(width.min(height));
            prop_assert!((f64::from(width) * scale - f64::from(w)).abs() <= 0.500_001);
            prop_assert!((f64::from(height) * scale - f64::from(h)).abs() <= 0.500_001);
            prop_assert_eq!(shrunk_size(w, h, px), (w, h));
            prop_assert_eq!(shrunk_size(height, width, px), (h, w));
        }

        #[test]
        fn pixels_are_those_of_resize(width in 1u32..40, height in 1u32..40, px in 1u32..40, seed: u8) {
            let data = (0..width * height * 3).map(|i| (i as u8).wrapping_mul(seed)).collect();
            let image = Image { width, height, data };
            let shrunk = shrink(image.clone(), px);
            let (w, h) = shrunk_size(width, height, px);
            prop_assert_eq!(&shrunk, &resize(&image, w, h));
        }
    }
}
