//! Errors of building a model, of loading weights and of exporting it.

use std::fmt;

use ff_checkpoint::Dtype;

use crate::normalisation::Normalisation;

/// An error of building a model, of loading weights into it or of exporting it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is not in the list.
    #[error("unknown {what} `{found}`: expected one of {expected}")]
    Unknown {
        /// The kind of thing that was named, such as `architecture`.
        what: &'static str,
        /// The name.
        found: String,
        /// The known names, separated by commas.
        expected: String,
    },
    /// A classifier without outputs.
    #[error("{architecture}: outputs: expected at least 1, found 0")]
    NoOutputs {
        /// The architecture asked for.
        architecture: &'static str,
    },
    /// A normalisation that is no division.
    #[error("normalisation: expected finite means, and standard deviations above 0, found {0:?}")]
    Normalisation(Normalisation),
    /// An image size that the architecture cannot take.
    #[error("{architecture}: image size: expected {expected}, found {found} px")]
    ImageSize {
        /// The architecture asked for.
        architecture: &'static str,
        /// Side in pixels.
        found: u32,
        /// The sizes that the architecture takes.
        expected: String,
    },
    /// A precision on a GPU that needs TF32 on where a model of the process needs it off, or the
    /// other way round.
    #[error(
        "precision {precision}: a model of this process computes in {others}, and TF32 is a switch of the process\n\
         hint: drop that model first, or use another process"
    )]
    Tf32 {
        /// The precision asked for.
        precision: String,
        /// The precisions that the other model may have.
        others: &'static str,
    },
    /// A network without a feature map, which Grad-CAM cannot explain.
    #[error(
        "{architecture}: expected a network with a feature map, found none\n\
         hint: Grad-CAM explains convolutional networks: ResNets and VGGs"
    )]
    NoFeatureMap {
        /// The model's architecture.
        architecture: &'static str,
    },
    /// Weights with other names or shapes than the model's.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// Weights that hold the network more than once, under several prefixes.
    #[error(
        "{file}: expected one {architecture}, found {}: under `{}`\n\
         hint: write one of them to a file of its own, without its prefix", .prefixes.len(), .prefixes.join("`, `")
    )]
    Copies {
        /// The file, or `weights in memory`.
        file: String,
        /// The model's architecture.
        architecture: &'static str,
        /// The prefixes, sorted.
        prefixes: Vec<String>,
    },
    /// A `config.json` beside weights that cannot be read, or that names another architecture.
    #[error("{file}: expected {expected}, found {found}\nhint: {hint}")]
    Config {
        /// The file.
        file: String,
        /// What was expected.
        expected: String,
        /// What it holds.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// Weights whose architecture is not known, or not the one that a record names.
    #[error("{file}: expected {expected}, found {found}\nhint: {hint}")]
    Unidentified {
        /// The file, or `weights in memory`.
        file: String,
        /// What was expected, and what told so.
        expected: String,
        /// What the tensors are.
        found: String,
        /// What to do.
        hint: String,
    },
    /// A tensor whose type cannot become the model's.
    #[error("{file}: {name}: expected {expected}, found {found:?}")]
    Type {
        /// The file, or `weights in memory`.
        file: String,
        /// The tensor's name.
        name: String,
        /// Types that can be converted.
        expected: &'static str,
        /// Its type.
        found: Dtype,
    },
    /// A network that does not say how it is computed in ONNX.
    #[error("{architecture}: the network has no ONNX form\nhint: implement `Backbone::onnx` for it")]
    NoOnnx {
        /// The model's architecture.
        architecture: &'static str,
    },
    /// An ONNX file larger than a protobuf message may be.
    #[error("{architecture}: ONNX file: expected at most {expected} bytes, found {found}")]
    OnnxSize {
        /// The model's architecture.
        architecture: &'static str,
        /// The most bytes.
        expected: usize,
        /// The file's bytes.
        found: usize,
    },
    /// A head that does not fit the model.
    #[error("ONNX file: {what}: expected {expected}, found {found}")]
    OnnxHead {
        /// The part of the head, such as `temperature`.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What it holds.
        found: String,
    },
}

impl Error {
    pub(crate) fn unknown<'a>(
        what: &'static str,
        found: &str,
        expected: impl Iterator<Item = &'a str>,
    ) -> Self {
        let expected = expected.collect::<Vec<_>>().join(", ");
        Self::Unknown { what, found: found.to_owned(), expected }
    }
}

/// The differences between a set of weights and a model's: missing and misshapen tensors in the
/// model's order, extra ones in order of name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The file, or `weights in memory`.
    pub file: String,
    /// The model's architecture.
    pub architecture: &'static str,
    /// Names in the model and not in the weights.
    pub missing: Vec<String>,
    /// Names in the weights and not in the model.
    pub extra: Vec<String>,
    /// Tensors in both, of different shapes.
    pub misshapen: Vec<Misshapen>,
    /// True if the weights are the model's without its classifier.
    pub without_classifier: bool,
    /// The family that the names of the weights suggest, if that is recognised and not the model's.
    pub hint: Option<String>,
}

/// A tensor of another shape than the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// Its name.
    pub name: String,
    /// The model's shape.
    pub expected: Vec<usize>,
    /// The weights' shape.
    pub found: Vec<usize>,
}

impl std::error::Error for Mismatch {}

/// Writes one line with the counts and the first of each, and the hint.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(first) = self.missing.first() {
            parts.push(format!("{} missing ({first}{})", self.missing.len(), more(&self.missing)));
        }
        if let Some(first) = self.extra.first() {
            parts.push(format!("{} unexpected ({first}{})", self.extra.len(), more(&self.extra)));
        }
        if let Some(Misshapen { name, expected, found }) = self.misshapen.first() {
            let (count, more) = (self.misshapen.len(), more(&self.misshapen));
            let shapes = format!("{name}: expected {expected:?}, found {found:?}{more}");
            parts.push(format!("{count} of another shape ({shapes})"));
        }
        write!(f, "{}: the weights do not fit {}: {}", self.file, self.architecture, parts.join(", "))?;
        self.hint.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

/// Returns what follows the first of a list.
pub(crate) fn more<T>(list: &[T]) -> &'static str {
    if list.len() > 1 { ", ..." } else { "" }
}
