//! In-model merging.

use std::fmt::Write;

use super::numbers::{head, points, seeds, signed, with_ends};
use crate::evidence::findings::{Findings, Of, array};

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
    let methods = gains.methods();
    let columns = [&["Baseline"], &methods[..]].concat();
    let _ = write!(text, "\nBy set, in its own metric:\n\n{}", head("set", &columns));
    let first = methods.first().and_then(|method| gains.of(Of::row(method, "test")));
    for set in first.map_or(&[][..], |gain| array(&gain["datasets"])) {
        let _ = write!(
            text,
            "| {} | {:.4} |",
            set["dataset"].as_str().unwrap_or_default(),
            set["baseline"].as_f64().unwrap_or(f64::NAN)
        );
        for method in &methods {
            let datasets = gains.of(Of::row(method, "test")).map_or(&[][..], |gain| array(&gain["datasets"]));
            let of = datasets.iter().find(|of| of["dataset"] == set["dataset"]);
            let _ = write!(text, " {} |", with_ends(of.map(|of| &of["gain"]), points));
        }
        text.push('\n');
    }
    text
}
