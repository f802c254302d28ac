//! The jobs of a table of in-model merging.
//!
//! Every method continues from the network that the first stage saved with the same seed: its best
//! epoch on validation, with new optimizer state. So methods differ only in the merging, their
//! differences are paired, and the first stage is trained once. The baseline is the second stage
//! without merging.

use std::path::PathBuf;

use ff_data::random::stream;
use ff_inmerge::InMerge;
use ff_train::{OptimizerConfig, TrainConfig};
use rand::Rng;

use super::columns::{InmergeColumn, SeedJobs};
use super::config::{InmergeConfig, StageConfig};
use crate::config::{BackboneConfig, DatasetEntry};
use crate::job::{JobId, JobSpec, RunFields, Start};
use crate::plan::{ColumnBase, Graph, StartWeights};

/// Plans every column of a table.
pub(super) fn columns(config: &InmergeConfig, graph: &mut Graph<'_>) -> Vec<InmergeColumn> {
    let mut columns = Vec::new();
    for backbone in &config.backbone {
        let origin = graph.origin(backbone, 0);
        for dataset in &config.dataset {
            columns.push(column(config, graph, backbone, dataset, &origin));
        }
    }
    columns
}

fn column(
    config: &InmergeConfig,
    graph: &mut Graph<'_>,
    backbone: &BackboneConfig,
    dataset: &DatasetEntry,
    origin: &StartWeights,
) -> InmergeColumn {
    let rows = config.rows();
    let mut methods = vec![Vec::new(); rows.len()];
    let opening = graph.open(backbone, dataset, origin);
    let shared = &opening.shared;
    let [training, merging] =
        [&config.training, &config.merging].map(|config| Stage { config, shared, dataset });
    for &seed in &config.seeds {
        let StartWeights { start, file, .. } = origin.with_seed(seed);
        let pretrained = graph.pretrained(shared, &start).into_iter().collect();
        let label = format!("{}: backbone seed {seed}", shared.prefix);
        let first =
            training.add(graph, label, Seeds { group: seed, own: seed }, (start, file), None, pretrained);
        for (row, jobs) in rows.iter().zip(&mut methods) {
            let label = format!("{}: {} seed {seed}", shared.prefix, row.name);
            let start = (Start::Input { optimizer: false, seed: 0 }, None);
            let inmerge = config.inmerge(row, backbone);
            let seeds = Seeds { group: seed, own: second_seed(seed) };
            let trained = merging.add(graph, label.clone(), seeds, start, inmerge, vec![first.clone()]);
            graph.with_kernels(&trained);
            let test = graph.test_score(shared, &label, std::slice::from_ref(&trained), 1, dataset);
            jobs.push(SeedJobs { seed, trained, test });
        }
    }
    InmergeColumn { head: opening.head(backbone.clone(), dataset.clone()), methods }
}

/// Derives the seed of a run's second stage from that of the first.
///
/// With the same seed, order, augmentation, masks and merges would repeat those of the first
/// stage's first epochs. The seed has 63 bits, so that TOML can represent it.
fn second_seed(seed: u64) -> u64 {
    stream(seed, "second stage", &[]).next_u64() >> 1
}

/// A training stage in a column.
struct Stage<'a> {
    config: &'a StageConfig,
    shared: &'a ColumnBase,
    dataset: &'a DatasetEntry,
}

/// The seeds of a run.
struct Seeds {
    /// The seed in the table, by which models are grouped.
    group: u64,
    /// The seed of all randomness in the run.
    own: u64,
}

impl Stage<'_> {
    /// Adds a run of the stage.
    fn add(
        &self,
        graph: &mut Graph<'_>,
        label: String,
        seeds: Seeds,
        (start, weights): (Start, Option<PathBuf>),
        inmerge: Option<InMerge>,
        inputs: Vec<JobId>,
    ) -> JobId {
        let StageConfig { epochs, augment, momentum, schedule, select_by } = self.config;
        let weight_decay = graph.model.weight_decay;
        let train = TrainConfig {
            optimizer: OptimizerConfig::Sgd { momentum: *momentum, weight_decay },
            schedule: schedule.clone(),
            select_by: *select_by,
            task_weights: self.dataset.task_weights,
            ..graph.train_config(*epochs, *augment, seeds.own, self.dataset.metric, 0.0)
        };
        let spec = JobSpec::Finetune(self.shared.training(start, train, inmerge));
        let cost = self.shared.cost(*epochs, 0);
        let id = graph.add(self.shared, label, spec, inputs, cost, weights);
        graph.describe(&id, RunFields::new(schedule.highest(), *augment, seeds.group));
        id
    }
}
