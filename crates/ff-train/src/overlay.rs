//! Explanations drawn on their images.

use ff_data::Image;

use crate::explanation::Explanation;

/// Opacity of the colour of the largest evidence. The image stays visible below it, since that is
/// the place to look at.
const OPACITY: f32 = 0.6;

/// Viridis, at sixteenths of its range, as red, green and blue. Between them, colours are
/// interpolated linearly, within six levels of the original. Its lightness rises evenly, so it is
/// legible in grey and for colour-blind readers.
///
/// Source: matplotlib 3.11 (S. van der Walt and N. Smith, CC0).
const VIRIDIS: [u32; 17] = [
    0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26818e, 0x21908c, 0x1f9f88,
    0x28ae80, 0x3ebc74, 0x5dc963, 0x82d34c, 0xabdc32, 0xd5e21a, 0xfde725,
];

/// Draws an explanation on its image, at the image's size. Places without evidence show the image
/// as it is. The more evidence, the more a colour of Viridis covers the image, up to 60 %, from
/// violet over green to yellow.
///
/// The map is resized bilinearly to the image, whatever its aspect ratio, as the image was resized
/// for the model. For a small picture, [`resize`](ff_data::augment::resize) a large image before.
///
/// # Panics
/// If the map has not `size * size` values.
pub fn overlay(image: &Image, explanation: &Explanation) -> Image {
    let Explanation { map, size } = explanation;
    let size = *size as usize;
    assert_eq!(map.len(), size * size, "the map is a square");
    let columns = neighbours(image.width, size);
    let rows = neighbours(image.height, size);
    let places = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
    let (pixels, _) = image.data.as_chunks::<3>();
    let drawn = pixels.iter().zip(places).flat_map(|(pixel, (row, column))| {
        let along = |row: usize| mixed(map[row * size + column.0], map[row * size + column.1], column.2);
        blended(*pixel, mixed(along(row.0), along(row.1), row.2))
    });
    Image { data: drawn.collect(), ..*image }
}

/// Returns, for the centre of each of `pixels` pixels, the two of `size` values beside it and the
/// share of the second. Beyond the outermost centres, both are the outermost value.
fn neighbours(pixels: u32, size: usize) -> Vec<(usize, usize, f32)> {
    let step = size as f32 / pixels as f32;
    let last = size.saturating_sub(1);
    let place = |pixel: u32| {
        let at = ((pixel as f32 + 0.5) * step - 0.5).clamp(0.0, last as f32);
        let first = at as usize;
        (first, (first + 1).min(last), at.fract())
    };
    (0..pixels).map(place).collect()
}

/// Covers a pixel with the colour of a value from 0 to 1.
fn blended(pixel: [u8; 3], value: f32) -> [u8; 3] {
    let colour = colour(value);
    std::array::from_fn(|c| mixed(f32::from(pixel[c]), colour[c], OPACITY * value).round() as u8)
}

/// Returns the colour of a value from 0 to 1: red, green and blue from 0 to 255.
fn colour(value: f32) -> [f32; 3] {
    let at = value.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f32;
    let first = (at as usize).min(VIRIDIS.len() - 2);
    let [_, lower @ ..] = VIRIDIS[first].to_be_bytes();
    let [_, upper @ ..] = VIRIDIS[first + 1].to_be_bytes();
    std::array::from_fn(|c| mixed(f32::from(lower[c]), f32::from(upper[c]), at - first as f32))
}

fn mixed(first: f32, second: f32, share: f32) -> f32 {
    first + (second - first) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation(size: u32, map: &[f32]) -> Explanation {
        Explanation { map: map.to_vec(), size }
    }

    #[test]
    fn evidence_covers_the_image_and_its_absence_does_not() {
        let image = Image { width: 3, height: 1, data: (0..9).map(|i| i * 28).collect() };
        assert_eq!(overlay(&image, &explanation(2, &[0.0; 4])), image);
        let grey = Image::filled(5, 4, [100; 3]);
        // Yellow, 0xfde725, at 60 %.
        let covered = [100.0 * 0.4 + 253.0 * 0.6, 100.0 * 0.4 + 231.0 * 0.6, 100.0 * 0.4 + 37.0 * 0.6];
        let covered = Image::filled(5, 4, covered.map(|value: f32| value.round() as u8));
        assert_eq!(overlay(&grey, &explanation(3, &[1.0; 9])), covered);
    }

    #[test]
    fn a_map_covers_the_whole_image() {
        let image = Image::filled(8, 4, [0; 3]);
        // Evidence in the lower right corner.
        let drawn = overlay(&image, &explanation(2, &[0.0, 0.0, 0.0, 1.0]));
        let green = |x: usize, y: usize| drawn.data[(y * 8 + x) * 3 + 1];
        for x in 0..8 {
            assert_eq!(green(x, 0), 0, "above the centres of the upper values");
        }
        for y in 0..4 {
            assert_eq!([0, 1].map(|x| green(x, y)), [0, 0], "left of the centres of the left values");
        }
        let lowest: Vec<u8> = (0..8).map(|x| green(x, 3)).collect();
        assert!(lowest.is_sorted() && lowest[1..6].windows(2).all(|pair| pair[0] < pair[1]), "{lowest:?}");
        assert_eq!([6, 7].map(|x| green(x, 3)), [139; 2]);
        // A third of the way between centres along x, a quarter along y.
        assert_eq!(neighbours(8, 2)[3], (0, 1, 0.375));
        assert_eq!(neighbours(4, 2)[1], (0, 1, 0.25));
        assert_eq!(green(3, 1), (OPACITY * 0.09375 * colour(0.09375)[1]).round() as u8);
    }

    #[test]
    fn an_image_smaller_than_the_map_is_drawn_on() {
        let drawn = overlay(
            &Image::filled(1, 1, [0; 3]),
            &explanation(3, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        );
        assert_eq!(drawn.data, [152, 139, 22]);
    }

    #[test]
    fn colours_brighten_evenly() {
        let light = |value: f32| {
            let [red, green, blue] = colour(value);
            0.299 * red + 0.587 * green + 0.114 * blue
        };
        let steps = (0..20).map(|at| light((at + 1) as f32 / 20.0) - light(at as f32 / 20.0));
        assert!(steps.into_iter().all(|step| (5.0..15.0).contains(&step)));
    }
}
