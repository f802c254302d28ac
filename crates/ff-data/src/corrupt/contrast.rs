//! Low contrast.

use crate::image::Image;

/// Multiplies the difference of each pixel from the mean of its channel by `factor`.
pub fn contrast(image: &mut Image, factor: f64) {
    let mut sums = [0u64; 3];
    let (pixels, _) = image.data.as_chunks_mut::<3>();
    for pixel in &*pixels {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u64::from(value));
    }
    let means = sums.map(|sum| sum as f64 / pixels.len() as f64);
    for pixel in pixels {
        for (value, mean) in pixel.iter_mut().zip(means) {
            *value = ((f64::from(*value) - mean) * factor + mean) as u8;
        }
    }
}
