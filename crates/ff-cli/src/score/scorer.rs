//! The scorer of candidates by a command.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use ff_checkpoint::{Digest, StateDict};
use ff_eval::{Metric, Predictions, Targets, TaskKind};
use ff_grid::{CancelToken, Error, Predictor};
use ff_soup::{Average, Candidate, ScoreError, Scorer};
use tracing::info;

use super::answer::{Failure, score};
use super::command::{PREDICTIONS, PREDICTIONS_VARIABLE, ScoreCommand, WEIGHTS_VARIABLE};
use super::kept::{Kept, Record};
use super::process::{Process, last_lines};
use crate::grid::counted;
use crate::output::say;
use crate::prediction_file::PredictionFile;

/// The lines of a failed command's output that its error shows.
const SHOWN: usize = 20;
/// The longest pause between two looks at the commands that run.
const PAUSE: Duration = Duration::from_millis(50);

/// Scores candidates by a command, several at once where they are announced. If the command writes
/// predictions, it is a [`Predictor`] too.
pub(crate) struct CommandScorer<'a> {
    command: &'a ScoreCommand,
    /// The files of single models, by name.
    files: HashMap<String, PathBuf>,
    kept: Kept,
    stop: CancelToken,
    /// The weights of candidates that were scored.
    scored: HashMap<Average, Digest>,
    /// A candidate's name and predictions, whose samples are those of all others.
    like: Option<(String, Predictions)>,
    loaded: Option<(StateDict, Average)>,
    /// Candidates scored so far, and with those of the last list.
    count: usize,
    listed: usize,
    evaluations: u64,
}

/// A command that runs for a candidate.
struct Task {
    name: String,
    digest: Digest,
    weights: PathBuf,
    /// True if the file of weights was written for the command.
    is_temporary: bool,
    /// Where the command writes predictions.
    predictions: PathBuf,
    failures: u32,
    process: Process,
}

/// What a command has found.
enum Answer {
    Score(f64),
    Predictions(Predictions),
}

/// Returns the metric of predictions if none is given.
pub(crate) fn default_metric(kind: TaskKind) -> Metric {
    match kind {
        TaskKind::Multiclass => Metric::Accuracy,
        TaskKind::Multilabel => Metric::Auroc,
    }
}

impl<'a> CommandScorer<'a> {
    /// Makes a scorer that keeps its scores beside `output`. `files` are those of the single models.
    ///
    /// # Errors
    /// Those of the folder of scores.
    pub fn new(
        command: &'a ScoreCommand,
        files: &[PathBuf],
        output: &Path,
        stop: CancelToken,
    ) -> anyhow::Result<Self> {
        let kept = Kept::open(output, &command.text)?;
        if kept.count() > 0 {
            let scores = counted(kept.count() as u64, "score");
            info!("{}: found {scores} of this command", kept.folder().display());
        }
        let files = files.iter().map(|path| (path.display().to_string(), path.clone())).collect();
        Ok(Self {
            command,
            files,
            kept,
            stop,
            scored: HashMap::new(),
            like: None,
            loaded: None,
            count: 0,
            listed: 0,
            evaluations: 0,
        })
    }

