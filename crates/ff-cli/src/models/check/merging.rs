//! In-model merging on a device and on the CPU.

use ff_checkpoint::StateDict;
use ff_inmerge::{InMerge, Merger};
use ff_models::Model;

use super::inputs::alike;
use super::row::{Row, difference, worst};

/// Steps of in-model merging.
const MERGES: u64 = 5;

/// Compares merges of similar kernels, if the network has more convolutions than stay unmerged.
pub(super) fn merging(host: &mut Model, other: &mut Model, weights: &StateDict) -> anyhow::Result<Vec<Row>> {
    let settings = InMerge::default();
    let convolutions = host.parameters().convolutions().count();
    if settings.check(convolutions).is_err() {
        return Ok(Vec::new());
    }
    let names = host.parameters().convolutions().map(|kernel| kernel.name.as_str());
    let weights = alike(weights, names);
    host.load_strict(&weights)?;
    other.load_strict(&weights)?;
    let merged = |model: &Model| -> anyhow::Result<Vec<u64>> {
        let mut merger = Merger::new(settings, 0, convolutions)?;
        for step in 1..=MERGES {
            merger.merge(step, model.parameters().convolutions().map(|kernel| &kernel.tensor));
        }
        Ok(merger.take_stats().iter().map(|layer| layer.merged).collect())
    };
    let (reference, found) = (merged(host)?, merged(other)?);
    let miscounted: u64 =
        reference.iter().zip(&found).map(|(reference, found)| reference.abs_diff(*found)).sum();
    let kernels = host.parameters().convolutions().zip(other.parameters().convolutions());
    let differences = kernels.map(|(reference, found)| difference(&reference.tensor, &found.tensor));
    let merges: u64 = reference.iter().sum();
    let row = |check: &str, compared, difference, limit| Row {
        arch: host.spec().architecture,
        check: check.to_owned(),
        precision: None,
        compared,
        difference,
        limit,
    };
    Ok(vec![
        row("merged-kernels", format!("counts of {merges} merges in {MERGES} steps"), miscounted as f64, 0.0),
        row("merged-weights", "kernels after them".to_owned(), worst(differences), 1e-5),
    ])
}
