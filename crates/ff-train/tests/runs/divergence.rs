//! Runs whose loss stops being finite.

use ff_models::Model;
use ff_train::{Ema, Error, LrSchedule, StepHook, TrainConfig};

use crate::{Trial, config, cyclic_config, run};

#[test]
fn a_loss_that_is_not_finite_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let ema = Some(Ema::default());
    let config = TrainConfig { schedule: LrSchedule::Constant { lr: 1e30 }, ema, ..config() };
    let outcome = run(&config, folder.path(), Trial::default()).unwrap();
    let diverged = outcome.diverged.as_ref().unwrap();
    assert_eq!((diverged.epoch, diverged.learning_rate), (1, 1e30));
    assert!(diverged.step > 1 && diverged.last_finite_loss.is_some_and(f64::is_finite), "{diverged:?}");
    assert!(outcome.is_empty());
    assert!(["kept", "ema"].iter().all(|stem| !folder.path().join(format!("{stem}.safetensors")).exists()));
}

#[test]
fn models_from_before_a_divergence_are_saved() {
    /// Makes a weight infinite before a step.
    struct Break(usize);
    impl StepHook for Break {
        fn name(&self) -> &str {
            "break"
        }

        fn before_forward(&mut self, step: usize, model: &Model) -> Result<(), Error> {
            if step == self.0 {
                let first = model.parameters().trainable().next().unwrap();
                let _ = first.tensor.shallow_clone().fill_(f64::INFINITY);
            }
            Ok(())
        }
    }
    tch::set_num_threads(1);
    for config in [config(), TrainConfig { epochs: 8, ..cyclic_config() }] {
        let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Steps 13 to 16 are the fourth epoch, after three finite ones.
        let expected = run(&TrainConfig { epochs: 3, ..config.clone() }, whole.path(), Trial::default());
        let trial = Trial { hooks: vec![Box::new(Break(14))], ..Trial::default() };
        let found = run(&config, broken.path(), trial).unwrap();
        let diverged = found.diverged.as_ref().unwrap();
        assert_eq!((diverged.epoch, diverged.step), (4, 14));
        assert_eq!(found.history.len(), 3);
        assert!(!found.is_empty());
        let best = found.history.iter().filter_map(|epoch| epoch.validation.value()).fold(f64::MIN, f64::max);
        if let Some(kept) = &found.kept {
            assert_eq!(kept.validation.value(), Some(best));
            kept.weights.open(broken.path()).unwrap();
        }
        if let LrSchedule::Cyclic { .. } = config.schedule {
            // A cycle does not depend on how many follow it.
            assert_eq!(found.snapshots, expected.unwrap().snapshots);
        }
    }
}
