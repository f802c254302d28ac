//! Names in records, folders and weights.

use std::collections::BTreeMap;

use ff_data::Augment;
use tch::Device;

/// Returns the fields that a hierarchy can group a run's models by, as jobs and provenance have
/// them.
pub fn group_fields(learning_rate: f64, augment: Augment, seed: u64) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("learning_rate".to_owned(), format!("{learning_rate:e}")),
        ("augmentation".to_owned(), augment.to_string()),
        ("seed".to_owned(), seed.to_string()),
    ])
}

/// Returns a model's name: the fields of its run, and its number among the run's snapshots, from 1.
pub(crate) fn model_name(fields: &BTreeMap<String, String>, snapshot: Option<usize>) -> String {
    let field = |name: &str| fields.get(name).map_or("?", String::as_str);
    let run = format!("lr {} {} seed {}", field("learning_rate"), field("augmentation"), field("seed"));
    match snapshot {
        Some(number) => format!("{run} snapshot {number}"),
        None => run,
    }
}

/// The version in every record and file.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns a device's name in records and claims: `cpu`, `cuda(0)`.
pub fn device_name(device: Device) -> String {
    format!("{device:?}").to_lowercase()
}
