//! DICOM files against pydicom, and their refusals.

mod golden;

use std::path::PathBuf;

use ff_data::datasets::Folder;
use ff_data::{DatasetConfig, Error, FileHashes, Image, decode, read_image};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/dicom/");

fn golden(name: &str) -> PathBuf {
    PathBuf::from(GOLDEN).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

fn expected() -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_slice(&bytes("decoded.json")).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    match decode(bytes, "x.dcm") {
        Err(error @ Error::Image(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The file with another value of a 16-bit element of group 0028, explicit little endian.
fn with_number(name: &str, element: u16, value: u16) -> Vec<u8> {
    let mut bytes = bytes(name);
    let [low, high] = element.to_le_bytes();
    let header = [0x28, 0, low, high, b'U', b'S', 2, 0];
    let start = bytes.windows(8).position(|window| window == header).unwrap();
    bytes[start + 8..start + 10].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// The file with other bytes of the same number in the place of the first that equal `from`.
fn replaced(name: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes(name);
    let start = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[start..start + to.len()].copy_from_slice(to);
    bytes
}

/// JPEG allows decoders to differ in the inverse transform; everything else is exact.
fn tolerance(name: &str) -> u8 {
    match name {
        "baseline.dcm" | "baseline-ybr.dcm" | "frames-jpeg.dcm" | "fragments.dcm" | "icon-jpeg.dcm" => 2,
        _ => 0,
    }
}

#[test]
fn every_form_is_decoded_as_pydicom_does() {
    golden::check_pictures(GOLDEN.as_ref(), 25, tolerance);
}

#[test]
fn other_forms_are_refused_by_name() {
    let text = refusal(&bytes("refused-jpeg-2000.dcm"));
    assert!(text.contains("JPEG 2000 Image Compression (Lossless Only) (1.2.840.10008.1.2.4.90)"), "{text}");
    assert!(text.contains("\nhint: decompress the file"), "{text}");
    let text = refusal(&bytes("refused-jpeg-ls.dcm"));
    assert!(text.contains("JPEG-LS Lossless Image Compression (1.2.840.10008.1.2.4.80)"), "{text}");
    let text = refusal(&bytes("refused-extended-12.dcm"));
    assert!(text.contains("(1.2.840.10008.1.2.4.51), found an extended JPEG of 12 bits"), "{text}");
    let text = refusal(&bytes("refused-palette.dcm"));
    assert!(text.contains("found 1 of PALETTE COLOR"), "{text}");
    let text = refusal(&bytes("refused-modality-lut.dcm"));
    assert!(text.contains("expected Rescale Slope and Intercept, found a Modality LUT"), "{text}");
    let text = refusal(&bytes("refused-no-pixels.dcm"));
    assert!(text.contains("expected a DICOM image, found no pixel data"), "{text}");
    let text = refusal(&[&[0; 128], b"DICM".as_slice()].concat());
    assert!(text.contains("expected DICOM file meta information, found the end of the file"), "{text}");
    let text = refusal(&replaced("rgb.dcm", b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"));
    assert!(text.contains("found an unknown transfer syntax (1.2.840.10008.1.2.9)"), "{text}");
}

#[test]
fn a_wrong_header_is_refused_before_it_is_believed() {
    let (rows, columns) = (0x10, 0x11);
    let text = refusal(&with_number("rgb.dcm", rows, 0));
    assert!(text.contains("expected an image of 1 to 178956970 pixels, found 20 x 0"), "{text}");
    let mut huge = with_number("rle-8.dcm", rows, 0xffff);
    let start = huge.windows(8).position(|window| window == b"\x28\0\x11\0US\x02\0").unwrap();
    huge[start + 8..start + 10].fill(0xff);
    assert!(refusal(&huge).contains("found 65535 x 65535"));

    let text = refusal(&with_number("monochrome1.dcm", columns, 21));
    assert!(text.contains("21 x 12 pixels, 1 sample(s) of 8 bits"), "{text}");
    assert!(text.contains("found 240 bytes of pixel data instead of 252"), "{text}");
    let text = refusal(&with_number("baseline.dcm", columns, 21));
    assert!(text.contains("found a JPEG of 20 x 12 pixels and 1 samples"), "{text}");
    // Within the pixels allowed, and far more than the bytes can hold.
    let text = refusal(&with_number("rle-8.dcm", rows, 0xfff));
    assert!(text.contains("found too few bytes for its size"), "{text}");

    assert!(refusal(&with_number("rgb.dcm", 0x02, 4)).contains("found 4 of RGB"));
    for (bits, value) in [(0x100, 32), (0x100, 0), (0x101, 17), (0x101, 1), (0x101, 0), (0x102, 15)] {
        let text = refusal(&with_number("window-12.dcm", bits, value));
        assert!(text.contains("expected 8 to 16 bits stored in 8 or 16, from the lowest, found"), "{text}");
    }
    let text = refusal(&replaced("frames.dcm", b"IS\x02\x002 ", b"IS\x02\x003 "));
    assert!(text.contains("found 960 bytes of pixel data instead of 1440"), "{text}");
    let text = refusal(&replaced("frames-jpeg.dcm", b"IS\x02\x002 ", b"IS\x02\x009 "));
    assert!(text.contains("found 2 fragments of pixel data"), "{text}");
    let text = refusal(&replaced("frames.dcm", b"IS\x02\x002 ", b"IS\x02\x000 "));
    assert!(text.contains("expected a positive Number of Frames, found `0`"), "{text}");
    let text = refusal(&replaced("window-8.dcm", b"120.0 ", b"0.500 "));
    assert!(text.contains("expected a Window Width of 1 or more, found 0.5"), "{text}");
    let text = refusal(&replaced("window-8.dcm", b"120.0 ", b"widest"));
    assert!(text.contains("expected a number as Window Width (0028,1051), found `widest`"), "{text}");
}

#[test]
fn a_truncated_file_is_an_error() {
    for name in expected().keys() {
        let whole = bytes(name);
        let picture = decode(&whole, name).unwrap();
        for length in (0..whole.len()).rev() {
            // Bytes after the pixels of a deflated file: its end mark and its padding.
            if let Ok(Image { data, .. }) = decode(&whole[..length], name) {
                assert!(name == "sigmoid.dcm" && length + 8 > whole.len(), "{name} of {length} bytes");
                assert_eq!(data, picture.data);
            }
        }
    }
}

#[test]
fn damage_never_panics() {
    let names: Vec<String> = expected().keys().cloned().collect();
    let files: Vec<Vec<u8>> = names.iter().map(|name| bytes(name)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for _ in 0..20_000 {
        let mut file = files[rng.random_range(0..files.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            // Not the preamble, which nobody reads.
            let place = rng.random_range(132..file.len());
            match rng.random_range(0..4) {
                0 => file[place] = rng.next_u32() as u8,
                1 => file[place] ^= 1 << rng.random_range(0..8),
                2 => file[place..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                _ => drop(file.remove(place)),
            }
        }
        let _ = decode(&file, "damaged.dcm");
    }
}

#[test]
fn a_scan_that_comes_twice_is_no_panic() {
    let mut file = bytes("baseline.dcm");
    let scan = file.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let end = file.windows(2).rposition(|pair| pair == [0xff, 0xd9]).unwrap();
    let repeated = file[scan..end].to_vec();
    let item = file.windows(4).rposition(|tag| tag == [0xfe, 0xff, 0, 0xe0]).unwrap() + 4;
    let length = u32::from_le_bytes(file[item..item + 4].try_into().unwrap()) + repeated.len() as u32;
    file[item..item + 4].copy_from_slice(&length.to_le_bytes());
    file.splice(end..end, repeated);
    let _ = decode(&file, "twice.dcm");
}

#[test]
fn a_folder_of_dicom_files_is_a_dataset() {
    let folder = tempfile::tempdir().unwrap();
    for (class, name, extension) in
        [("a", "baseline", "dcm"), ("a", "rgb", "DCM"), ("b", "window-12", "dicom")]
    {
        std::fs::create_dir_all(folder.path().join(class)).unwrap();
        let from = golden(&format!("{name}.dcm"));
        std::fs::copy(from, folder.path().join(class).join(name).with_extension(extension)).unwrap();
    }
    let dataset =
        DatasetConfig::Folder(Folder { path: "".into() }).open(folder.path(), &FileHashes::none()).unwrap();
    let ids: Vec<&str> = dataset.samples().iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["a/baseline.dcm", "a/rgb.DCM", "b/window-12.dicom"]);
    for (index, name) in ["baseline.dcm", "rgb.dcm", "window-12.dcm"].iter().enumerate() {
        assert_eq!(dataset.image(index).unwrap(), read_image(&golden(name)).unwrap());
    }
}
