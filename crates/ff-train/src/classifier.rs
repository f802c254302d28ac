//! A trained model with the meaning of its outputs.

use ff_checkpoint::StateDict;
use ff_data::Image;
use ff_data::augment::resize;
use ff_eval::{Decision, TaskKind};
use ff_models::{Architecture, Identity, Mode, Model, Normalisation, Spec};
use tch::Device;

use crate::error::Error;
use crate::evaluate::values;
use crate::upload::send_images;

/// A trained model with the meaning of its outputs: what it takes to use it on other images.
pub struct Classifier {
    /// The model, for images of its own size and normalisation.
    pub model: Model,
    /// The names of the classes or tasks, in the order of the outputs.
    pub classes: Vec<String>,
    /// Whether an image has one of the classes, or any number of them.
    pub kind: TaskKind,
    /// How logits become probabilities and decisions.
    pub decision: Decision,
    /// What is assumed since the file does not record it.
    pub notes: Vec<String>,
}

/// What the caller knows of weights. It adds to what the file records, and may not differ from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// The architecture.
    pub architecture: Option<Architecture>,
    /// The names of the classes or tasks, in the order of the outputs.
    pub classes: Option<Vec<String>>,
    /// The kind of task.
    pub kind: Option<TaskKind>,
    /// The side of the images in pixels.
    pub image_size: Option<u32>,
    /// The normalisation of the images.
    pub normalisation: Option<Normalisation>,
}

impl Classifier {
    /// Loads a model, with what its file records ([`Identity::of`]) and what the caller adds.
    ///
    /// Assumed with a note are a task with one class for each image, and the architecture's
    /// normalisation.
    ///
    /// # Errors
    /// [`Error::Unrecorded`] if nothing tells the classes or the size of the images, or the caller
    /// says something else than the file; those of [`Identity::of`] and [`Model::load_strict`].
    pub fn open(weights: &StateDict, told: &Told, device: Device) -> Result<Self, Error> {
        let file = name_of(weights);
        let identity = Identity::of(weights, told.architecture)?;
        let Identity { architecture, outputs, .. } = identity;
        let recorded = Recorded { file: &file };
        let recorded_classes = identity.classes.map(|(names, _)| names);
        let classes = recorded
            .or_told("classes", recorded_classes, told.classes.clone(), |names| names.join(", "))?
            .ok_or_else(|| {
                recorded
                    .lacks("the names of its classes", "name them in the order of its outputs with --classes")
            })?;
        if classes.len() != outputs {
            let expected = format!("a name for each of its {outputs} outputs");
            return Err(recorded.differs(expected, format!("{}: {}", classes.len(), classes.join(", "))));
        }
        if let Some(at) = (0..classes.len()).find(|&at| classes[..at].contains(&classes[at])) {
            let expected = "classes of different names".to_owned();
            return Err(recorded.differs(expected, format!("two `{}`", classes[at])));
        }
        let own = architecture.image_size;
        let image_size = recorded
            .or_told("image size", identity.image_size, told.image_size, |size| format!("{size} px"))?
            .ok_or_else(|| {
                let hint = format!("give the size that it was trained with; {architecture} is published for {own} px: --image-size {own}");
                recorded.lacks("the size of its images", &hint)
            })?;
        let shown = |of: &Normalisation| format!("mean {:?} and std {:?}", of.mean, of.std);
        let normalisation =
            recorded.or_told("normalisation", identity.normalisation, told.normalisation, shown)?;
        let kind =
            recorded.or_told("kind of task", recorded_kind(weights), told.kind, |kind| kind.to_string())?;
        let mut notes = identity.notes;
        if normalisation.is_none() {
            let of = shown(&architecture.normalisation);
            notes
                .push(format!("its normalisation is not recorded: that of {architecture}, {of}, is assumed"));
        }
        let assumed = if outputs == 1 { TaskKind::Multilabel } else { TaskKind::Multiclass };
        if kind.is_none() {
            notes.push(format!("its kind of task is not recorded: {assumed} is assumed"));
        }
        let spec = Spec { image_size, normalisation, ..Spec::new(architecture, outputs) };
        let mut model = Model::new(&spec, device, 0)?;
        model.load_strict(weights)?;
        let kind = kind.unwrap_or(assumed);
        let decision = recorded_decision(weights)?.unwrap_or_else(|| Decision::none(kind));
        decision.check(kind, outputs).map_err(|error| recorded.unusable(&error.to_string()))?;
        Ok(Self { model, classes, kind, decision, notes })
    }
}

