//! JPEG, PNG, TIFF and BMP.

use ff_data::{Image, decode, read_image};

use crate::{Golden, check_pictures, refusal};

const GOLDEN: Golden = Golden("data");

/// Returns the grey levels by which decoders may differ: none for exact formats. JPEG allows
/// decoders to differ in the inverse transform, and more in the upsampling of colour; CMYK is
/// rounded differently.
fn tolerance(name: &str) -> u8 {
    match name {
        "subsampled.jpg" => 8,
        "cmyk.jpg" | "ycck.jpg" => 4,
        _ if name.ends_with(".jpg") => 3,
        "cmyk.tif" => 1,
        _ => 0,
    }
}

#[test]
fn every_form_is_decoded_as_by_pillow() {
    check_pictures(&GOLDEN, 30, tolerance);
}

#[test]
fn the_format_is_detected_from_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    std::fs::copy(GOLDEN.path("rgb.png"), &path).unwrap();
    assert_eq!(read_image(&path).unwrap(), read_image(&GOLDEN.path("rgb.png")).unwrap());
}

#[test]
fn unsupported_forms_are_refused() {
    for (bytes, expected) in [
        (GOLDEN.bytes("refused.gif"), "found Gif\nhint: convert"),
        (GOLDEN.bytes("refused.webp"), "found WebP"),
        (GOLDEN.bytes("palette.tif"), "a Tiff image of a supported form"),
        (GOLDEN.bytes("float.tif"), "Tiff"),
        (vec![], "found an empty file"),
        (b"<html>".to_vec(), "a JPEG, PNG, TIFF, BMP or DICOM image, found bytes that start with [3c"),
    ] {
        let text = refusal(&bytes);
        assert!(text.contains(expected), "no `{expected}` in: {text}");
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    for name in
        ["rgb.jpg", "progressive.jpg", "orientation-6.jpg", "rgb.png", "rgb.bmp", "rgb.tif", "lzw.tif"]
    {
        let whole = GOLDEN.bytes(name);
        for length in 0..whole.len() {
            // The last bytes of a PNG and of a TIFF may hold no pixels.
            if let Ok(Image { data, .. }) = decode(&whole[..length], name) {
                assert!(!name.ends_with(".jpg"), "{name} of {length} bytes");
                assert_eq!(data, decode(&whole, name).unwrap().data, "{name} of {length} bytes");
            }
        }
    }
}

#[test]
fn a_changed_byte_never_panics() {
    for name in ["rgb.jpg", "cmyk.jpg", "palette.png", "palette.bmp", "lzw.tif"] {
        let whole = GOLDEN.bytes(name);
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x55;
            let _ = decode(&changed, name);
        }
    }
}

#[test]
fn an_image_bomb_is_refused_before_it_is_decoded() {
    // A PNG header that claims 60,000 x 60,000 pixels, with a valid checksum.
    let mut png = GOLDEN.bytes("rgb.png");
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    let text = refusal(&png);
    assert!(text.contains("found 60000 x 60000"), "{text}");
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[test]
fn a_missing_file_is_named() {
    let text = read_image(&GOLDEN.path("none.png")).unwrap_err().to_string();
    assert!(text.contains("none.png: cannot be read"), "{text}");
}
