//! Horizontal flip.

use crate::image::Image;

/// Flips the image horizontally.
pub(super) fn horizontal(image: &mut Image) {
    for row in image.data.chunks_exact_mut(image.width as usize * 3) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}
