//! Golden pictures: files, and what another decoder makes of them in `decoded.json` beside them.

use std::path::Path;

use ff_data::read_image;

/// Decodes every file that `decoded.json` lists, of which there are more than `more_than`, and compares sizes, and grey levels
/// up to the tolerance for its name.
pub fn check_pictures(folder: &Path, more_than: usize, tolerance: fn(&str) -> u8) {
    let text = std::fs::read_to_string(folder.join("decoded.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(expected.len() > more_than);
    let mut failures = Vec::new();
    for (name, picture) in &expected {
        let image = match read_image(&folder.join(name)) {
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
