//! The calibrated probability of one output, with the truth of each sample.

use crate::calibrator::Calibrator;
use crate::error::Error;
use crate::predictions::{Predictions, Targets};

/// A sample whose truth about an output is known.
pub(crate) struct Outcome {
    /// The index of the sample.
    pub(crate) sample: usize,
    /// The calibrated probability of the output.
    pub(crate) probability: f64,
    /// True if the sample is of the class, or the label of the task is positive.
    pub(crate) positive: bool,
}

/// Computes the outcomes of an output: a class against all others, or a task on the samples whose
/// label is known.
///
/// # Errors
/// [`Error::Output`] for an output that the predictions do not have, [`Error::Calibrator`] for a
/// calibrator of other predictions.
pub(crate) fn outcomes(
    output: usize,
    calibrator: &Calibrator,
    predictions: &Predictions,
) -> Result<Vec<Outcome>, Error> {
    calibrator.check(predictions)?;
    let outputs = predictions.outputs();
    if output >= outputs {
        return Err(Error::Output { last: outputs - 1, found: output });
    }
    let truth = |sample: usize| match predictions.targets() {
        Targets::Classes(classes) => Some(classes[sample] == output),
        Targets::Labels(labels) => {
            let label = labels[sample * outputs + output];
            (!label.is_nan()).then_some(label == 1.0)
        }
    };
    let outcome = |sample: usize| {
        let probability = || calibrator.probabilities(predictions.row(sample))[output];
        truth(sample).map(|positive| Outcome { sample, probability: probability(), positive })
    };
    Ok((0..predictions.len()).filter_map(outcome).collect())
}
