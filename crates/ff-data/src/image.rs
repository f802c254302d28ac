//! A decoded picture.

/// A decoded picture: RGB, 8 bits a channel, rows from the top, `height * width * 3` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Interleaved samples: `data[(y * width + x) * 3 + channel]`.
    pub data: Vec<u8>,
}

impl Image {
    /// A picture of one colour.
    pub fn filled(width: u32, height: u32, rgb: [u8; 3]) -> Self {
        Self { width, height, data: rgb.repeat(width as usize * height as usize) }
    }
}
