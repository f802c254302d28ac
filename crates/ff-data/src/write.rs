//! Encodes images as PNG and JPEG.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

use crate::error::Error;
use crate::image::Image;

/// Writes an image as a PNG file.
///
/// # Errors
/// [`Error::Write`] if the file cannot be written.
pub fn write_png(path: &Path, picture: &Image) -> Result<(), Error> {
    let Image { width, height, data } = picture;
    image::save_buffer_with_format(path, data, *width, *height, ExtendedColorType::Rgb8, ImageFormat::Png)
        .map_err(|error| Error::Write { path: path.to_owned(), reason: error.to_string() })
}

impl Image {
    /// Encodes the image as PNG.
    ///
    /// # Errors
    /// [`Error::Write`] if the image has no pixels or more than the format can hold.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.encode(PngEncoder::new(&mut bytes)).map(|()| bytes)
    }

    /// Encodes the image as JPEG, with quality 80.
    ///
    /// # Errors
    /// As for [`Image::to_png`].
    pub fn to_jpeg(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.encode(JpegEncoder::new_with_quality(&mut bytes, 80)).map(|()| bytes)
    }

    fn encode(&self, encoder: impl ImageEncoder) -> Result<(), Error> {
        let failed =
            |error: image::ImageError| Error::Write { path: "an image".into(), reason: error.to_string() };
        encoder.write_image(&self.data, self.width, self.height, ExtendedColorType::Rgb8).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    #[test]
    fn encoded_images_can_be_decoded() {
        let picture = Image::filled(5, 3, [10, 200, 90]);
        assert_eq!(decode(&picture.to_png().unwrap(), "png").unwrap(), picture);
        let jpeg = decode(&picture.to_jpeg().unwrap(), "jpeg").unwrap();
        assert_eq!((jpeg.width, jpeg.height), (5, 3));
        assert!(jpeg.data.iter().zip(&picture.data).all(|(one, other)| one.abs_diff(*other) < 8));
    }
}
