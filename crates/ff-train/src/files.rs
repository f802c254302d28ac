//! The files of a run.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use ff_checkpoint::{FileRef, Provenance, StateDict};

use crate::candidate::{Candidate, CandidateNotes};
use crate::error::Error;
use crate::history::{self, EpochRecord};
use crate::prediction_file::save_predictions;
use crate::saved_model::SavedModel;

/// Beginning of the names of the moving average's files.
pub(crate) const EMA: &str = "ema";

/// Writes the files of a run.
pub(crate) struct Files<'a> {
    folder: &'a Path,
    provenance: Provenance,
    history: File,
}

impl<'a> Files<'a> {
    /// Creates the folder if it is missing, and starts a new log with the epochs of `history`.
    pub(crate) fn open(
        folder: &'a Path,
        provenance: Provenance,
        history: &[EpochRecord],
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(file_error(folder))?;
        let path = folder.join(history::FILE);
        let history_file = File::create(&path).map_err(file_error(&path))?;
        let mut files = Self { folder, provenance, history: history_file };
        history.iter().try_for_each(|record| files.append(record))?;
        Ok(files)
    }

    /// Adds an epoch to the log.
    pub(crate) fn append(&mut self, record: &EpochRecord) -> Result<(), Error> {
        let path = self.folder.join(history::FILE);
        let line = serde_json::to_string(record)
            .map_err(|error| Error::File { path: path.clone(), reason: error.to_string() })?;
        writeln!(self.history, "{line}").map_err(file_error(&path))
    }

    /// Writes a model's weights, its predictions and, if it has one, its optimizer state, under
    /// names that start with `stem`. The recipe of a moving average says that it is one.
    pub(crate) fn save(&self, stem: &str, model: &Candidate) -> Result<SavedModel, Error> {
        let mut provenance = self.provenance.clone();
        if stem == EMA
            && let Some(recipe) = provenance.recipe.as_object_mut()
        {
            recipe.insert("average".into(), EMA.into());
        }
        let write = |name: String, weights: &StateDict| {
            weights.save(self.folder.join(&name), Some(&provenance))?;
            Ok::<_, Error>(FileRef::new(name, *weights.digest()))
        };
        let weights = write(format!("{stem}.safetensors"), &model.weights)?;
        let state = model.optimizer.as_ref();
        let optimizer =
            state.map(|state| write(format!("{stem}.optimizer.safetensors"), state)).transpose()?;
        // Predictions name their weights, so that a selection can use them instead of predicting
        // again.
        let parent = model.weights.as_parent(&weights.path.display().to_string());
        let of_predictions =
            Provenance { kind: "predict".into(), parents: vec![parent], ..provenance.clone() };
        let name = format!("{stem}.val.safetensors");
        let digest = save_predictions(&self.folder.join(&name), &model.predictions, Some(&of_predictions))?;
        let predictions = FileRef::new(name, digest);
        let CandidateNotes { epoch, step, validation, chance, .. } = model.notes.clone();
        Ok(SavedModel { epoch, step, validation, chance, weights, predictions, optimizer })
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File { path, reason: error.to_string() }
}
