//! Scores that are kept beside the output, so that an interrupted selection resumes.
//!
//! `OUTPUT.scores` has, by the digest of a candidate's weights, `DIGEST.json` (its score), with
//! predictions `DIGEST.predictions.safetensors`, and `DIGEST.log` (what the command has printed).

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ff_checkpoint::{Digest, FileRef, entries, read_sealed, remove_partial, write_sealed};
use ff_eval::Predictions;
use ff_grid::Error;
use ff_train::{predictions_of, save_predictions};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::lock::Lock;

/// The start of the name of a run's temporary folder.
const RUN: &str = ".run-";

/// A score, as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The candidate, in a few words.
    pub candidate: String,
    /// The command, with its placeholders.
    pub command: String,
    /// The score that it printed; absent with predictions.
    pub score: Option<f64>,
    /// The predictions that it wrote.
    pub predictions: Option<FileRef>,
    /// How long it ran.
    pub seconds: f64,
}

/// The scores of a command that are kept beside an output.
pub(super) struct Kept {
    folder: PathBuf,
    records: HashMap<Digest, Record>,
    /// Files of commands that run. Removed when dropped.
    run: TempDir,
    /// Locked by this process.
    _lock: Lock,
}

/// Returns the folder of the scores for an output.
pub(crate) fn folder_of(output: &Path) -> PathBuf {
    beside(output, ".scores")
}

/// Returns a path beside an output. It has the whole name, since the output may have no extension, and
/// others differ in theirs only.
pub(crate) fn beside(output: &Path, ending: &str) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

impl Kept {
    /// Opens the folder of an output, and reads the scores of a command. Those of other commands, and
    /// damaged ones, count as absent.
    ///
    /// # Errors
    /// The folder cannot be written, or another process uses it.
    pub fn open(output: &Path, command: &str) -> anyhow::Result<Self> {
        let folder = folder_of(output);
        let cannot = || format!("{}: cannot be written", folder.display());
        std::fs::create_dir_all(&folder).with_context(cannot)?;
        let lock = Lock::of(File::create(folder.join("lock")).with_context(cannot)?);
        let lock = lock.with_context(|| {
            format!(
                "{}: expected no other process that selects for this output, found one\n\
                 hint: wait for it to finish, or give another --output",
                folder.display()
            )
        })?;
        remove_partial(&folder)?;
        let mut records = HashMap::new();
        for path in entries(&folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(RUN) {
                // Of a run that was killed.
                std::fs::remove_dir_all(&path).with_context(cannot)?;
            } else if let Some(Ok(digest)) = name.strip_suffix(".json").map(str::parse::<Digest>)
                && let Ok(record) = read_sealed::<Record>(&path)
                && record.command == command
            {
                records.insert(digest, record);
            }
        }
        // A whole path, since the command may change its folder.
        let whole = std::path::absolute(&folder).with_context(cannot)?;
        let run = tempfile::Builder::new().prefix(RUN).tempdir_in(whole).with_context(cannot)?;
        Ok(Self { folder, records, run, _lock: lock })
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the number of scores.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Returns the score of weights, if it is kept.
    pub fn record(&self, digest: &Digest) -> Option<&Record> {
        self.records.get(digest)
    }

    /// Returns the predictions with weights, if they are kept and can be read.
    pub fn predictions(&self, digest: &Digest) -> Option<Predictions> {
        let file = self.record(digest)?.predictions.as_ref()?.open(&self.folder).ok()?;
        predictions_of(&file).ok()
    }

    /// Keeps a score, with predictions if there are any.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn keep(
        &mut self,
        digest: Digest,
        mut record: Record,
        predictions: Option<&Predictions>,
    ) -> Result<(), Error> {
        if let Some(predictions) = predictions {
            let name = format!("{digest}.predictions.safetensors");
            let content = save_predictions(&self.folder.join(&name), predictions, None)?;
            record.predictions = Some(FileRef::new(name, content));
        }
        write_sealed(&self.folder.join(format!("{digest}.json")), &record)?;
        self.records.insert(digest, record);
        Ok(())
    }

    /// Returns the file of what the command prints.
    pub fn log(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.log"))
    }

    /// Returns a temporary file for a command that runs.
    pub fn temporary(&self, digest: &Digest, extension: &str) -> PathBuf {
        self.run.path().join(format!("{digest}.{extension}"))
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::{OwnedTensor, StateDict};
    use ff_eval::Targets;

    use super::*;

    fn digest(value: f32) -> Digest {
        let weights = [("w".to_owned(), OwnedTensor::f32([1], &[value]))];
        *StateDict::from_tensors(weights.into()).digest()
    }

    fn record(score: Option<f64>) -> Record {
        let (candidate, command) = ("a".to_owned(), "one {weights}".to_owned());
        Record { candidate, command, score, predictions: None, seconds: 2.0 }
    }

    #[test]
    fn scores_are_those_of_the_same_command() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("soup.safetensors");
        let predictions = Predictions::new(vec![0.0, 1.0], 2, Targets::Classes(vec![1])).unwrap();
        let mut kept = Kept::open(&output, "one {weights}").unwrap();
        let other = Kept::open(&output, "one {weights}").err().unwrap().to_string();
        assert!(other.contains("soup.safetensors.scores: expected no other process"), "{other}");
        kept.keep(digest(1.0), record(Some(0.1 + 0.2)), None).unwrap();
        kept.keep(digest(2.0), record(None), Some(&predictions)).unwrap();
        kept.keep(digest(3.0), record(Some(7.0)), None).unwrap();
        let folder = kept.folder().to_owned();
        let run = kept.run.path().to_owned();
        // As after a kill: the temporary folder is left.
        std::mem::forget(kept.run);
        drop(kept._lock);
        assert!(run.exists());
        let damaged = folder.join(format!("{}.json", digest(3.0)));
        let text = std::fs::read_to_string(&damaged).unwrap();
        std::fs::write(&damaged, text.replace("7.0", "8.0")).unwrap();

        let kept = Kept::open(&output, "one {weights}").unwrap();
        assert_eq!((kept.count(), run.exists()), (2, false));
        assert_eq!(kept.record(&digest(1.0)).unwrap().score, Some(0.1 + 0.2));
        assert_eq!(kept.predictions(&digest(2.0)).unwrap(), predictions);
        assert!(kept.predictions(&digest(1.0)).is_none());
        drop(kept);
        let file = folder.join(format!("{}.predictions.safetensors", digest(2.0)));
        std::fs::write(&file, "cut").unwrap();
        let kept = Kept::open(&output, "one {weights}").unwrap();
        assert!(kept.record(&digest(2.0)).is_some() && kept.predictions(&digest(2.0)).is_none());
        drop(kept);
        assert_eq!(Kept::open(&output, "two {weights}").unwrap().count(), 0);
    }
}
