//! In-model merging.

use std::fmt::Write;

use super::answers::answer;
use super::by_set;
use super::numbers::{head, points, seeds, signed, with_ends};
use crate::evidence::findings::{Findings, Of};

pub fn gains(findings: &Findings) -> String {
    let Some(part) = &findings.inmerge else { return String::new() };
    let gains = &part.gains;
    let seeds = seeds(&part.records);
    let mut text = format!(
        "## In-model merging\n\n\
         VGG16's convolutions with ImageNet features, and the gain over the same training without merging, on\n\
         test images, with intervals of 95 %; of calibration error a positive number is a lower error. The\n\
         [protocol](protocol.md#in-model-merging) says how many kernels are similar enough for each τ.\n\n\
         Seeds done: {seeds}.\n\n{}",
        head("row", &["set's metric, points", "answer", "AUROC, points", "calibration error"])
    );
    for method in gains.methods() {
        let mean = |metric| gains.mean(Of { method, network: None, on: "test", metric });
        let own = mean(None);
        let answer = own.map_or("–", answer);
        let [own, auroc] = [own, mean(Some("auroc"))].map(|mean| with_ends(mean, points));
        let calibration = with_ends(mean(Some("calibration")), signed);
        let _ = writeln!(text, "| {method} | {own} | {answer} | {auroc} | {calibration} |");
    }
    let table = by_set::table(gains, "test", "Baseline", &gains.methods());
    let _ = write!(text, "\nBy set, in its own metric:\n\n{table}");
    text
}
