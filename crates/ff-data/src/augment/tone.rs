//! Operations that map each level to another, as in Pillow's `ImageOps`.

use crate::image::Image;

/// The new level of each level.
type Table = [u8; 256];

/// Keeps the `bits` highest bits of each level; 8 keeps all.
pub(super) fn posterize(image: &mut Image, bits: u32) {
    let mask = 0xff_u32.checked_shl(8 - bits).unwrap_or(0) as u8;
    each(image, |level| level & mask);
}

/// Inverts the levels from `threshold` up; 256 inverts none.
pub(super) fn solarize(image: &mut Image, threshold: f32) {
    let threshold = threshold.ceil() as u16;
    each(image, |level| if u16::from(level) < threshold { level } else { 255 - level });
}

/// Adds `amount` to the levels below 128.
pub(super) fn solarize_add(image: &mut Image, amount: u8) {
    each(image, |level| if level < 128 { level.saturating_add(amount) } else { level });
}

/// Inverts every level.
pub(super) fn invert(image: &mut Image) {
    each(image, |level| 255 - level);
}

/// Stretches each channel to the range 0 to 255; a channel of one level stays unchanged.
pub(super) fn auto_contrast(image: &mut Image) {
    let tables = histograms(image).map(|counts| {
        let mut table = identity();
        let used = |count: &u32| *count > 0;
        if let (Some(low), Some(high)) = (counts.iter().position(used), counts.iter().rposition(used))
            && low < high
        {
            let scale = 255.0 / (high - low) as f64;
            let offset = -(low as f64) * scale;
            // The order and precision of Pillow's arithmetic, on which the truncated level
            // depends.
            table = std::array::from_fn(|level| (level as f64 * scale + offset) as u8);
        }
        table
    });
    map_channels(image, &tables);
}

/// Equalizes the histogram of each channel.
///
/// A channel of one level, or of too few pixels for 255 steps, stays unchanged.
pub(super) fn equalize(image: &mut Image) {
    let tables = histograms(image).map(|counts| {
        let highest = counts.iter().rfind(|count| **count > 0).copied().unwrap_or(0);
        let step = (counts.iter().sum::<u32>() - highest) / 255;
        if step == 0 {
            return identity();
        }
        let mut below = step / 2;
        counts.map(|count| {
            let level = (below / step).min(255) as u8;
            below += count;
            level
        })
    });
    map_channels(image, &tables);
}

/// Maps each level; simple functions are vectorised.
fn each(image: &mut Image, level_to_level: impl Fn(u8) -> u8) {
    for level in &mut image.data {
        *level = level_to_level(*level);
    }
}

fn map_channels(image: &mut Image, tables: &[Table; 3]) {
    let (pixels, _) = image.data.as_chunks_mut::<3>();
    for pixel in pixels {
        for (level, table) in pixel.iter_mut().zip(tables) {
            *level = table[usize::from(*level)];
        }
    }
}

/// Counts the pixels of each level in each channel.
fn histograms(image: &Image) -> [[u32; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    let (pixels, _) = image.data.as_chunks::<3>();
    for pixel in pixels {
        for (channel, level) in counts.iter_mut().zip(pixel) {
            channel[usize::from(*level)] += 1;
        }
    }
    counts
}

fn identity() -> Table {
    std::array::from_fn(|level| level as u8)
}
