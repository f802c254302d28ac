//! Numbers against scikit-learn's, SciPy's and NumPy's, and against definitions: see the scripts in `tests/golden/eval`.

mod groups;
mod metrics;
mod statistics;

use std::path::Path;

use ff_eval::{AurocDifference, Predictions, TaskKind};
use serde_json::Value as Json;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/eval"))
}

/// Names of files of predictions, and what is expected of them.
fn cases(file: &str) -> serde_json::Map<String, Json> {
    serde_json::from_str(&std::fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

/// The predictions of a case, of the kind that it says.
fn predictions(name: &str, expected: &Json) -> Predictions {
    read(name, expected["kind"].as_str().unwrap().parse().unwrap())
}

fn read(name: &str, kind: TaskKind) -> Predictions {
    Predictions::read(&folder().join(format!("{name}.safetensors")), kind).unwrap()
}

/// Sums in another order differ by less than 1e-9.
#[track_caller]
fn assert_near(ours: f64, theirs: &Json, what: &str) {
    let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{what}: {theirs}"));
    assert!((ours - theirs).abs() < 1e-9, "{what}: {ours}, not {theirs}");
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
