//! Models from files that were not trained here.
//!
//! An imported model has the names of its architecture's tensors and its outputs in the order of the
//! data's classes, so what follows treats it like a model that was trained here.

use ff_checkpoint::{FileRef, StateDict, note_trained_on, trained_on};
use ff_eval::Chance;
use ff_models::{Loaded, Model};
use ff_train::{Outcome, SavedModel, save_predictions};
use tch::Tensor;

use super::class_order::check_order;
use super::context::JobContext;
use super::train::unchanged;
use crate::error::Error;
use crate::job::{Cost, EvalSplit, ImportSpec, Job, JobOutput};

impl JobContext<'_> {
    /// Loads a model from its file, predicts the validation images, and saves both.
    pub(super) fn import(&self, job: &Job, spec: &ImportSpec) -> Result<(JobOutput, Cost), Error> {
        let missing = || Error::Job("expected a file of weights to import, found none".into());
        let path = job.weights.as_ref().ok_or_else(missing)?;
        let file = unchanged(path, &spec.weights)?;
        let data = self.data(job, &spec.data)?;
        let mut model = Model::new(&spec.model, self.device, 0)?;
        let loaded = if spec.is_base { model.load(&file)? } else { model.load_strict(&file)? };
        if loaded.replaced_classifier.is_some() {
            // It was new in each fine-tuned model, with values around 0.
            tch::no_grad(|| model.classifier().for_each(|of| drop(of.tensor.shallow_clone().zero_())));
        }
        if loaded != Loaded::default() {
            tracing::debug!("{}: {loaded}", path.display());
        }
        if let Some(outputs) = &spec.outputs {
            reorder(&model, outputs);
        }
        let images = self.catalog.eval_set(&data, EvalSplit::Validation, spec.model.image_size);
        let predictions = images.predict(&model, None)?;
        if !spec.is_base {
            let names = data.dataset.task().names();
            if let Some(doubt) = check_order(spec.name(), names, &predictions, spec.outputs.is_some())? {
                tracing::warn!("{doubt}");
            }
        }
        let weights = StateDict::from_tensors(model.state_dict());
        let mut provenance = self.provenance(job, vec![file.as_parent(spec.name())], &data)?;
        if let Some(recipe) = provenance.recipe.as_object_mut() {
            // Nothing was trained on this data.
            recipe.insert("predicted".into(), recipe.get("data").cloned().unwrap_or_default());
            recipe.remove("data");
            note_trained_on(recipe, trained_on(&file));
        }
        let folder = self.runs.folder(job);
        let [name, of_validation] = ["kept.safetensors", "kept.val.safetensors"];
        weights.save(folder.join(name), Some(&provenance))?;
        let digest = save_predictions(&folder.join(of_validation), &predictions, Some(&provenance))?;
        let kept = SavedModel {
            epoch: 0,
            step: 0,
            validation: spec.metric.evaluate(&predictions),
            chance: Chance::of(spec.metric, &predictions),
            weights: FileRef::new(name, *weights.digest()),
            predictions: FileRef::new(of_validation, digest),
            optimizer: None,
        };
        let outcome = Outcome {
            kept: Some(kept),
            snapshots: Vec::new(),
            ema: None,
            diverged: None,
            history: Vec::new(),
        };
        let evaluated_images = images.len() as u64;
        Ok((JobOutput::Training(outcome), Cost { evaluations: 1, evaluated_images, ..Cost::default() }))
    }
}

/// Puts the outputs of a model into another order: that of `outputs`.
fn reorder(model: &Model, outputs: &[usize]) {
    let rows: Vec<i64> = outputs.iter().map(|&output| output as i64).collect();
    let rows = Tensor::from_slice(&rows).to_device(model.device());
    tch::no_grad(|| {
        for parameter in model.classifier() {
            let reordered = parameter.tensor.index_select(0, &rows);
            parameter.tensor.shallow_clone().copy_(&reordered);
        }
    });
}
