//! Calibrators: maps from logits to calibrated probabilities.

mod isotonic;
mod method;
mod platt;
mod task_map;
mod temperature;

use serde::{Deserialize, Serialize};

pub use method::CalibrationMethod;
pub use task_map::TaskMap;

use crate::error::Error;
use crate::note::Note;
use crate::predictions::{Predictions, Targets, TaskKind};
use crate::probability::{sigmoid, softmax, softmax_at};

/// A map from the logits of a sample to calibrated probabilities.
///
/// It is fitted to samples that the model was not trained on, such as the validation split, and
/// serializes as an object with a field `kind`.
///
/// ```
/// use ff_eval::{CalibrationMethod, Calibrator, Metric, Predictions, Targets};
///
/// // A model that is certain of each of four samples, and wrong about one.
/// let logits = vec![9.0, 0.0, 0.0, 9.0, 9.0, 0.0, 9.0, 0.0]; // [4, 2]
/// let validation = Predictions::new(logits, 2, Targets::Classes(vec![0, 1, 0, 1]))?;
/// let calibrator = Calibrator::fit(CalibrationMethod::Temperature, &validation)?;
/// assert!((calibrator.probabilities(&[9.0, 0.0])[0] - 0.75).abs() < 1e-9);
///
/// let calibrated = calibrator.apply(&validation)?;
/// let loss = |of: &Predictions| Metric::LogLoss.evaluate(of).value();
/// assert!(loss(&calibrated) > loss(&validation)); // log loss is negated
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Calibrator {
    /// No calibration: the softmax or the sigmoid of the logits.
    None {
        /// The kind of task.
        task: TaskKind,
    },
    /// The softmax of the logits of classes divided by a temperature.
    Temperature {
        /// The temperature, 0.01 to 100; above 1 the model is too certain.
        #[serde(deserialize_with = "task_map::positive")]
        temperature: f64,
    },
    /// A map for each task of a multilabel model.
    Tasks {
        /// The maps, in the order of the outputs.
        tasks: Vec<TaskMap>,
    },
}

impl Calibrator {
    /// The calibrator that leaves probabilities as they are.
    pub fn none(task: TaskKind) -> Calibrator {
        Calibrator::None { task }
    }

    /// The kind of task whose logits it maps.
    pub fn task(&self) -> TaskKind {
        match self {
            Calibrator::None { task } => *task,
            Calibrator::Temperature { .. } => TaskKind::Multiclass,
            Calibrator::Tasks { .. } => TaskKind::Multilabel,
        }
    }

    /// Fits a calibrator to predictions.
    ///
    /// Unknown labels are left out. A task without a known positive or without a known negative is
    /// not calibrated; nor is one whose Platt scaling has a slope of 0 or below, or whose logits are
    /// all equal. Its map then says why ([`TaskMap::Sigmoid`]), as does [`Calibrator::notes`].
    ///
    /// # Errors
    /// [`Error::Method`] if the method is for another kind of task, [`Error::NoSamples`] without
    /// samples.
    pub fn fit(method: CalibrationMethod, predictions: &Predictions) -> Result<Calibrator, Error> {
        if !method.applies_to(predictions.kind()) {
            let kind = predictions.kind();
            let default = CalibrationMethod::default_for(kind).name();
            return Err(Error::Method { method: method.name(), kind: kind.name(), default });
        }
        if predictions.is_empty() {
            return Err(Error::NoSamples);
        }
        Ok(match predictions.targets() {
            Targets::Classes(classes) => {
                Calibrator::Temperature { temperature: temperature::fit(predictions, classes) }
            }
            Targets::Labels(labels) => {
                let outputs = predictions.outputs();
                let of_task = |task: usize| {
                    let samples = (0..predictions.len()).filter_map(|sample| {
                        let label = labels[sample * outputs + task];
                        (!label.is_nan()).then_some((predictions.row(sample)[task], label == 1.0))
                    });
                    TaskMap::fit(method, &samples.collect::<Vec<_>>())
                };
                Calibrator::Tasks { tasks: (0..outputs).map(of_task).collect() }
            }
        })
    }

