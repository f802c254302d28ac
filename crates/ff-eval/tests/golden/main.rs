//! Metrics, comparisons and groups, compared with scikit-learn, SciPy, NumPy and the definitions.
//!
//! The scripts in tests/golden/eval made the files. The tolerance is 1e-9 (sums in another order)
//! unless a test has its own.

mod calibrators;
mod decisions;
mod ensemble;
mod groups;
mod metrics;
mod statistics;

use std::collections::BTreeMap;
use std::path::Path;

use ff_checkpoint::StateDict;
use ff_eval::{AurocDifference, NamedTensor, Predictions, Value};
use serde_json::Value as Json;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/eval");

fn read(name: &str) -> Predictions {
    let file = StateDict::open(Path::new(FOLDER).join(format!("{name}.safetensors"))).unwrap();
    let tensor = |name: &str| {
        let found = file.get(name)?;
        Some(NamedTensor::new(found.dtype, found.shape, found.to_i64(), found.to_f32()))
    };
    Predictions::from_tensors(tensor).unwrap()
}

/// The cases of a file: names and expected values.
fn cases(file: &str) -> BTreeMap<String, Json> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The cases of a file of two models on the same samples: names, models and expected values.
fn pairs(file: &str) -> impl Iterator<Item = (String, [Predictions; 2], Json)> {
    cases(file).into_iter().map(|(name, expected)| {
        let models = [read(&name), read(&format!("{name}_other"))];
        (name, models, expected)
    })
}

#[track_caller]
fn assert_near(ours: f64, theirs: &Json, what: &str) {
    let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{what}: {theirs}"));
    assert!((ours - theirs).abs() < 1e-9, "{what}: {ours}, not {theirs}");
}

/// Compares a value with JSON, where null means undefined.
#[track_caller]
fn assert_same(ours: &Value, theirs: &Json, what: &str) {
    match ours.value() {
        Some(ours) => assert_near(ours, theirs, what),
        None => assert!(theirs.is_null(), "{what}: {ours:?}, not {theirs}"),
    }
}

#[track_caller]
fn assert_same_test(ours: &AurocDifference, theirs: &Json, what: &str) {
    assert_near(ours.baseline, &theirs["baseline"], what);
    assert_near(ours.other, &theirs["other"], what);
    assert_near(ours.difference, &theirs["difference"], what);
    assert_near(ours.standard_error, &theirs["standard_error"], what);
    assert_near(ours.interval.0, &theirs["interval"][0], what);
    assert_near(ours.interval.1, &theirs["interval"][1], what);
    assert_near(ours.p.unwrap(), &theirs["p"], what);
}
