//! Comparison of the results of two runs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::place::Place;

/// Returns the contents of a run's files without durations.
pub fn results(place: &Place, runs: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in place
        .files(runs)
        .into_iter()
        .filter(|name| !name.starts_with("slurm/") && !name.starts_with("cache/"))
        // It has hashes of files that contain durations.
        .filter(|name| !name.ends_with("files.json"))
    {
        let path = place.path(runs).join(&name);
        let mut bytes = std::fs::read(&path).unwrap();
        if name.ends_with(".json") {
            let mut json: Value = serde_json::from_slice(&bytes).unwrap();
            untimed(&mut json);
            bytes = serde_json::to_vec(&json).unwrap();
        } else if name.ends_with("history.jsonl") {
            let lines = std::str::from_utf8(&bytes).unwrap().lines();
            let mut lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            lines.iter_mut().for_each(untimed);
            bytes = serde_json::to_vec(&lines).unwrap();
        } else if name.contains("tables/") && !name.ends_with(".safetensors") {
            // Of a table's formats only JSON is compared; the others have the same content, with
            // durations.
            continue;
        }
        found.insert(name, bytes);
    }
    found
}

/// Removes durations, and digests of records with durations.
fn untimed(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            fields.retain(|name, _| !["seconds", "data_seconds", "wall_seconds"].contains(&name.as_str()));
            if fields.contains_key("code_version") {
                fields.remove("digest");
            }
            fields.values_mut().for_each(untimed);
        }
        Value::Array(values) => values.iter_mut().for_each(untimed),
        _ => {}
    }
}

/// Asserts that the results in `runs` equal those of an uninterrupted run in `whole`.
#[track_caller]
pub fn same(place: &Place, runs: &str) {
    let (expected, found) = (results(place, "whole"), results(place, runs));
    let names = |results: &BTreeMap<String, Vec<u8>>| results.keys().cloned().collect::<Vec<_>>();
    // No temporary file, no claim, no resume point is left.
    assert_eq!(names(&found), names(&expected));
    for (name, bytes) in &expected {
        let text = |bytes: &[u8]| match name.contains(".json") {
            true => format!("\n{}", String::from_utf8_lossy(bytes)),
            false => String::new(),
        };
        assert!(found[name] == *bytes, "{name} differs:{}{}", text(&found[name]), text(bytes));
    }
}
