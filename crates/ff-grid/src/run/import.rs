//! Models from files that were not trained here.
//!
//! An imported model has the names of its architecture's tensors and its outputs in the order of the
//! data's classes, so what follows treats it like a model that was trained here.

use ff_checkpoint::{FileRef, StateDict, note_trained_on, trained_on};
use ff_eval::{Predictions, Targets};
use ff_models::{Loaded, Model};
use ff_train::{Outcome, SavedModel, save_predictions};
use tch::Tensor;

use super::context::JobContext;
use super::train::unchanged;
use crate::catalog::OpenDataset;
use crate::error::Error;
use crate::job::{Cost, EvalSplit, ImportSpec, Job, JobOutput};

/// By how much the accuracy with classes in another order must be higher for an order that is not
/// recorded to be taken for wrong.
const OTHER_ORDER: f64 = 0.2;

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
            tracing::info!("{}: {loaded}", path.display());
        }
        if let Some(outputs) = &spec.outputs {
            reorder(&model, outputs);
        }
        let images = self.catalog.eval_set(&data, EvalSplit::Validation, spec.model.image_size);
        let predictions = images.predict(&model, None)?;
        if let (None, false, Some(better)) = (&spec.outputs, spec.is_base, other_order(&predictions)) {
            return Err(wrong_order(spec.name(), &data, better));
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

/// An order of classes in which predictions fit their targets better.
#[derive(Debug, PartialEq)]
struct OtherOrder {
    /// For each class, the output that fits it.
    outputs: Vec<usize>,
    /// The accuracy as the outputs are, and in this order.
    accuracies: [f64; 2],
}

/// Returns the order in which each class has the output that is predicted most often for it, if it
/// is another than the outputs' own, has each output once, and fits much better.
fn other_order(predictions: &Predictions) -> Option<OtherOrder> {
    let Targets::Classes(targets) = predictions.targets() else { return None };
    let classes = predictions.outputs();
    let mut counts = vec![0_usize; classes * classes];
    for (row, &class) in targets.iter().enumerate() {
        let logits = predictions.row(row);
        let largest = (0..classes).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)))?;
        counts[class * classes + largest] += 1;
    }
    let most =
        |class: usize| (0..classes).max_by_key(|&output| (counts[class * classes + output], output == class));
    let outputs: Vec<usize> = (0..classes).filter_map(most).collect();
    let mut sorted = outputs.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..classes) {
        return None;
    }
    let accuracy = |output: &dyn Fn(usize) -> usize| {
        let right: usize = (0..classes).map(|class| counts[class * classes + output(class)]).sum();
        right as f64 / targets.len().max(1) as f64
    };
    let accuracies = [accuracy(&|class| class), accuracy(&|class| outputs[class])];
    (accuracies[1] > accuracies[0] + OTHER_ORDER).then_some(OtherOrder { outputs, accuracies })
}

fn wrong_order(file: &str, data: &OpenDataset, better: OtherOrder) -> Error {
    let names = data.dataset.task().names();
    // Class by output, which is what a configuration states.
    let mut by_output = vec![""; names.len()];
    for (class, &output) in better.outputs.iter().enumerate() {
        by_output[output] = &names[class];
    }
    let [own, other] = better.accuracies;
    let list = by_output.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    Error::Job(format!(
        "{file}: expected outputs in the order of the data's classes ({}), found accuracy {own:.3} in that order \
         and {other:.3} in another\n\
         hint: the file does not record the order; if it is this one, state it in its [[pool]]: classes = [{list}]",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictions of three classes whose largest logit is that of `found`.
    fn predictions(found: &[usize], targets: &[usize]) -> Predictions {
        let logits =
            found.iter().flat_map(|&found| [0, 1, 2].map(|output| if output == found { 2.0 } else { 0.0 }));
        Predictions::new(logits.collect(), 3, Targets::Classes(targets.to_vec())).unwrap()
    }

    #[test]
    fn another_order_is_found_where_it_fits_much_better() {
        let targets = [0, 0, 1, 1, 2, 2];
        assert_eq!(other_order(&predictions(&[0, 0, 1, 1, 2, 2], &targets)), None);
        let found = other_order(&predictions(&[1, 1, 2, 2, 0, 0], &targets)).unwrap();
        assert_eq!((found.outputs, found.accuracies), (vec![1, 2, 0], [0.0, 1.0]));
        // A bad model, whose outputs are no order of the classes.
        assert_eq!(other_order(&predictions(&[1, 1, 1, 1, 1, 0], &targets)), None);
        // Chance.
        assert_eq!(other_order(&predictions(&[0, 1, 1, 0, 2, 1], &targets)), None);
    }
}
