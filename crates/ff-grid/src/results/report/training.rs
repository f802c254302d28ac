//! Learning curves of training runs.

use ff_report::report::TrainingRun;
use ff_train::{EpochRecord, LrSchedule, Outcome, SavedModel};
use itertools::Itertools;

use crate::error::Error;
use crate::job::{Job, JobId, JobSpec, Training};
use crate::plan::Records;
use crate::store::RunStore;

/// Largest number of points of a curve of learning rates.
const POINTS: usize = 300;

impl<'a> Records<'a> {
    /// Collects the curves of training runs, each once. Runs that have not started are left out.
    pub(crate) fn training_runs(
        self,
        ids: impl Iterator<Item = &'a JobId>,
    ) -> Result<Vec<TrainingRun>, Error> {
        let mut found = Vec::new();
        for job in ids.unique().filter_map(|id| self.plan.job(id)).filter(|job| job.blocked.is_none()) {
            let Some(training) = job.spec.training() else { continue };
            match self.of(&job.id)? {
                Some(record) => found.push(of_outcome(job, training, record.training()?)),
                None => found.extend(unfinished(job, training, self.runs)),
            }
        }
        Ok(found)
    }
}

fn of_outcome(job: &Job, training: &Training, outcome: &Outcome) -> TrainingRun {
    let cyclic = matches!(job.spec, JobSpec::Fgg(_));
    let per_epoch = outcome.history.first().map_or(1, |first| first.step.max(1)) as f64;
    let model = |kept: &SavedModel| (kept.step as f64 / per_epoch, kept.validation.value());
    let models = match cyclic {
        true => outcome.snapshots.iter().map(model).collect(),
        false => outcome.kept.iter().map(model).collect(),
    };
    let note = outcome.diverged.as_ref().map(|at| {
        format!(
            "diverged in epoch {} at step {}, with a learning rate of {:e}{}",
            at.epoch,
            at.step,
            at.learning_rate,
            if outcome.is_empty() { "" } else { "; its models are from before" }
        )
    });
    TrainingRun { models, note, ..of_history(job, training, &outcome.history) }
}

/// Reads the curves of a run that is not finished.
fn unfinished(job: &Job, training: &Training, runs: &RunStore) -> Option<TrainingRun> {
    let history = EpochRecord::written_in(&runs.folder(job));
    let note = format!("not finished: {} of {} epochs", history.len(), training.train.epochs);
    (!history.is_empty()).then(|| TrainingRun { note: Some(note), ..of_history(job, training, &history) })
}

fn of_history(job: &Job, training: &Training, history: &[EpochRecord]) -> TrainingRun {
    let name = job.label.split_once(": ").map_or(job.label.as_str(), |(_, name)| name);
    TrainingRun {
        name: name.to_owned(),
        cyclic: matches!(job.spec, JobSpec::Fgg(_)),
        epochs: history.iter().map(|of| (of.epoch, of.validation.value())).collect(),
        rates: rates(&training.train.schedule, training.train.epochs, history),
        models: Vec::new(),
        note: None,
    }
}

/// Returns learning rates by epoch: computed for steps if the schedule is cyclic, else from the
/// history.
fn rates(schedule: &LrSchedule, epochs: u32, history: &[EpochRecord]) -> Vec<(f64, f64)> {
    let per_epoch = history.first().map_or(0, |first| first.step);
    if let (LrSchedule::Cyclic { .. }, Some(last)) = (schedule, history.last())
        && let Ok(rates) = schedule.over(epochs, per_epoch.max(1))
    {
        let every = last.step / POINTS + 1;
        let at = |step: usize| (step as f64 / per_epoch as f64, rates.at(step, &[]));
        return (1..=last.step).step_by(every).map(at).collect();
    }
    history.iter().map(|of| (f64::from(of.epoch), of.learning_rate)).collect()
}
