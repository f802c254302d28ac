//! Pictures to files, for people to look at.

use std::path::Path;

use image::{ExtendedColorType, ImageFormat};

use crate::{Error, Image};

/// Writes a picture as PNG.
///
/// # Errors
/// [`Error::Write`] if the file cannot be written.
pub fn write_png(path: &Path, picture: &Image) -> Result<(), Error> {
    let Image { width, height, data } = picture;
    image::save_buffer_with_format(path, data, *width, *height, ExtendedColorType::Rgb8, ImageFormat::Png)
        .map_err(|error| Error::Write { path: path.to_owned(), reason: error.to_string() })
}