    /// Scores those candidates that were not scored before.
    fn run(&mut self, candidates: &[Candidate<'_>]) -> Result<(), Error> {
        let new = candidates.iter().filter(|one| !self.scored.contains_key(one.average()));
        let new: Vec<&Candidate<'_>> = new.collect();
        self.listed = if new.len() > 1 { self.count + new.len() } else { 0 };
        let mut new = new.into_iter();
        let mut running: Vec<Task> = Vec::new();
        loop {
            while running.len() < self.command.jobs {
                let Some(candidate) = new.next() else { break };
                let begun = self.begin(candidate, &running)?;
                running.extend(begun);
            }
            if running.is_empty() {
                return Ok(());
            }
            let (at, ended) = self.wait(&mut running)?;
            let again = self.finish(running.swap_remove(at), ended)?;
            running.extend(again);
        }
    }

    /// Starts the command for a candidate. `None`: its score is kept, or will be that of a command
    /// that runs.
    fn begin(&mut self, candidate: &Candidate<'_>, running: &[Task]) -> Result<Option<Task>, Error> {
        let (average, weights) = (candidate.average(), candidate.weights()?);
        let (name, digest) = (average.summary(), *weights.digest());
        self.scored.insert(average.clone(), digest);
        if running.iter().any(|task| task.digest == digest) {
            self.listed = self.listed.saturating_sub(1);
            return Ok(None);
        }
        if let Some(score) = self.kept_score(&name, &digest)? {
            self.tell(&name, score, "kept");
            return Ok(None);
        }
        let own = match average {
            Average::Ingredient(id) => self.files.get(id).cloned(),
            _ => None,
        };
        let is_temporary = own.is_none();
        let path = own.unwrap_or_else(|| self.kept.temporary(&digest, "safetensors"));
        if is_temporary {
            weights.save(&path, None)?;
        }
        let predictions = self.kept.temporary(&digest, "predictions");
        let process = self.start(&digest, &path, &predictions)?;
        Ok(Some(Task { name, digest, weights: path, is_temporary, predictions, failures: 0, process }))
    }

    fn start(&self, digest: &Digest, weights: &Path, predictions: &Path) -> Result<Process, Error> {
        self.stop.check()?;
        let (stdout, log) = (self.kept.temporary(digest, "stdout"), self.kept.log(digest));
        let mut paths = vec![(WEIGHTS_VARIABLE, weights)];
        if self.command.predicts() {
            paths.push((PREDICTIONS_VARIABLE, predictions));
        }
        let line = self.command.line(weights, predictions);
        Process::start(&line, &paths, &stdout, &log).map_err(|error| failed(&log, &error))
    }

    /// Waits until one of the commands has ended, and returns how; `None` if its time was over.
    fn wait(&self, running: &mut [Task]) -> Result<(usize, Option<ExitStatus>), Error> {
        let mut pause = Duration::from_millis(1);
        loop {
            self.stop.check()?;
            for (at, task) in running.iter_mut().enumerate() {
                let ended =
                    task.process.poll().map_err(|error| failed(&self.kept.log(&task.digest), &error))?;
                if ended.is_some() {
                    return Ok((at, ended));
                }
                if self.command.timeout.is_some_and(|limit| task.process.elapsed() > limit) {
                    task.process.end();
                    return Ok((at, None));
                }
            }
            std::thread::sleep(pause);
            pause = PAUSE.min(2 * pause);
        }
    }

    /// Keeps what a command that has ended found, or runs it again.
    fn finish(&mut self, mut task: Task, ended: Option<ExitStatus>) -> Result<Option<Task>, Error> {
        let seconds = task.process.elapsed().as_secs_f64();
        let answer = match self.answer(&task, ended) {
            Ok(answer) => answer,
            // The same signal may have ended the command.
            Err(_) if self.stop.is_set() => return Err(ff_train::Error::Stopped.into()),
            Err(failure) if task.failures < self.command.retries => {
                task.failures += 1;
                say(&format!(
                    "{}: found {}; trying again ({} of {})",
                    task.name, failure.found, task.failures, self.command.retries
                ));
                // What a failed attempt wrote must not be taken for the next one's.
                let _ = std::fs::remove_file(&task.predictions);
                task.process = self.start(&task.digest, &task.weights, &task.predictions)?;
                return Ok(Some(task));
            }
            Err(failure) => return Err(self.explain(&task, &failure)),
        };
        if task.is_temporary {
            let _ = std::fs::remove_file(&task.weights);
        }
        let (score, predictions) = match &answer {
            Answer::Score(score) => (Some(*score), None),
            Answer::Predictions(predictions) => (None, Some(predictions)),
        };
        let (candidate, command) = (task.name.clone(), self.command.text.clone());
        let record = Record { candidate, command, score, predictions: None, seconds };
        self.kept.keep(task.digest, record, predictions)?;
        let shown = predictions.map_or(score, |predictions| self.metric_of(predictions));
        self.evaluations += 1;
        self.tell(&task.name, shown, &format!("{seconds:.1} s"));
        if let Answer::Predictions(predictions) = answer {
            self.like.get_or_insert((task.name, predictions));
        }
        Ok(None)
    }

    /// Reads what a command that has ended found.
    fn answer(&self, task: &Task, ended: Option<ExitStatus>) -> Result<Answer, Failure> {
        let Some(status) = ended else {
            return Err(Failure::late(self.command.timeout.unwrap_or_default()));
        };
        if !status.success() {
            return Err(Failure::of_status(status));
        }
        if !self.command.predicts() {
            return score(&task.process.printed).map(Answer::Score);
        }
        let wrong = |found: String| {
            Failure::new(found, "`ff-eval score --help` has the forms of predictions that can be read")
        };
        if !task.predictions.exists() {
            return Err(wrong(format!("no predictions at {PREDICTIONS}")));
        }
        let PredictionFile { predictions, .. } = PredictionFile::read(&task.predictions, &[])
            .map_err(|error| wrong(format!("predictions that cannot be read: {error:#}")))?;
        self.check(&predictions)?;
        Ok(Answer::Predictions(predictions))
    }

    /// Checks that predictions are of the same samples as those before.
    fn check(&self, predictions: &Predictions) -> Result<(), Failure> {
        match &self.like {
            Some((name, like)) if !same_samples(like, predictions) => Err(Failure::new(
                format!("predictions of other samples or targets than those of {name}"),
                "predict the same images in the same order for every candidate; if the images have changed \
                 since the scores that are kept, remove their folder",
            )),
            _ => Ok(()),
        }
    }

    /// Returns what to show of a score that is kept, and `None` if it is not.
    fn kept_score(&mut self, name: &str, digest: &Digest) -> Result<Option<Option<f64>>, Error> {
        if !self.command.predicts() {
            return Ok(self.kept.record(digest).map(|record| record.score));
        }
        let Some(predictions) = self.kept.predictions(digest) else { return Ok(None) };
        self.check(&predictions).map_err(|Failure { found, hint }| {
            let folder = self.kept.folder().display();
            Error::Job(format!("{folder}: expected predictions of {name}, found {found}\nhint: {hint}"))
        })?;
        let shown = self.metric_of(&predictions);
        self.like.get_or_insert_with(|| (name.to_owned(), predictions));
        Ok(Some(shown))
    }

    fn metric_of(&self, predictions: &Predictions) -> Option<f64> {
        let metric = self.command.metric.unwrap_or_else(|| default_metric(predictions.kind()));
        metric.evaluate(predictions).value()
    }

    fn tell(&mut self, name: &str, score: Option<f64>, how: &str) {
        self.count += 1;
        let of = if self.count <= self.listed { format!(" of {}", self.listed) } else { String::new() };
        let score = score.map_or(String::new(), |score| format!(" {score:.4}"));
        info!("score {}{of}: {name}{score} ({how})", self.count);
    }

    /// Explains why a candidate has no score.
    fn explain(&self, task: &Task, failure: &Failure) -> Error {
        let log = self.kept.log(&task.digest);
        let lines: String = last_lines(&log, SHOWN).iter().map(|line| format!("\n  {line}")).collect();
        Error::Job(format!(
            "--score-command: expected a score of {}, found {}{lines}\nthe whole output is in {}\nhint: {}",
            task.name,
            failure.found,
            log.display(),
            failure.hint
        ))
    }

    /// Returns the digest of a candidate's weights, whose score is then kept.
    fn digest(&mut self, candidate: &Candidate<'_>) -> Result<Digest, Error> {
        self.run(&[*candidate])?;
        self.scored.get(candidate.average()).copied().ok_or_else(|| unscored(candidate.average()))
    }

    /// Returns the kind of the targets in the predictions so far.
    pub fn kind(&self) -> Option<TaskKind> {
        self.like.as_ref().map(|(_, predictions)| predictions.kind())
    }
}

/// The error of a file of output.
fn failed(log: &Path, error: &io::Error) -> Error {
    Error::File {
        path: log.to_owned(),
        reason: format!("cannot run a command with its output here: {error}"),
    }
}

fn unscored(average: &Average) -> Error {
    Error::Job(format!("expected a score of {}, found none", average.summary()))
}

/// Returns true if predictions are of samples with the same targets and groups.
fn same_samples(one: &Predictions, other: &Predictions) -> bool {
    let same = match (one.targets(), other.targets()) {
        (Targets::Classes(one), Targets::Classes(other)) => one == other,
        (Targets::Labels(one), Targets::Labels(other)) => {
            let same = |(one, other): (&f32, &f32)| one == other || one.is_nan() && other.is_nan();
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        _ => false,
    };
    same && one.outputs() == other.outputs() && one.groups() == other.groups()
}

impl Scorer for CommandScorer<'_> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        let digest = self.digest(candidate)?;
        let score = self.kept.record(&digest).and_then(|record| record.score);
        Ok(score.ok_or_else(|| unscored(candidate.average()))?)
    }

