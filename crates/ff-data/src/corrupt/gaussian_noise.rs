//! Noise of a sensor.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::image::Image;

/// Adds normal noise to each value; `deviation` is for values from 0 to 1.
pub fn gaussian_noise(image: &mut Image, deviation: f32, rng: &mut ChaCha8Rng) {
    for value in &mut image.data {
        let noise: f32 = rng.sample(StandardNormal);
        // The cast cuts off the fraction and keeps 0 to 255.
        *value = (f32::from(*value) + 255.0 * deviation * noise) as u8;
    }
}
