//! A run that is killed or interrupted resumes to the same bits.

use std::path::Path;
use std::sync::Arc;

use ff_models::Model;
use ff_train::{CancelToken, Ema, Error, Outcome, ResumeEvery, Sampling, StepHook, TrainConfig};

use crate::{Trial, config, cyclic_config, data, run, run_on, same_files, untimed};

#[test]
fn a_killed_run_resumes_to_the_same_bits() {
    tch::set_num_threads(1);
    let balanced = TrainConfig { sample: Sampling::Balanced, image_size: Some(12), ..config() };
    let averaged = TrainConfig { ema: Some(Ema { decay: 0.9 }), ..config() };
    for config in [config(), averaged, cyclic_config(), balanced] {
        let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = run(&config, whole.path(), Trial::default()).unwrap();
        for epoch in [1, 3, 4] {
            let attempt = std::panic::catch_unwind(|| {
                let trial = Trial {
                    resume_every: ResumeEvery::Steps(3),
                    stop_after: Some(epoch),
                    threads: 2,
                    ..Trial::default()
                };
                run(&config, killed.path(), trial)
            });
            assert!(attempt.is_err(), "killed in epoch {epoch}");
        }
        let found = run(&config, killed.path(), Trial::default()).unwrap();
        assert_eq!(untimed(&found), untimed(&expected));
        same_files(whole.path(), killed.path(), &expected);
        let lines = std::fs::read_to_string(killed.path().join("history.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 4);

        assert_eq!(points(killed.path()).len(), 2);
        Outcome::forget_resume_points(killed.path()).unwrap();
        assert_eq!(points(killed.path()), [""; 0]);
        Outcome::forget_resume_points(killed.path()).unwrap();
    }
}

/// Returns the resume points in a folder, oldest first.
fn points(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("resume-"));
    names.sort();
    names
}

/// A hook that asks the run to stop before a step, and reports the steps of each epoch.
struct StopAt {
    step: usize,
    stop: CancelToken,
    seen: u64,
}

impl StepHook for StopAt {
    fn name(&self) -> &str {
        "steps"
    }

    fn before_forward(&mut self, step: usize, _: &Model) -> Result<(), Error> {
        self.seen += 1;
        if step == self.step {
            self.stop.set();
        }
        Ok(())
    }

    fn report(&mut self) -> serde_json::Value {
        std::mem::take(&mut self.seen).into()
    }

    fn state(&self) -> serde_json::Value {
        self.seen.into()
    }

    fn load_state(&mut self, state: serde_json::Value) -> Result<(), Error> {
        self.seen = state.as_u64().ok_or_else(|| Error::Config("not a count".into()))?;
        Ok(())
    }
}

#[test]
fn a_run_that_is_interrupted_at_any_step_resumes_to_the_same_bits() {
    tch::set_num_threads(1);
    let config = TrainConfig { ema: Some(Ema { decay: 0.9 }), ..cyclic_config() };
    let trial = |step, threads| {
        let stop = CancelToken::default();
        let hook = StopAt { step, stop: stop.clone(), seen: 0 };
        Trial { stop, hooks: vec![Box::new(hook)], threads, ..Trial::default() }
    };
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(&config, whole.path(), trial(0, 0)).unwrap();
    assert_eq!(expected.history.iter().map(|epoch| &epoch.hooks["steps"]).collect::<Vec<_>>(), [4, 4, 4, 4]);
    // 4 steps an epoch: snapshots are at steps 2 and 10, epochs end at 4, 8, 12 and 16.
    for step in 1..=16 {
        let ended = run(&config, stopped.path(), trial(step, step % 3));
        assert!(matches!(ended, Err(Error::Stopped)), "step {step}");
        assert_eq!(points(stopped.path()).last().unwrap(), &format!("resume-{step:010}.safetensors"));
    }
    let found = run(&config, stopped.path(), trial(0, 0)).unwrap();
    assert_eq!(untimed(&found), untimed(&expected));
    same_files(whole.path(), stopped.path(), &expected);
}

#[test]
fn an_interrupted_snapshot_is_taken_on_resume() {
    tch::set_num_threads(1);
    let config = TrainConfig { epochs: 1, ..cyclic_config() };
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(&config, whole.path(), Trial::default()).unwrap();
    assert_eq!(expected.snapshots[0].step, 2);
    // Only evaluation has the token: it stops in the middle of the snapshot, or at the end of the
    // epoch.
    for step in [2, 4] {
        let stop = CancelToken::default();
        let hook = StopAt { step, stop: stop.clone(), seen: 0 };
        let mut data = data();
        let validation = Arc::into_inner(data.validation).unwrap();
        data.validation = Arc::new(validation.stopped_by(stop));
        let trial = Trial { hooks: vec![Box::new(hook)], ..Trial::default() };
        let ended = run_on(&config, stopped.path(), trial, &data);
        assert!(matches!(ended, Err(Error::Stopped)), "step {step}");
    }
    let found = run(&config, stopped.path(), Trial::default()).unwrap();
    assert_eq!(found.snapshots, expected.snapshots);
    same_files(whole.path(), stopped.path(), &expected);
}

/// A hook that asks the run to stop at the end of the first epoch.
struct StopAfterEpoch(CancelToken);

impl StepHook for StopAfterEpoch {
    fn name(&self) -> &str {
        "stop"
    }

    fn before_forward(&mut self, _: usize, _: &Model) -> Result<(), Error> {
        Ok(())
    }

    fn report(&mut self) -> serde_json::Value {
        self.0.set();
        serde_json::Value::Null
    }
}

#[test]
fn an_interrupted_moving_average_is_saved_on_resume() {
    tch::set_num_threads(1);
    let config = TrainConfig { epochs: 1, ema: Some(Ema::default()), ..config() };
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(&config, whole.path(), Trial::default()).unwrap();
    // The run is stopped after its last epoch is recorded, and before the average is evaluated.
    let stop = CancelToken::default();
    let hooks: Vec<Box<dyn StepHook>> = vec![Box::new(StopAfterEpoch(stop.clone()))];
    let ended = run(&config, stopped.path(), Trial { stop, hooks, ..Trial::default() });
    assert!(matches!(ended, Err(Error::Stopped)));
    assert!(!stopped.path().join("ema.safetensors").exists());
    let found = run(&config, stopped.path(), Trial::default()).unwrap();
    assert_eq!(untimed(&found), untimed(&expected));
    same_files(whole.path(), stopped.path(), &expected);
}

#[test]
fn resume_points_of_other_runs_are_refused_and_damaged_ones_skipped() {
    tch::set_num_threads(1);
    let whole = tempfile::tempdir().unwrap();
    let expected = run(&config(), whole.path(), Trial::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trial = || Trial { resume_every: ResumeEvery::Steps(3), ..Trial::default() };
    run(&config(), folder.path(), trial()).unwrap();
    let other = TrainConfig { seed: 4, ..config() };
    assert!(matches!(run(&other, folder.path(), trial()), Err(Error::Resume { .. })));

    // First the newest is damaged, then both.
    let names = points(folder.path());
    assert_eq!(names, ["resume-0000000012.safetensors", "resume-0000000015.safetensors"]);
    for damaged in [&names[1..], &names] {
        for name in damaged {
            let path = folder.path().join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        let found = run(&config(), folder.path(), Trial::default()).unwrap();
        assert_eq!(untimed(&found), untimed(&expected));
        same_files(whole.path(), folder.path(), &expected);
    }
}
