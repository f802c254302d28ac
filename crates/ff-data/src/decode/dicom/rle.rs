//! Decodes RLE Lossless (DICOM part 5, annex G).

/// Decodes a frame of `pixels` pixels with `samples` samples of `width` bytes each: interleaved,
/// little endian. The error says what was found.
pub fn decode(frame: &[u8], pixels: usize, samples: usize, width: usize) -> Result<Vec<u8>, String> {
    let word = |at: usize| {
        let bytes = frame.get(4 * at..4 * at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| u32::from_le_bytes(bytes) as usize)
    };
    let count = samples * width;
    let found = word(0).ok_or("no RLE header")?;
    if found != count {
        return Err(format!("{found} RLE segments instead of {count}"));
    }
    // Two bytes give at most 128 bytes. A file that cannot hold what its header claims is refused
    // before memory is allocated.
    if frame.len().saturating_mul(64) < pixels.saturating_mul(count) {
        return Err("too few bytes for its size".to_owned());
    }
    let mut data = vec![0; pixels * count];
    for segment in 0..count {
        let start = word(1 + segment).unwrap_or(usize::MAX);
        let end = if segment + 1 < count { word(2 + segment).unwrap_or(usize::MAX) } else { frame.len() };
        let bytes = frame.get(start..end).ok_or("RLE segments outside its data")?;
        // The high bytes of a sample are in the segment before its low bytes.
        let offset = segment / width * width + (width - 1 - segment % width);
        if !unpack(bytes, data[offset..].iter_mut().step_by(count)) {
            return Err("an RLE segment that ends too early".to_owned());
        }
    }
    Ok(data)
}

/// Unpacks bytes into the targets and returns whether they are filled; further bytes are padding.
fn unpack<'a>(mut bytes: &[u8], mut targets: impl ExactSizeIterator<Item = &'a mut u8>) -> bool {
    while targets.len() > 0 {
        let Some((&control, rest)) = bytes.split_first() else { return false };
        bytes = match control {
            0..=127 => {
                let Some((literal, rest)) = rest.split_at_checked(usize::from(control) + 1) else {
                    return false;
                };
                literal.iter().zip(&mut targets).for_each(|(byte, target)| *target = *byte);
                rest
            }
            128 => rest,
            129..=255 => {
                let Some((&byte, rest)) = rest.split_first() else { return false };
                targets.by_ref().take(257 - usize::from(control)).for_each(|target| *target = byte);
                rest
            }
        };
    }
    true
}
