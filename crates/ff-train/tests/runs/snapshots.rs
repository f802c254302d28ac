//! Models at the minima of a cyclic learning rate.

use ff_eval::Metric;
use ff_train::{LrSchedule, Outcome, TrainConfig, load_predictions};

use crate::{Trial, config, cyclic_config, run};

#[test]
fn fgg_takes_snapshots_at_minima_and_starts_from_the_moments() {
    let (base, fgg) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = run(&config(), base.path(), Trial::default()).unwrap().kept.unwrap();
    let start = kept.weights.open(base.path()).unwrap();
    let moments = kept.optimizer.as_ref().unwrap().open(base.path()).unwrap();
    assert_eq!(moments.get("step").unwrap().to_i64().unwrap(), [kept.step as i64]);

    let config = TrainConfig { epochs: 5, ..cyclic_config() };
    let trial = |optimizer| Trial { start: Some(&start), optimizer, ..Trial::default() };
    let carried = run(&config, fgg.path(), trial(Some(moments))).unwrap();
    // 4 steps an epoch, 8 a cycle, of which the run starts after 2: the middle of the cycle is
    // after steps 2, 10 and 18.
    assert_eq!(carried.snapshots.iter().map(|snapshot| snapshot.step).collect::<Vec<_>>(), [2, 10, 18]);
    for snapshot in &carried.snapshots {
        let predictions = load_predictions(&fgg.path().join(&snapshot.predictions.path)).unwrap();
        assert_eq!(Metric::Accuracy.evaluate(&predictions), snapshot.validation);
    }
    let other = tempfile::tempdir().unwrap();
    let reset = run(&config, other.path(), trial(None)).unwrap();
    let weights = |outcome: &Outcome| outcome.snapshots[0].weights.digest;
    assert_ne!(weights(&carried), weights(&reset), "the moments matter");
}

#[test]
fn a_snapshot_at_the_end_of_an_epoch_is_evaluated_once() {
    // Half a cycle is an epoch: snapshots are at the ends of epochs 1 and 3.
    let config = TrainConfig {
        schedule: LrSchedule::Cyclic { lr_max: 1e-3, lr_min: 1e-6, epochs_per_cycle: 2, phase: 0.0 },
        ..cyclic_config()
    };
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(&config, folder.path(), Trial::default()).unwrap();
    assert_eq!(outcome.snapshots.iter().map(|snapshot| snapshot.step).collect::<Vec<_>>(), [4, 12]);
    assert_eq!(outcome.evaluations(), 4);
    for snapshot in &outcome.snapshots {
        assert_eq!(outcome.history[snapshot.epoch as usize - 1].validation, snapshot.validation);
    }
    assert!(outcome.kept.is_none() && !folder.path().join("kept.safetensors").exists());
}
