//! Numbers of merges in each layer, and statistics of its kernels after training.

use ff_inmerge::{KernelStats, MergeStats};
use serde::Serialize;

use super::columns::InmergeColumn;
use super::config::InmergeMethod;
use crate::error::Error;
use crate::job::LayerKernels;
use crate::plan::Records;
use crate::run::InmergeHook;

/// The merges of one layer in one epoch: a line of `merged-kernels.csv`.
#[derive(Serialize)]
pub(super) struct Merged<'a> {
    pub method: &'a str,
    seed: u64,
    pub epoch: u32,
    pub layer: usize,
    kernels: usize,
    steps: usize,
    compared: u64,
    merged: u64,
    mean_similarity: Option<f64>,
    /// Merges for each kernel and step.
    pub share: f64,
}

/// Collects the merges of every layer and epoch, for each row and seed.
pub(super) fn merges<'a>(
    rows: &'a [InmergeMethod],
    column: &InmergeColumn,
    records: Records<'_>,
) -> Result<Vec<Merged<'a>>, Error> {
    let mut found = Vec::new();
    for (row, seeds) in rows.iter().zip(&column.methods) {
        for jobs in seeds {
            let Some(record) = records.of(&jobs.trained)? else { continue };
            let mut before = 0;
            for epoch in &record.training()?.history {
                let steps = epoch.step - std::mem::replace(&mut before, epoch.step);
                for stats in InmergeHook::of(epoch)? {
                    let MergeStats { layer, kernels, compared, merged, mean_similarity } = stats;
                    let share = merged as f64 / (kernels * steps).max(1) as f64;
                    let (method, seed, epoch) = (row.name.as_str(), jobs.seed, epoch.epoch);
                    found.push(Merged {
                        method,
                        seed,
                        epoch,
                        layer,
                        kernels,
                        steps,
                        compared,
                        merged,
                        mean_similarity,
                        share,
                    });
                }
            }
        }
    }
    Ok(found)
}

/// The redundancy of the kernels of one layer of a saved model: a line of `kernels.csv`.
#[derive(Serialize)]
pub(super) struct Kernels<'a> {
    method: &'a str,
    seed: u64,
    layer: usize,
    name: String,
    kernels: usize,
    effective_rank: Option<f64>,
    duplicate_share: f64,
}

/// Collects the statistics of every layer's kernels, for each row and seed.
pub(super) fn kernels<'a>(
    rows: &'a [InmergeMethod],
    column: &InmergeColumn,
    records: Records<'_>,
) -> Result<Vec<Kernels<'a>>, Error> {
    let mut found = Vec::new();
    for (row, seeds) in rows.iter().zip(&column.methods) {
        for jobs in seeds {
            let layers = records.of(&jobs.trained)?.map_or(Vec::new(), |record| record.kernels);
            found.extend(layers.into_iter().map(|LayerKernels { layer, name, stats }| {
                let KernelStats { kernels, effective_rank, duplicate_share } = stats;
                let (method, seed) = (row.name.as_str(), jobs.seed);
                Kernels { method, seed, layer, name, kernels, effective_rank, duplicate_share }
            }));
        }
    }
    Ok(found)
}
