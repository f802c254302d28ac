//! Decodes DICOM files.

use ff_data::datasets::Folder;
use ff_data::{DatasetConfig, FileHashes, Image, decode, read_image};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Golden, check_pictures, refusal};

const GOLDEN: Golden = Golden("dicom");

const ROWS: u16 = 0x10;
const COLUMNS: u16 = 0x11;

/// Returns where the bytes occur first.
fn find(bytes: &[u8], sought: &[u8]) -> usize {
    bytes.windows(sought.len()).position(|window| window == sought).unwrap()
}

/// Returns the file with other values of 16-bit elements of group 0028, explicit little endian.
fn with_numbers(name: &str, values: &[(u16, u16)]) -> Vec<u8> {
    let mut bytes = GOLDEN.bytes(name);
    for &(element, value) in values {
        let [low, high] = element.to_le_bytes();
        let start = find(&bytes, &[0x28, 0, low, high, b'U', b'S', 2, 0]) + 8;
        bytes[start..start + 2].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Returns the file with the first occurrence of `from` replaced by `to`, of the same length.
fn replaced(name: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = GOLDEN.bytes(name);
    let start = find(&bytes, from);
    bytes[start..start + to.len()].copy_from_slice(to);
    bytes
}

#[track_caller]
fn refuses(bytes: &[u8], expected: &str) {
    let text = refusal(bytes);
    assert!(text.contains(expected), "no `{expected}` in: {text}");
}

/// JPEG and lossy JPEG 2000 allow decoders to differ in the inverse transform; all else is exact.
fn tolerance(name: &str) -> u8 {
    match name {
        "frames-jpeg.dcm" | "fragments.dcm" | "icon-jpeg.dcm" | "odd-422.dcm" => 2,
        "jpeg-2000-lossy.dcm" | "jpeg-2000-ict.dcm" => 2,
        _ if name.starts_with("baseline") || name.starts_with("colours") => 2,
        _ => 0,
    }
}

#[test]
fn every_form_is_decoded_as_by_pydicom() {
    check_pictures(&GOLDEN, 55, tolerance);
}

#[test]
fn unsupported_forms_are_refused() {
    for (name, expected) in [
        ("refused-jpeg-ls-rgb.dcm", "(1.2.840.10008.1.2.4.80), found colours in JPEG-LS"),
        ("refused-extended-12.dcm", "(1.2.840.10008.1.2.4.51), found an extended JPEG of 12 bits"),
        ("refused-palette.dcm", "expected a palette with a descriptor and three tables, found no descriptor"),
        ("refused-modality-lut.dcm", "expected Rescale Slope and Intercept, found a Modality LUT"),
        ("refused-no-pixels.dcm", "expected a DICOM image, found no pixel data"),
    ] {
        refuses(&GOLDEN.bytes(name), expected);
    }
    let only_a_preamble = [&[0; 128], b"DICM".as_slice()].concat();
    refuses(&only_a_preamble, "expected DICOM file meta information, found no transfer syntax");
    let part_2 = replaced("baseline.dcm", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.92");
    refuses(&part_2, "(1.2.840.10008.1.2.4.92)\nhint: decompress the file");
    refuses(
        &replaced("rgb.dcm", b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"),
        "found an unknown transfer syntax (1.2.840.10008.1.2.9)",
    );
}

#[test]
fn an_invalid_header_is_refused() {
    refuses(&with_numbers("rle-8.dcm", &[(ROWS, 0xffff), (COLUMNS, 0xffff)]), "found 65535 x 65535");
    for (name, element, value, expected) in [
        ("rgb.dcm", ROWS, 0, "expected an image of 1 to 178956970 pixels, found 20 x 0"),
        ("monochrome1.dcm", COLUMNS, 21, "21 x 12 pixels, 1 sample(s) of 8 bits"),
        ("monochrome1.dcm", COLUMNS, 21, "found 240 bytes of pixel data instead of 252"),
        ("baseline.dcm", COLUMNS, 21, "found a JPEG of 20 x 12 pixels and 1 samples"),
        // Within the allowed pixels, but far more than the bytes can hold.
        ("rle-8.dcm", ROWS, 0xfff, "found too few bytes for its size"),
        ("rgb.dcm", 0x02, 4, "found 4 of RGB"),
        ("ybr-422.dcm", COLUMNS, 19, "YBR_FULL_422 of more than 8 bits, or with an odd number of columns"),
        ("jpeg-2000-8.dcm", COLUMNS, 21, "found a JPEG 2000 of 20 x 12 pixels and 1 samples"),
        ("jpeg-ls-8.dcm", COLUMNS, 21, "found a JPEG-LS that cannot be decoded"),
    ] {
        refuses(&with_numbers(name, &[(element, value)]), expected);
    }
    for (bits, value) in [(0x100, 32), (0x100, 0), (0x101, 17), (0x101, 1), (0x101, 0), (0x102, 15)] {
        let expected = "expected 1 to 16 bits stored in 1, 8 or 16, from the lowest, found";
        refuses(&with_numbers("window-12.dcm", &[(bits, value)]), expected);
    }
    for (name, from, to, expected) in [
        ("frames.dcm", b"IS\x02\x002 ", b"IS\x02\x003 ", "found 960 bytes of pixel data instead of 1440"),
        ("frames-jpeg.dcm", b"IS\x02\x002 ", b"IS\x02\x009 ", "found 2 fragments of pixel data"),
        ("frames.dcm", b"IS\x02\x002 ", b"IS\x02\x000 ", "expected a positive Number of Frames, found `0`"),
        ("window-8.dcm", b"120.0 ", b"0.500 ", "expected a Window Width of 1 or more, found 0.5"),
        (
            "window-8.dcm",
            b"120.0 ",
            b"widest",
            "expected a number as Window Width (0028,1051), found `widest`",
        ),
    ] {
        refuses(&replaced(name, from, to), expected);
    }
}

#[test]
fn a_file_is_read_without_its_preamble_or_meta_information() {
    for name in ["rgb.dcm", "icon.dcm"] {
        let file = GOLDEN.bytes(name);
        let picture = decode(&file, name).unwrap();
        let data_set = 144 + u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
        let wrong_length = [&file[..140], &[0xff; 4], &file[144..]].concat();
        let no_length = [&file[..132], &file[144..]].concat();
        let only_preamble = [&file[..132], &file[data_set..]].concat();
        let variants: [&[u8]; 5] =
            [&file[132..], &wrong_length, &no_length, &only_preamble, &file[data_set..]];
        for bytes in variants {
            assert_eq!(decode(bytes, name).unwrap(), picture);
        }
    }
    let file = GOLDEN.bytes("baseline.dcm");
    let data_set = 144 + u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    refuses(&file[data_set..], "found encapsulated pixel data");
}

#[test]
fn a_jpeg_2000_that_would_fill_the_memory_is_refused() {
    let mut file = with_numbers("jpeg-2000-8.dcm", &[(ROWS, 8000), (COLUMNS, 8000)]);
    let size = find(&file, &[0xff, 0x4f, 0xff, 0x51]) + 8;
    let style = find(&file, &[0xff, 0x52]);
    for place in [size, size + 4, size + 16, size + 20] {
        file[place..place + 4].copy_from_slice(&8000_u32.to_be_bytes());
    }
    // Code-blocks of 4 x 4 samples in 32 layers.
    file[style + 7] = 32;
    file[style + 10..style + 12].fill(0);
    refuses(&file, "found a JPEG 2000 whose tiles or code-blocks would fill the memory");
    // Tiles of a sample, with the code-blocks as they were.
    file[style + 7] = 1;
    file[style + 10..style + 12].fill(4);
    file[size + 16..size + 24].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    refuses(&file, "found a JPEG 2000 whose tiles or code-blocks would fill the memory");
}

#[test]
fn a_frame_without_its_end_marker_is_refused() {
    for (name, expected) in [
        ("baseline.dcm", "a JPEG without an end marker"),
        ("jpeg-2000-8.dcm", "a JPEG 2000 without an end marker"),
        ("jpeg-ls-8.dcm", "a JPEG-LS that cannot be decoded"),
    ] {
        let mut file = GOLDEN.bytes(name);
        let end = file.windows(2).rposition(|pair| pair == [0xff, 0xd9]).unwrap();
        file[end + 1] = 0;
        refuses(&file, expected);
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    for name in GOLDEN.decoded().keys() {
        let whole = GOLDEN.bytes(name);
        let picture = decode(&whole, name).unwrap();
        for length in (0..whole.len()).rev() {
            // After the pixels of a deflated file come its end mark and its padding.
            if let Ok(Image { data, .. }) = decode(&whole[..length], name) {
                assert!(name == "sigmoid.dcm" && length + 8 > whole.len(), "{name} of {length} bytes");
                assert_eq!(data, picture.data);
            }
        }
    }
}

#[test]
fn damage_never_panics() {
    let names: Vec<String> = GOLDEN.decoded().keys().cloned().collect();
    let files: Vec<Vec<u8>> = names.iter().map(|name| GOLDEN.bytes(name)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for _ in 0..20_000 {
        let mut file = files[rng.random_range(0..files.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            // Not in the preamble, which is not read.
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
fn a_repeated_scan_never_panics() {
    let mut file = GOLDEN.bytes("baseline.dcm");
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
        let from = GOLDEN.path(&format!("{name}.dcm"));
        std::fs::copy(from, folder.path().join(class).join(name).with_extension(extension)).unwrap();
    }
    let dataset =
        DatasetConfig::Folder(Folder { path: "".into() }).open(folder.path(), &FileHashes::none()).unwrap();
    let ids: Vec<&str> = dataset.samples().iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["a/baseline.dcm", "a/rgb.DCM", "b/window-12.dicom"]);
    for (index, name) in ["baseline.dcm", "rgb.dcm", "window-12.dcm"].iter().enumerate() {
        assert_eq!(dataset.image(index).unwrap(), read_image(&GOLDEN.path(name)).unwrap());
    }
}