impl Classifier {
    /// Computes the logits of an image of any size, which is resized as for evaluation.
    ///
    /// # Errors
    /// [`Error::NotFinite`].
    ///
    /// # Panics
    /// On an image without pixels.
    pub fn logits(&self, image: &Image) -> Result<Vec<f32>, Error> {
        let side = self.model.spec().image_size;
        let pixels = send_images(&resize(image, side, side).data, side, self.model.device()).receive();
        let logits = values(&tch::no_grad(|| self.model.forward(&pixels, Mode::Eval)));
        match logits.iter().all(|logit| logit.is_finite()) {
            true => Ok(logits),
            false => Err(Error::NotFinite { what: "logits of an image".to_owned() }),
        }
    }

    /// Returns the probability of each class or task, from the logits of an image.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        self.decision.calibrator.probabilities(logits)
    }

    /// Returns the predicted class, or the tasks that are predicted positive, from probabilities. A task
    /// without an operating point is positive from one half.
    pub fn predicted(&self, probabilities: &[f64]) -> Vec<usize> {
        match self.kind {
            TaskKind::Multiclass => {
                vec![most_probable(probabilities)]
            }
            TaskKind::Multilabel => {
                let decided = self.decision.decide(probabilities);
                let positive = |&at: &usize| {
                    let decision = decided.iter().find(|(output, _)| *output == at);
                    decision.map_or(probabilities[at] >= 0.5, |(_, positive)| *positive)
                };
                (0..probabilities.len()).filter(positive).collect()
            }
        }
    }
}

/// Returns the output with the highest probability; ties: the lowest index.
///
/// # Panics
/// Without probabilities.
pub fn most_probable(probabilities: &[f64]) -> usize {
    let highest = |best: usize, at: usize| if probabilities[at] > probabilities[best] { at } else { best };
    (0..probabilities.len()).reduce(highest).expect("a model has outputs")
}

fn name_of(weights: &StateDict) -> String {
    weights.path().map_or_else(|| "(in memory)".to_owned(), |path| path.display().to_string())
}

/// Returns the kind of task that the provenance records.
fn recorded_kind(weights: &StateDict) -> Option<TaskKind> {
    weights.provenance().ok()?.recipe.get("task")?.as_str()?.parse().ok()
}

/// Returns how logits become probabilities and decisions, if the provenance records it.
fn recorded_decision(weights: &StateDict) -> Result<Option<Decision>, Error> {
    let Some(found) = weights.provenance().ok().and_then(|made| made.recipe.get(Decision::KEY)) else {
        return Ok(None);
    };
    let decision = serde_json::from_value(found.clone());
    decision.map(Some).map_err(|error| Recorded { file: &name_of(weights) }.unusable(&error.to_string()))
}

/// What a file records, in errors.
#[derive(Clone, Copy)]
struct Recorded<'a> {
    file: &'a str,
}

impl Recorded<'_> {
    /// Returns what the file records, or else what the caller says; an error if these differ.
    fn or_told<T: PartialEq>(
        self,
        what: &str,
        recorded: Option<T>,
        told: Option<T>,
        shown: impl Fn(&T) -> String,
    ) -> Result<Option<T>, Error> {
        match (&recorded, &told) {
            (Some(recorded), Some(told)) if recorded != told => {
                Err(self
                    .differs(format!("the {what} that the file records, {}", shown(recorded)), shown(told)))
            }
            _ => Ok(recorded.or(told)),
        }
    }

    fn lacks(self, what: &str, hint: &str) -> Error {
        let (file, hint) = (self.file.to_owned(), hint.to_owned());
        Error::Unrecorded { file, expected: what.to_owned(), found: "none recorded".to_owned(), hint }
    }

    /// The error of a decision that is not one for the model.
    fn unusable(self, why: &str) -> Error {
        Error::Unrecorded {
            file: self.file.to_owned(),
            expected: "calibration and operating points for its outputs".to_owned(),
            found: why.to_owned(),
            hint: "calibrate the model again".to_owned(),
        }
    }

    fn differs(self, expected: String, found: String) -> Error {
        let hint = "leave it out to use the model as it was trained".to_owned();
        Error::Unrecorded { file: self.file.to_owned(), expected, found, hint }
    }
}
