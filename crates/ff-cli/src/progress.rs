//! Results of jobs and epochs in a few words.

use ff_eval::{Shown, Value};
use ff_grid::{JobOutput, Record, VerdictRecord};
use ff_train::EpochRecord;

/// Formats an epoch's losses, validation score and speed.
pub fn of_epoch(epoch: &EpochRecord) -> String {
    format!(
        "loss {:.4}, validation {} (loss {:.4}), lr {:.2e}, {}",
        epoch.train_loss,
        shown(&epoch.validation),
        epoch.validation_loss,
        epoch.learning_rate,
        speed(epoch)
    )
}

/// The share of time spent waiting for images from which it is shown.
pub const LEAST_WAIT: f64 = 0.05;

/// Formats an epoch's images per second, and the share of time spent on loading if it is large.
pub fn speed(epoch: &EpochRecord) -> String {
    let waited = match epoch.data_share() {
        share if share < LEAST_WAIT => String::new(),
        share => format!(", {:.0} % of the time waiting for images", 100.0 * share),
    };
    format!("{:.0} images/s{waited}", epoch.images_per_second())
}

/// Formats a metric with four digits.
pub fn shown(value: &Value) -> String {
    value.value().map_or("undefined".to_owned(), |value| format!("{value:.4}"))
}

/// Formats a job's result in a few words, to follow the job's label.
pub fn outcome(record: &Record) -> String {
    match &record.output {
        JobOutput::Training(outcome) => {
            let diverged = outcome.diverged.as_ref().map(|at| format!(": diverged at step {}", at.step));
            let kept = outcome.kept.as_ref();
            let kept = kept.map(|kept| {
                let epoch = if kept.epoch > 0 { format!(", epoch {}", kept.epoch) } else { String::new() };
                format!(": {} on validation{}{epoch}", shown(&kept.validation), kept.chance)
            });
            let snapshots = outcome.snapshots.len();
            let snapshots = (snapshots > 0).then(|| format!(": {snapshots} snapshots"));
            [diverged, kept.or(snapshots)].into_iter().flatten().collect()
        }
        JobOutput::Soup(soup) => {
            let taken = soup.soup.average.shares().len();
            let fitted = soup.cross_fitted.as_ref().filter(|of| of.folds > 0).and(soup.cross_fitted());
            let fitted = fitted.map_or(String::new(), |score| format!(" ({score:.4} cross-fitted)"));
            let (score, chance) = (soup.validation(), soup.chance);
            format!(": {score:.4} on validation{chance}{fitted}, {taken} of {} models", soup.candidates)
        }
        JobOutput::Predictions { samples, .. } => format!(": {samples} images"),
        JobOutput::Diverged { .. } => ": skipped, since its run diverged".to_owned(),
        JobOutput::Score(score) => format!(": {}{}", shown(&score.value), score.chance),
        JobOutput::Verdict(VerdictRecord::None { why }) => format!(": none: {why}"),
        JobOutput::Verdict(VerdictRecord::Said { same: true, .. }) => ": take the single model".to_owned(),
        JobOutput::Verdict(VerdictRecord::Said { of, .. }) => match of.shown() {
            Shown::Higher => ": take a soup".to_owned(),
            Shown::Lower => ": take the single model".to_owned(),
            Shown::Neither => format!(": cannot be told apart on {} images", of.samples),
        },
        JobOutput::Plane(_) | JobOutput::PlaneRow(_) => String::new(),
        JobOutput::Surface(surface) => {
            let minima = surface.roughness.local_minima;
            format!(": {minima} local minim{}", if minima == 1 { "um" } else { "a" })
        }
        JobOutput::Path(path) => format!(": barrier {:.4}", path.barrier),
        JobOutput::GreedyBarriers(greedy_barriers) => format!(": {} candidates", greedy_barriers.len()),
        JobOutput::Forecast(forecast) => {
            let others = || forecast.models.iter().filter(|of| of.model != forecast.best);
            let worth = others().filter(|of| forecast.is_worth_trying(of)).count();
            let found = others().count();
            let elsewhere = match forecast.other_starts().count() {
                0 => String::new(),
                other => format!("; {other} of another start"),
            };
            format!(": {worth} of {found} models are worth trying with {}{elsewhere}", forecast.best)
        }
    }
}