    /// Computes the probabilities of a sample from its logits.
    ///
    /// Those of classes add up to 1; those of tasks are independent.
    ///
    /// # Panics
    /// If there is a map for each task and their number is not that of logits.
    pub fn probabilities(&self, row: &[f32]) -> Vec<f64> {
        match self {
            Calibrator::None { task: TaskKind::Multiclass } => softmax(row),
            Calibrator::None { task: TaskKind::Multilabel } => {
                row.iter().map(|&logit| sigmoid(logit)).collect()
            }
            Calibrator::Temperature { temperature } => softmax_at(row, *temperature),
            Calibrator::Tasks { tasks } => {
                assert_eq!(tasks.len(), row.len(), "a logit for each task");
                tasks.iter().zip(row).map(|(map, &logit)| map.probability(logit)).collect()
            }
        }
    }

    /// Computes predictions whose softmax or sigmoid is the calibrated probability.
    ///
    /// All metrics then describe the calibrated model. The logits are rounded to 32-bit floats, so
    /// two that differ by less become a tie. The probabilities of isotonic maps are clipped to 10⁻⁶
    /// and 1 − 10⁻⁶, since 0 and 1 have no finite logit.
    ///
    /// # Errors
    /// [`Error::Calibrator`] if the predictions are of another kind of task or number of tasks.
    pub fn apply(&self, predictions: &Predictions) -> Result<Predictions, Error> {
        self.check(predictions)?;
        let logits: Vec<f64> = match self {
            Calibrator::None { .. } => return Ok(predictions.clone()),
            Calibrator::Temperature { temperature } => {
                predictions.logits().iter().map(|&logit| f64::from(logit) / temperature).collect()
            }
            Calibrator::Tasks { tasks } => {
                let logits = predictions.logits().iter().zip(tasks.iter().cycle());
                logits.map(|(&logit, map)| map.logit(logit)).collect()
            }
        };
        let finite = |logit: f64| logit.clamp(f32::MIN.into(), f32::MAX.into()) as f32;
        predictions.with_logits(logits.into_iter().map(finite).collect())
    }

    /// Notes on the fit: a temperature at the end of its range, and tasks that are not calibrated.
    pub fn notes(&self) -> Vec<Note> {
        match self {
            Calibrator::None { .. } => Vec::new(),
            Calibrator::Temperature { temperature } => {
                let [low, high] = temperature::RANGE;
                let note = |upper: bool| Note::TemperatureBound { upper };
                let at = [(*temperature <= low, note(false)), (*temperature >= high, note(true))];
                at.into_iter().filter(|of| of.0).map(|of| of.1).collect()
            }
            Calibrator::Tasks { tasks } => {
                let uncalibrated = tasks.iter().enumerate().filter_map(|(task, map)| match map {
                    TaskMap::Sigmoid { why } => Some(Note::Uncalibrated { task, why: why.clone() }),
                    TaskMap::Platt { .. } | TaskMap::Isotonic { .. } => None,
                });
                uncalibrated.collect()
            }
        }
    }

    /// Checks that the calibrator is for predictions of this kind.
    ///
    /// # Errors
    /// [`Error::Calibrator`].
    pub(crate) fn check(&self, predictions: &Predictions) -> Result<(), Error> {
        self.check_form(predictions.kind(), predictions.outputs())
    }

    /// Checks that the calibrator is for logits of this kind and number.
    ///
    /// # Errors
    /// [`Error::Calibrator`].
    pub(crate) fn check_form(&self, kind: TaskKind, outputs: usize) -> Result<(), Error> {
        let (fits, expected) = match self {
            Calibrator::None { task } => (kind == *task, format!("{task} logits")),
            Calibrator::Temperature { .. } => {
                (kind == TaskKind::Multiclass, format!("{} logits", TaskKind::Multiclass))
            }
            Calibrator::Tasks { tasks } => (
                kind == TaskKind::Multilabel && outputs == tasks.len(),
                format!("{} logits [N, {}]", TaskKind::Multilabel, tasks.len()),
            ),
        };
        let found = || format!("{kind} logits [N, {outputs}]");
        if fits { Ok(()) } else { Err(Error::Calibrator { expected, found: found() }) }
    }
}

#[cfg(test)]
mod tests;
