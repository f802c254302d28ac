//! In-model merging.

use std::fmt::Write;

use super::by_set;
use super::numbers::{head, points, seeds, signed, with_ends};
use crate::evidence::findings::{Findings, Of};

pub fn gains(findings: &Findings) -> String {
    let Some(part) = &findings.inmerge else { return String::new() };
    let gains = &part.gains;
    let seeds = seeds(&part.records);
    let mut text = format!(
        "## In-model merging\n\n\
         VGG16's convolutions with ImageNet features. Gain over the baseline on test images with intervals\n\
         of 95 %; of calibration error a positive number is a lower error. Seeds done: {seeds}.\n\n{}",
        head("row", &["set's metric, points", "AUROC, points", "calibration error"])
    );
    for method in gains.methods() {
        let mean = |metric| gains.mean(Of { method, network: None, on: "test", metric });
        let cells = [
            with_ends(mean(None), points),
            with_ends(mean(Some("auroc")), points),
            with_ends(mean(Some("calibration")), signed),
        ];
        let _ = writeln!(text, "| {method} | {} |", cells.join(" | "));
    }
    let table = by_set::table(gains, "test", "Baseline", &gains.methods());
    let _ = write!(text, "\nBy set, in its own metric:\n\n{table}");
    text
}
