//! torchvision's `ColorJitter(0.4, 0.4, 0.4)`.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::enhance::{brightness, color, contrast};
use crate::image::Image;

/// Changes brightness, contrast and saturation in random order, by factors uniform in [0.6, 1.4].
pub(super) fn color_jitter(image: &mut Image, rng: &mut ChaCha8Rng) {
    let mut operations: [fn(&mut Image, f32); 3] = [brightness, contrast, color];
    operations.shuffle(rng);
    for operation in operations {
        operation(image, rng.random_range(0.6..=1.4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    /// On an image of one grey, contrast and saturation change nothing, so only brightness remains.
    #[test]
    fn factors_are_uniform_in_their_range() {
        let mut rng = stream(9, "jitter", &[]);
        let levels: Vec<u8> = (0..4000)
            .map(|_| {
                let mut image = Image::filled(2, 2, [100; 3]);
                color_jitter(&mut image, &mut rng);
                image.data[0]
            })
            .collect();
        assert!(levels.iter().all(|level| (60..=140).contains(level)));
        for quarter in [60..80, 80..100, 100..120, 120..140] {
            let share = levels.iter().filter(|level| quarter.contains(*level)).count();
            assert!((850..1150).contains(&share), "{share} in {quarter:?}");
        }
    }
}
