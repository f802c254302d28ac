//! Compares the decoder with Pillow and pydicom, and checks its errors.

mod dicom;
mod pictures;

use std::path::{Path, PathBuf};

use ff_data::{Error, decode, read_image};

/// A folder of golden images, with another decoder's results in its `decoded.json`.
struct Golden(&'static str);

impl Golden {
    fn path(&self, name: &str) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden")).join(self.0).join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn decoded(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_slice(&self.bytes("decoded.json")).unwrap()
    }
}

/// Returns the error of bytes that cannot be decoded.
#[track_caller]
fn refusal(bytes: &[u8]) -> String {
    match decode(bytes, "x.img") {
        Err(error @ Error::Image(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Decodes every file that `decoded.json` lists (more than `more_than`), and compares sizes, and
/// grey levels up to the tolerance for the file's name.
fn check_pictures(golden: &Golden, more_than: usize, tolerance: fn(&str) -> u8) {
    let expected = golden.decoded();
    assert!(expected.len() > more_than);
    let mut failures = Vec::new();
    for (name, picture) in &expected {
        let image = match read_image(&golden.path(name)) {
            Ok(image) => image,
            Err(error) => {
                failures.push(error.to_string());
                continue;
            }
        };
        let size = (picture["width"].as_u64().unwrap(), picture["height"].as_u64().unwrap());
        assert_eq!((u64::from(image.width), u64::from(image.height)), size, "{name}");
        let hex = picture["rgb"].as_str().unwrap();
        assert_eq!(hex.len(), 2 * image.data.len(), "{name}");
        let expected = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
        let off = image.data.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
        if off > tolerance(name) {
            failures.push(format!("{name} is off by {off}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
