//! Decodes JPEG-LS frames of DICOM files: greys, lossless and near-lossless.

/// Decodes a JPEG-LS of `rows` x `columns` pixels of one sample. The error says what was found.
pub fn decode(frame: &[u8], (rows, columns): (usize, usize), samples: usize) -> Result<Vec<u16>, String> {
    if samples != 1 {
        return Err("colours in JPEG-LS".to_owned());
    }
    // Rows and columns are 16-bit numbers.
    let (decoded, ..) = jpegls::decode(frame, columns as u32, rows as u32)
        .map_err(|error| format!("a JPEG-LS that cannot be decoded: {error}"))?;
    Ok(decoded)
}
