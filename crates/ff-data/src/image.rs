//! A decoded image.

/// A decoded image: RGB, 8 bits per channel, rows from the top, `height * width * 3` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Interleaved samples: `data[(y * width + x) * 3 + channel]`.
    pub data: Vec<u8>,
}

impl Image {
    /// Creates an image of one colour.
    pub fn filled(width: u32, height: u32, rgb: [u8; 3]) -> Self {
        Self { width, height, data: rgb.repeat(width as usize * height as usize) }
    }
}
