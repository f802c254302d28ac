//! A snapshot as plain text.

use std::fmt;

use super::open::{OpenJob, State};
use super::snapshot::Snapshot;
use crate::progress::{shown, speed};

/// Formats a time in the unit that suits it: seconds, minutes, hours or days.
pub fn spoken(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86400.0),
    }
}

impl Snapshot {
    /// Lists the jobs that are not done, each with its state: what runs or needs attention first.
    pub fn open(&self) -> Vec<(State, &OpenJob)> {
        let lists = [
            (State::Running, &self.running),
            (State::Failed, &self.failed),
            (State::Stopped, &self.stopped),
            (State::Waiting, &self.waiting),
        ];
        lists.into_iter().flat_map(|(state, list)| list.iter().map(move |job| (state, job))).collect()
    }

    /// Formats the state in one line.
    pub fn headline(&self) -> String {
        let counts = [
            (self.running.len(), "running"),
            (self.failed.len(), "failed"),
            (self.stopped.len(), "stopped"),
            (self.waiting.len(), "waiting"),
            (self.missing, "blocked"),
        ];
        let mut parts = vec![format!("{} of {} jobs done", self.done, self.jobs)];
        parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(count, what)| format!("{count} {what}")));
        parts.extend(
            (self.images_per_second > 0.0).then(|| format!("{:.0} images/s", self.images_per_second)),
        );
        parts.extend(self.left_seconds.map(|seconds| format!("about {} left", spoken(seconds))));
        parts.join(", ")
    }

    /// Returns a job's label, without its column if all jobs have the same.
    pub fn short<'a>(&self, label: &'a str) -> &'a str {
        let rest =
            self.only_column.as_ref().and_then(|column| label.strip_prefix(column)?.strip_prefix(": "));
        rest.unwrap_or(label)
    }

    /// Says that nothing runs the jobs that are left, and what does; `None` if something runs them.
    pub fn idle_text(&self) -> Option<String> {
        let (left, them) = match self.jobs - self.done {
            1 => ("1 job".to_owned(), "it"),
            left => (format!("{left} jobs"), "them"),
        };
        let begun = self.done > 0 || !self.stopped.is_empty();
        let resumes = if begun { "resumes" } else { "starts" };
        self.idle.then(|| format!("no process is running: {left} left; `ff-grid run` {resumes} {them}"))
    }
}

impl OpenJob {
    /// Formats who runs it, or why nobody does; empty for a job that waits for others.
    pub fn note(&self, state: State) -> String {
        match (&self.why, &self.owner) {
            (Some(why), _) => why.clone(),
            (None, Some(owner)) if state == State::Running => owner.clone(),
            (None, Some(owner)) => format!("{owner} has ended"),
            (None, None) => String::new(),
        }
    }

    /// Formats its epochs, score and speed; empty if it does not train.
    pub fn progress(&self, state: State) -> String {
        let Some(last) = self.history.last() else {
            return match state {
                State::Running if self.epochs > 0 => format!("epoch 1 of {}", self.epochs),
                _ => String::new(),
            };
        };
        let mut text =
            format!("epoch {} of {}, {} on validation", last.epoch, self.epochs, shown(&last.validation));
        if state == State::Running {
            text += &format!(", {}", speed(last));
            text += &self.left_seconds().map_or(String::new(), |left| format!(", {} left", spoken(left)));
        }
        text
    }
}

/// Lists what [`Snapshot::open`] lists, except the jobs that wait; then the best models.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        for (state, job) in self.open() {
            let word = match state {
                State::Running => "running",
                State::Failed => "failed ",
                State::Stopped => "stopped",
                State::Waiting => continue,
            };
            let details = [job.device.clone().unwrap_or_default(), job.progress(state), job.note(state)];
            let details: Vec<&str> =
                details.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
            writeln!(f, "{word}  {}  {}", job.label, details.join(", ").replace('\n', "\n         "))?;
        }
        for best in &self.best {
            writeln!(f, "best     {:.4}  {}", best.score, best.label)?;
        }
        self.idle_text().map_or(Ok(()), |text| writeln!(f, "{text}"))
    }
}
