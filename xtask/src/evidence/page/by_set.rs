//! Gains in each set.

use std::fmt::Write;

use serde_json::Value;

use super::numbers::{head, points, with_ends};
use crate::evidence::findings::{Gains, Of, array};

/// The score of the baseline in each set, and the gains of rows in points.
pub fn table(gains: &Gains, on: &str, baseline: &str, methods: &[&str]) -> String {
    let mut text = head("set", &[&[baseline], methods].concat());
    let of = |method| gains.of(Of::row(method, on)).map_or(&[][..], |gain| array(&gain["datasets"]));
    let rows: Vec<&[Value]> = methods.iter().map(|method| of(method)).collect();
    // Every row has the sets of the longest.
    for set in rows.iter().max_by_key(|sets| sets.len()).copied().unwrap_or_default() {
        let name = set["dataset"].as_str().unwrap_or_default();
        let _ = write!(text, "| {name} | {:.4} |", set["baseline"].as_f64().unwrap_or(f64::NAN));
        for row in &rows {
            let of_set = row.iter().find(|of| of["dataset"] == set["dataset"]);
            let _ = write!(text, " {} |", with_ends(of_set.map(|of| &of["gain"]), points));
        }
        text.push('\n');
    }
    text
}
