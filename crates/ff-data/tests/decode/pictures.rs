//! JPEG, PNG, TIFF, BMP, GIF, WebP and PNM.

use ff_data::{Image, decode, read_image};

use crate::{Golden, check_pictures, refusal};

const GOLDEN: Golden = Golden("data");

/// Returns the grey levels by which decoders may differ: none for exact formats. JPEG allows
/// decoders to differ in the inverse transform, and more in the upsampling of colour; CMYK is
/// rounded differently.
fn tolerance(name: &str) -> u8 {
    match name {
        "subsampled.jpg" | "scans-2x2.jpg" | "scans-2x1-restart.jpg" | "thirds.jpg" => 8,
        "narrow-luma.jpg" | "narrow-luma-progressive.jpg" => 8,
        "cmyk.jpg" | "ycck.jpg" => 4,
        _ if name.ends_with(".jpg") => 3,
        "lossy.webp" => 4,
        // Pillow rounds halves of other scales than 255 to even; its YCbCr is in fixed point.
        "hundred.pgm" | "ycbcr.tif" => 1,
        _ => 0,
    }
}

#[test]
fn every_form_is_decoded_as_by_pillow() {
    check_pictures(&GOLDEN, 65, tolerance);
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
        (
            GOLDEN.bytes("refused-nan.tif"),
            "x.img: expected finite samples, found the sample NaN\nhint: replace",
        ),
        (GOLDEN.bytes("refused-bands.tif"), "expected a TIFF image of a supported form, found samples of"),
        (GOLDEN.bytes("refused-arithmetic.jpg"), "of 8 bits, found an arithmetic-coded one\nhint: convert"),
        (b"farbfeld\0\0\0\x01\0\0\0\x01".to_vec(), "found Farbfeld\nhint: convert"),
        (vec![], "found an empty file\nhint: download"),
        (b"<html>".to_vec(), "GIF, WebP, PNM or DICOM image, found a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "pointer, not the file it stands for\nhint: run `git",
        ),
        (b"\0\0\0\x18ftypheic".to_vec(), "found HEIC, or a film\nhint: convert"),
        (b"{}".to_vec(), "found bytes that start with [7b, 7d]"),
    ] {
        let text = refusal(&bytes);
        assert!(text.contains(expected), "no `{expected}` in: {text}");
    }
}

/// Returns a JPEG with another frame header.
fn with_frame(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut jpeg = GOLDEN.bytes("rgb.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    change(&mut jpeg[frame..]);
    jpeg
}

#[test]
fn a_jpeg_of_another_process_is_named() {
    let text = refusal(&with_frame(|frame| frame[1] = 0xc3));
    assert!(text.contains("found a lossless one"), "{text}");
    let text = refusal(&with_frame(|frame| (frame[1], frame[4]) = (0xc1, 12)));
    assert!(text.contains("found one of 12 bits"), "{text}");
}

#[test]
fn what_follows_a_jpeg_is_ignored() {
    for name in ["rgb.jpg", "progressive.jpg", "scans-2x1-restart.jpg"] {
        let whole = GOLDEN.bytes(name);
        let picture = decode(&whole, name).unwrap();
        // A film with the bytes of a scan's and of an image's start and end, padding, a second image.
        let film = b"\0\0\0\x18ftypmp42\xff\xda\0\x01\xff\xd9\xff\xc0\xff\xff\xff\xda".to_vec();
        for trailer in [film, vec![0], GOLDEN.bytes("grey.jpg"), vec![0xff; 9]] {
            let file = [&whole[..], &trailer].concat();
            assert_eq!(decode(&file, name).unwrap(), picture, "{name}");
            // Without its end marker the image is truncated, whatever follows.
            let cut = [&whole[..whole.len() - 2], &trailer].concat();
            if !cut.windows(2).any(|pair| pair == [0xff, 0xd9]) {
                assert!(refusal(&cut).contains("the file is truncated"), "{name}");
            }
        }
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    for name in [
        "rgb.jpg",
        "progressive.jpg",
        "orientation-6.jpg",
        "scans-2x2.jpg",
        "rgb.png",
        "rgb.bmp",
        "rgb.tif",
        "lzw.tif",
    ] {
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
fn a_changed_byte_never_ends_the_process() {
    for name in [
        "rgb.jpg",
        "cmyk.jpg",
        "scans-2x2.jpg",
        "palette.png",
        "palette.bmp",
        "lzw.tif",
        "palette.tif",
        "tiled-planar.tif",
        "palette.gif",
        "lossy.webp",
        "text.ppm",
    ] {
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
