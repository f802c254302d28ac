//! The jobs of a study of in-model merging.

use ff_data::random::stream;
use ff_train::{OptimizerConfig, TrainConfig};
use rand::Rng;

use super::columns::{InmergeColumn, SeedJobs};
use super::config::{InmergeConfig, StageConfig};
use crate::config::{BackboneConfig, DatasetEntry};
use crate::job::{JobId, JobSpec, Start, Training};
use crate::plan::{ColumnBase, Graph, StartWeights};

/// Lays out every column of a study.
pub(super) fn columns(config: &InmergeConfig, graph: &mut Graph<'_>) -> Vec<InmergeColumn> {
    let mut columns = Vec::new();
    for (b, backbone) in config.backbone.iter().enumerate() {
        let origin = graph.origin(backbone, 0);
        for (d, dataset) in config.dataset.iter().enumerate() {
            columns.push(column(config, graph, (b, backbone), (d, dataset), &origin));
        }
    }
    columns
}

fn column(
    config: &InmergeConfig,
    graph: &mut Graph<'_>,
    (b, backbone): (usize, &BackboneConfig),
    (d, dataset): (usize, &DatasetEntry),
    origin: &StartWeights,
) -> InmergeColumn {
    let rows = config.rows();
    let mut methods = vec![Vec::new(); rows.len()];
    let opening = graph.open(backbone, dataset, origin);
    let shared = &opening.shared;
    for seed in &config.seeds {
        let origin = opening.origin.with_seed(*seed);
        let first = first_stage(config, graph, shared, origin, dataset, *seed);
        for (row, jobs) in rows.iter().zip(&mut methods) {
            let inmerge = config.inmerge(row, backbone);
            let start = Start::Input { optimizer: false, seed: 0 };
            let training = training(graph, shared, start, &config.merging, dataset, second_seed(*seed));
            let training = Training { inmerge, ..training };
            let label = format!("{}: {} seed {seed}", shared.prefix, row.name);
            let cost = shared.cost(config.merging.epochs, 0);
            let trained = graph.add(
                shared,
                label.clone(),
                JobSpec::Finetune(training),
                vec![first.clone()],
                cost,
                None,
            );
            graph.describe(&trained, config.merging.schedule.highest(), config.merging.augment, *seed);
            let test = graph.test_score(shared, &label, &trained, dataset);
            jobs.push(SeedJobs { seed: *seed, trained, test });
        }
    }
    let (task, blocked) = (opening.task, opening.shared.blocked);

    InmergeColumn { backbone: b, dataset: d, task, blocked, methods }
}

/// The seed of a run's second stage, whose order, augmentation, masks and merges are its own and not those of the first
/// stage's first epochs. Of 63 bits, so that TOML can hold it.
fn second_seed(seed: u64) -> u64 {
    stream(seed, "second stage", &[]).next_u64() >> 1
}

fn first_stage(
    config: &InmergeConfig,
    graph: &mut Graph<'_>,
    shared: &ColumnBase,
    StartWeights { start, file: weights, .. }: StartWeights,
    dataset: &DatasetEntry,
    seed: u64,
) -> JobId {
    let pretrained = graph.pretrained(shared, &start);
    let spec = JobSpec::Finetune(training(graph, shared, start, &config.training, dataset, seed));
    let label = format!("{}: backbone seed {seed}", shared.prefix);
    let cost = shared.cost(config.training.epochs, 0);
    let id = graph.add(shared, label, spec, pretrained.into_iter().collect(), cost, weights);
    graph.describe(&id, config.training.schedule.highest(), config.training.augment, seed);
    id
}

fn training(
    graph: &Graph<'_>,
    shared: &ColumnBase,
    start: Start,
    stage: &StageConfig,
    dataset: &DatasetEntry,
    seed: u64,
) -> Training {
    let StageConfig { epochs, augment, momentum, schedule, select_by } = stage;
    let weight_decay = graph.model.weight_decay;
    let train = TrainConfig {
        optimizer: OptimizerConfig::Sgd { momentum: *momentum, weight_decay },
        schedule: schedule.clone(),
        select_by: *select_by,
        task_weights: dataset.task_weights,
        ..graph.train_config(*epochs, *augment, seed, dataset.metric, 0.0)
    };
    Training { model: shared.spec, start, data: shared.identity.clone(), train, inmerge: None }
}
