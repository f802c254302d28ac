//! From logits to probabilities, and what an ONNX file says of itself.

use std::collections::BTreeMap;

use tch::Tensor;

use super::graph::{Attribute, Graph};
use crate::error::Error;

/// What an ONNX file computes from logits, and what it says beyond what the model knows.
///
/// ```
/// use ff_models::onnx::{Head, Probabilities};
///
/// let head = Head {
///     probabilities: Probabilities::Softmax { temperature: 1.3 },
///     classes: vec!["benign".into(), "malignant".into()],
///     metadata: [("licence".into(), "CC-BY-4.0".into())].into(),
/// };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// How probabilities follow from logits.
    pub probabilities: Probabilities,
    /// A name for each output, or none where they are not known.
    pub classes: Vec<String>,
    /// Further entries of the file's metadata.
    pub metadata: BTreeMap<String, String>,
}

/// How probabilities follow from logits.
#[derive(Clone, Debug, PartialEq)]
pub enum Probabilities {
    /// Of classes that exclude each other: the softmax of logits divided by a temperature above 0
    /// (Guo et al. 2017, §4.2). 1 leaves them as they are.
    Softmax {
        /// The temperature.
        temperature: f64,
    },
    /// Of labels that are independent of each other: the sigmoid of `scale * logit + shift`, with a
    /// scale and a shift for each output (Platt 1999). 1 and 0 leave a label as it is.
    Sigmoid {
        /// A scale for each output.
        scale: Vec<f64>,
        /// A shift for each output.
        shift: Vec<f64>,
    },
}

impl Probabilities {
    /// Probabilities of classes, without calibration.
    pub fn softmax() -> Self {
        Self::Softmax { temperature: 1.0 }
    }

    /// Probabilities of this number of labels, without calibration.
    pub fn sigmoid(outputs: usize) -> Self {
        Self::Sigmoid { scale: vec![1.0; outputs], shift: vec![0.0; outputs] }
    }

    /// Returns the kind of task: `multiclass` or `multilabel`.
    pub(crate) fn task(&self) -> &'static str {
        match self {
            Self::Softmax { .. } => "multiclass",
            Self::Sigmoid { .. } => "multilabel",
        }
    }

    /// Adds a node with the probabilities, `[N, outputs]`, of logits.
    pub(crate) fn onnx(&self, graph: &mut Graph, logits: &str) -> String {
        match self {
            Self::Softmax { temperature } => {
                let temperature = graph.named_constant("temperature", &floats(&[*temperature]));
                let scaled = graph.node("Div", &[logits, &temperature], &[]);
                graph.named_node("probabilities", "Softmax", &[&scaled], &[("axis", Attribute::Int(-1))])
            }
            Self::Sigmoid { scale, shift } => {
                let [scale, shift] = [("scale", scale), ("shift", shift)]
                    .map(|(name, values)| graph.named_constant(name, &floats(values)));
                let scaled = graph.mul(logits, &scale);
                let shifted = graph.add(&scaled, &shift);
                graph.named_node("probabilities", "Sigmoid", &[&shifted], &[])
            }
        }
    }
}

impl Head {
    /// Checks that it fits a model with this number of outputs.
    ///
    /// # Errors
    /// [`Error::OnnxHead`].
    pub(crate) fn check(&self, outputs: usize) -> Result<(), Error> {
        let wrong = |what, expected, found| Err(Error::OnnxHead { what, expected, found });
        let are_finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        match &self.probabilities {
            Probabilities::Softmax { temperature } if *temperature <= 0.0 || !temperature.is_finite() => {
                return wrong("temperature", "a finite number above 0".into(), temperature.to_string());
            }
            Probabilities::Softmax { .. } => {}
            Probabilities::Sigmoid { scale, shift } => {
                for (what, values) in [("scales of logits", scale), ("shifts of logits", shift)] {
                    if values.len() != outputs || !are_finite(values) {
                        return wrong(what, format!("{outputs} finite numbers"), format!("{values:?}"));
                    }
                }
            }
        }
        match self.classes.len() {
            0 => Ok(()),
            found if found == outputs => Ok(()),
            found => wrong("names of classes", format!("{outputs}, or none"), found.to_string()),
        }
    }
}

fn floats(values: &[f64]) -> Tensor {
    Tensor::from_slice(&values.iter().map(|&value| value as f32).collect::<Vec<_>>())
}
