//! Errors of invalid predictions.

/// An error of predictions that cannot be scored. Rows, outputs and tasks are counted from 0.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are too few outputs for the kind of task.
    #[error("expected at least {expected} outputs per sample, found {found}\nhint: {hint}")]
    Outputs {
        /// The smallest number allowed.
        expected: usize,
        /// The number given.
        found: usize,
        /// What to do.
        hint: &'static str,
    },
    /// The number of logits is not a multiple of the number of outputs.
    #[error("expected a multiple of {outputs} logits (one per output), found {found}")]
    Ragged {
        /// The number of outputs per sample.
        outputs: usize,
        /// The number of logits given.
        found: usize,
    },
    /// The number of targets does not match that of logits.
    #[error("expected {expected} targets for these logits, found {found}")]
    Length {
        /// The number that matches the logits.
        expected: usize,
        /// The number given.
        found: usize,
    },
    /// The number of groups is not that of samples.
    #[error("expected {expected} groups, one for each sample, found {found}")]
    Groups {
        /// The number of samples.
        expected: usize,
        /// The number given.
        found: usize,
    },
    /// The number of a group is negative or above 2³² − 1.
    #[error("row {row}: expected a group from 0 to {}, found {found}", u32::MAX)]
    Group {
        /// The sample.
        row: usize,
        /// The value.
        found: i64,
    },
    /// A logit is NaN or infinite.
    #[error(
        "row {row}, output {output}: expected a finite logit, found {found}\nhint: the model has diverged; leave it out"
    )]
    Logit {
        /// The sample.
        row: usize,
        /// The output.
        output: usize,
        /// The value.
        found: f32,
    },
    /// The index of a class is negative or has no output.
    #[error("row {row}: expected a class from 0 to {last}, found {found}")]
    Class {
        /// The sample.
        row: usize,
        /// The last class that has an output.
        last: usize,
        /// The value.
        found: i64,
    },
    /// A label is neither 0, 1 nor unknown.
    #[error("row {row}, task {task}: expected 0, 1 or NaN (unknown), found {found}")]
    Label {
        /// The sample.
        row: usize,
        /// The task.
        task: usize,
        /// The value.
        found: f32,
    },
    /// Two models' predictions are not of the same samples.
    #[error(
        "expected predictions of the same samples, found other {0}\nhint: score both models on one split"
    )]
    Unpaired(&'static str),
    /// There is no model to average.
    #[error(
        "expected the predictions of at least one model, found none\nhint: if every model has diverged, the records of training say so"
    )]
    NoModels,
    /// A tensor is missing, or of another type or shape.
    #[error("tensor `{name}`: expected {expected}, found {found}")]
    Tensor {
        /// The name: "logits", "targets" or "groups".
        name: &'static str,
        /// The type and shape that the format requires.
        expected: String,
        /// The type and shape in the file.
        found: String,
    },
    /// Samples cannot be divided into folds.
    #[error("expected {expected}, found {found}")]
    Folds {
        /// What is expected.
        expected: &'static str,
        /// The number that was found.
        found: usize,
    },
    /// A calibration method is for another kind of task.
    #[error(
        "expected a calibration method for {kind} predictions, found {method}\nhint: the default is {default}"
    )]
    Method {
        /// The name of the method.
        method: &'static str,
        /// The name of the kind of task of the predictions.
        kind: &'static str,
        /// The name of the method that is used where none is named.
        default: &'static str,
    },
    /// There is no sample to fit a calibrator to.
    #[error("calibrate: expected predictions of at least one sample, found none")]
    NoSamples,
    /// A calibrator is for predictions of another form.
    #[error(
        "calibrator: expected {expected}, found {found}\nhint: fit the calibrator to predictions of the same model"
    )]
    Calibrator {
        /// The kind of task and the shape that the calibrator is for.
        expected: String,
        /// The kind of task and the shape of the predictions.
        found: String,
    },
    /// The predictions do not have an output.
    #[error("expected an output from 0 to {last}, found {found}")]
    Output {
        /// The last output.
        last: usize,
        /// The output asked for.
        found: usize,
    },
    /// The samples of an output do not allow a decision to be judged.
    #[error("output {output}: expected samples known to be positive and negative, found {found}")]
    OneSided {
        /// The output.
        output: usize,
        /// What is missing, such as "no positive sample".
        found: &'static str,
    },
    /// A number of a setting is outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// The name of the number.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The number given.
        found: f64,
    },
    /// A column cannot divide samples into subgroups.
    #[error("column `{column}`: expected {expected}, found {found}")]
    Column {
        /// The name of the column.
        column: String,
        /// What is expected.
        expected: String,
        /// What was found.
        found: String,
    },
}