    fn announce(&mut self, candidates: &[Candidate<'_>]) -> Result<(), ScoreError> {
        Ok(self.run(candidates)?)
    }
}

impl Predictor for CommandScorer<'_> {
    fn load(&mut self, weights: &StateDict, average: &Average) -> Result<(), Error> {
        self.loaded = Some((weights.clone(), average.clone()));
        Ok(())
    }

    fn announce(&mut self, candidates: &[Candidate<'_>]) -> Result<(), Error> {
        self.run(candidates)
    }

    fn predict(&mut self) -> Result<Predictions, Error> {
        let loaded = self.loaded.clone();
        let (weights, average) = loaded.ok_or_else(|| Error::Job("no weights are loaded".to_owned()))?;
        let digest = self.digest(&Candidate::new(&average, &|| Ok(weights.clone())))?;
        self.kept.predictions(&digest).ok_or_else(|| unscored(&average))
    }

    /// Predicts all images, since a command cannot end early.
    fn predict_until(
        &mut self,
        order: &[usize],
        enough: &mut dyn FnMut(usize, &[f32]) -> bool,
    ) -> Result<(), Error> {
        let predictions = self.predict()?;
        let _ = order.iter().any(|&row| enough(row, predictions.row(row)));
        Ok(())
    }

    /// None: a whole evaluation is then never preceded by one that may end early.
    fn rows(&self) -> usize {
        0
    }

    fn slack(&self) -> f32 {
        0.0
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }

    fn images(&self) -> u64 {
        self.evaluations * self.like.as_ref().map_or(0, |(_, predictions)| predictions.len() as u64)
    }

    fn recomputes_from(&self) -> usize {
        0
    }
}
