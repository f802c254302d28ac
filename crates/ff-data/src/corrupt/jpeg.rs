//! Strong compression.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::decode::decode;
use crate::image::Image;

/// Encodes the image as JPEG and decodes it. Chroma is subsampled 4:2:0, as Pillow does by default.
pub fn jpeg(image: &mut Image, quality: u8) {
    let side = |side| u16::try_from(side).expect("a side of at most 65,535 pixels");
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder
        .encode(&with_mean_chroma(image), side(image.width), side(image.height), ColorType::Ycbcr)
        .expect("an image with pixels has a JPEG");
    *image = decode(&bytes, "an encoded JPEG").expect("the encoder writes a JPEG");
}

/// Converts to YCbCr, and gives each 2 x 2 pixels their mean chroma: the encoder stores the chroma of
/// one of the four, where libjpeg stores their mean.
fn with_mean_chroma(image: &Image) -> Vec<u8> {
    let (width, height) = (image.width as usize, image.height as usize);
    let colour = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        [0, 1, 2].map(|channel| f32::from(image.data[at + channel]))
    };
    let mut ycbcr = vec![0; image.data.len()];
    for (top, left) in (0..height).step_by(2).flat_map(|y| (0..width).step_by(2).map(move |x| (y, x))) {
        let rows = top..height.min(top + 2);
        let square = || rows.clone().flat_map(|y| (left..width.min(left + 2)).map(move |x| (x, y)));
        let count = square().count() as f32;
        let mean = |channel| square().map(|(x, y)| colour(x, y)[channel]).sum::<f32>() / count;
        let [_, cb, cr] = to_ycbcr([mean(0), mean(1), mean(2)]);
        for (x, y) in square() {
            ycbcr[(y * width + x) * 3..][..3].copy_from_slice(&[to_ycbcr(colour(x, y))[0], cb, cr]);
        }
    }
    ycbcr
}

/// JFIF's conversion.
fn to_ycbcr([red, green, blue]: [f32; 3]) -> [u8; 3] {
    let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    [luma, 128.0 + (blue - luma) / 1.772, 128.0 + (red - luma) / 1.402].map(|value| value.round() as u8)
}
