//! What can be wrong with predictions.

/// Predictions that cannot be scored. Rows and outputs are counted from 0.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to score an output against.
    #[error("expected at least {expected} outputs per sample, found {found}; hint: {hint}")]
    Outputs {
        /// The fewest that make sense.
        expected: usize,
        /// What was given.
        found: usize,
        /// What to do.
        hint: &'static str,
    },
    /// Logits do not form whole rows.
    #[error("expected a multiple of {outputs} logits (one per output), found {found}")]
    Ragged {
        /// Outputs per sample.
        outputs: usize,
        /// Number of logits given.
        found: usize,
    },
    /// Logits and targets disagree on the number of samples.
    #[error("expected {expected} targets for these logits, found {found}")]
    Length {
        /// What the logits ask for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// Samples and their groups disagree in number.
    #[error("expected {expected} groups, one for each sample, found {found}")]
    Groups {
        /// Number of samples.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A group whose number is negative or above 2³² − 1.
    #[error("row {row}: expected a group from 0 to {}, found {found}", u32::MAX)]
    Group {
        /// Sample.
        row: usize,
        /// The value.
        found: i64,
    },
    /// A logit is NaN or infinite: the model has diverged.
    #[error(
        "row {row}, output {output}: expected a finite logit, found {found}; hint: the model has diverged"
    )]
    Logit {
        /// Sample.
        row: usize,
        /// Output.
        output: usize,
        /// The value.
        found: f32,
    },
    /// A class index without an output.
    #[error("row {row}: expected a class from 0 to {last}, found {found}")]
    Class {
        /// Sample.
        row: usize,
        /// The last class that has an output.
        last: usize,
        /// The value.
        found: i64,
    },
    /// A label that is neither 0, 1 nor unknown.
    #[error("row {row}, task {task}: expected 0, 1 or NaN (unknown), found {found}")]
    Label {
        /// Sample.
        row: usize,
        /// Task.
        task: usize,
        /// The value.
        found: f32,
    },
    /// Two models' predictions are not of the same samples, so that they make no pairs.
    #[error(
        "expected predictions of the same samples, found other {0}; hint: score both models on one split"
    )]
    Unpaired(&'static str),
    /// A tensor is missing or of another type or shape.
    #[error("tensor \"{name}\": expected {expected}, found {found}")]
    Tensor {
        /// "logits", "targets" or "groups".
        name: &'static str,
        /// What the format asks for.
        expected: String,
        /// What the file holds.
        found: String,
    },
}
