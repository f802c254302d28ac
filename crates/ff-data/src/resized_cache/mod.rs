//! A dataset whose pictures are decoded and shrunk once, and kept on disk.

mod pack;
mod packs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pack::Limits;
use packs::Packs;

use crate::augment::resize;
use crate::dataset::{Dataset, Inventory};
use crate::error::{Error, panic_text};
use crate::image::Image;
use crate::threads::on_each_thread;

/// A dataset in front of another: pictures are shrunk until the shorter side has at most `px`
/// pixels, and kept on disk when first asked for, since decoding a large picture costs far more
/// than reading a small one.
///
/// The aspect ratio is kept: a shorter side above `px` becomes `px`, the longer one
/// `longer * px / shorter`, rounded to the nearest, halves up; other pictures stay as they are.
/// Resampling is [`resize`]'s.
///
/// What is kept lies in `folder/<first 32 digits of the digest>/*.pack`, uncompressed, and is the
/// same for all processes: each appends to a pack of its own, and sees what the packs held when it
/// opened them. A process may be killed at any moment. Damage is noticed by checksums and warned
/// of, and the picture decoded again. If nothing can be written, a warning says so and pictures are
/// decoded each time; pixels never differ. A folder may be deleted when nobody uses it.
///
/// Threads may ask for pictures at once. Failures are not remembered.
pub struct ResizedCache {
    dataset: Arc<dyn Dataset>,
    px: u32,
    digest: String,
    packs: Option<Packs>,
}

/// What [`ResizedCache::prepare`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Pictures that were on disk already; their checksums are not looked at before they are read.
    pub kept_before: usize,
    /// Pictures that were decoded and written.
    pub added: usize,
    /// Pictures that cannot be read: id and reason, in the order of samples.
    pub unreadable: Vec<String>,
    /// Bytes of pixels on disk now, each picture counted once.
    pub bytes: u64,
}

impl ResizedCache {
    /// Opens what `folder` keeps of `dataset`, reading a few bytes a picture. Without a folder
    /// pictures are shrunk at each reading and nothing is kept. A missing folder is made when there
    /// is something to keep.
    ///
    /// # Panics
    /// If `px` is 0.
    pub fn new(dataset: Arc<dyn Dataset>, px: u32, folder: Option<&Path>) -> Self {
        assert!(px > 0, "pictures have a size");
        let digest = digest(dataset.digest(), px);
        let hex = digest.to_hex().to_string();
        let limits = Limits { samples: dataset.samples().len(), px };
        let packs = folder.map(|folder| Packs::open(folder.join(&hex[..32]), *digest.as_bytes(), limits));
        Self { dataset, px, digest: hex, packs }
    }

    /// Decodes and keeps what is not kept yet, on `threads` threads (at least one), and calls
    /// `progress(done, total)` after each such picture, in order, from any of them. A picture that
    /// cannot be read, or on which a decoder panics, is named in the result. Without a folder there
    /// is nothing to do.
    ///
    /// # Errors
    /// [`Error::Write`] if pictures cannot be kept: what is on disk already stays.
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

    /// The picture from its source, and whether it was written to disk now.
    fn make(&self, index: usize) -> Result<(Image, bool), Error> {
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

    /// Follows from the inner digest and `px`: other pixels, other data.
    fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(inner: &str, px: u32) -> blake3::Hash {
    // The number is raised whenever the same picture and `px` give other pixels.
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

/// Width and height of a picture after shrinking.
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
