//! The decoder against Pillow, and its refusals.

mod golden;

use std::path::PathBuf;

use ff_data::{Error, Image, decode, read_image};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/data/");

fn golden(name: &str) -> PathBuf {
    PathBuf::from(GOLDEN).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    match decode(bytes, "x.img") {
        Err(error @ Error::Image(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Grey levels by which a decoder may differ: none where the file is exact. JPEG allows decoders to differ in
/// the inverse transform, and more in the upsampling of colour; CMYK is rounded differently.
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
fn every_form_is_decoded_as_pillow_does() {
    golden::check_pictures(GOLDEN.as_ref(), 30, tolerance);
}

#[test]
fn the_content_decides_not_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    std::fs::copy(golden("rgb.png"), &path).unwrap();
    assert_eq!(read_image(&path).unwrap(), read_image(&golden("rgb.png")).unwrap());
}

#[test]
fn other_forms_are_refused_by_name() {
    assert!(refusal(&bytes("refused.gif")).contains("found Gif\nhint: convert"));
    assert!(refusal(&bytes("refused.webp")).contains("found WebP"));
    assert!(refusal(&bytes("palette.tif")).contains("a Tiff image of a supported form"));
    assert!(refusal(&bytes("float.tif")).contains("Tiff"));
    assert!(refusal(b"").contains("found an empty file"));
    let text = refusal(b"<html>");
    assert!(
        text.contains("a JPEG, PNG, TIFF, BMP or DICOM image, found bytes that start with [3c"),
        "{text}"
    );
}

#[test]
fn a_truncated_file_is_an_error_and_never_a_grey_patch() {
    for name in
        ["rgb.jpg", "progressive.jpg", "orientation-6.jpg", "rgb.png", "rgb.bmp", "rgb.tif", "lzw.tif"]
    {
        let whole = bytes(name);
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
        let whole = bytes(name);
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x55;
            let _ = decode(&changed, name);
        }
    }
}

#[test]
fn an_image_bomb_is_refused_before_it_is_decoded() {
    // A PNG header that claims 60,000 x 60,000 pixels, with a right checksum.
    let mut png = bytes("rgb.png");
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
    let text = read_image(&golden("none.png")).unwrap_err().to_string();
    assert!(text.contains("none.png: cannot be read"), "{text}");
}
