//! The file form of predictions: safetensors with "logits" f32 `[N, C]`; "targets", i64 `[N]` (multiclass) or f32 `[N, C]`
//! with NaN for unknown (multilabel); and, optional, "groups" i64 `[N]`, each from 0 to 2³² − 1.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::error::Error;
use crate::predictions::{Predictions, Targets, TaskKind};

/// A tensor as a file of any reader's has it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its type's name, for messages.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Values,
}

impl NamedTensor {
    /// A tensor of which a reader has the elements as integers, as floats or, being of some other type, as neither.
    pub fn new(
        dtype: impl ToString,
        shape: &[usize],
        integers: Option<Vec<i64>>,
        floats: Option<Vec<f32>>,
    ) -> Self {
        let values = integers.map(Values::Integers).or(floats.map(Values::Floats)).unwrap_or(Values::Other);
        Self { dtype: dtype.to_string(), shape: shape.to_vec(), values }
    }
}

/// A tensor's values.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Integers(Vec<i64>),
    /// Of a type that predictions do not have.
    Other,
}

/// What a file of tensors answers.
pub trait TensorFile {
    /// The tensor of that name.
    fn tensor(&self, name: &str) -> Option<NamedTensor>;

    /// What there is where a tensor is missing, for messages.
    fn instead_of(&self, name: &str) -> String {
        format!("no tensor `{name}`")
    }
}

impl Predictions {
    /// Takes predictions from a file that some reader has open. Without a `kind` the type of the targets tells it.
    ///
    /// # Errors
    /// A tensor that is missing or of another type or shape than `kind` asks for, and all that [`Predictions::new`] and
    /// [`Predictions::with_groups`] refuse. A file without groups is none.
    pub fn from_tensors(file: &dyn TensorFile, kind: Option<TaskKind>) -> Result<Predictions, Error> {
        let (shape, logits) = floats(file, "logits", file.tensor("logits"))?;
        let outputs = shape[1];
        let targets = file.tensor("targets");
        let kind = kind.unwrap_or_else(|| match targets.as_ref().map(|targets| &targets.values) {
            Some(Values::Floats(_)) => TaskKind::Multilabel,
            _ => TaskKind::Multiclass,
        });
        let targets = match kind {
            TaskKind::Multilabel => {
                let (labels, values) = floats(file, "targets", targets)?;
                if labels != shape {
                    let (expected, found) = (format!("shape {shape:?}"), format!("{labels:?}"));
                    return Err(Error::Tensor { name: "targets", expected, found });
                }
                Targets::Labels(values)
            }
            TaskKind::Multiclass => {
                let last = outputs.saturating_sub(1);
                let class = |(row, found): (usize, i64)| {
                    usize::try_from(found).map_err(|_| Error::Class { row, last, found })
                };
                let classes = integers(file, "targets", targets, "[N], one class per sample")?;
                Targets::Classes(classes.into_iter().enumerate().map(class).collect::<Result<_, _>>()?)
            }
        };
        let predictions = Predictions::new(logits, outputs, targets)?;
        let groups = file.tensor("groups");
        if groups.is_none() {
            return Ok(predictions);
        }
        let group =
            |(row, found): (usize, i64)| u32::try_from(found).map_err(|_| Error::Group { row, found });
        let groups = integers(file, "groups", groups, "[N], one group per sample")?;
        predictions.with_groups(groups.into_iter().enumerate().map(group).collect::<Result<_, _>>()?)
    }

    /// The tensors of its file, by name: floats are f32, integers i64.
    pub fn to_tensors(&self) -> Vec<(&'static str, Vec<usize>, Values)> {
        let (rows, outputs) = (self.len(), self.outputs());
        let targets = match self.targets() {
            Targets::Classes(classes) => {
                let classes = classes.iter().map(|&class| class as i64).collect();
                ("targets", vec![rows], Values::Integers(classes))
            }
            Targets::Labels(labels) => ("targets", vec![rows, outputs], Values::Floats(labels.clone())),
        };
        let groups = self.groups().map(|groups| {
            ("groups", vec![rows], Values::Integers(groups.iter().copied().map(i64::from).collect()))
        });
        let logits = ("logits", vec![rows, outputs], Values::Floats(self.logits().to_vec()));
        [logits, targets].into_iter().chain(groups).collect()
    }

    /// Reads the bytes of a predictions file.
    ///
    /// # Errors
    /// Bytes that are not safetensors; as [`Predictions::from_tensors`].
    pub fn from_safetensors(bytes: &[u8], kind: TaskKind) -> Result<Predictions, Error> {
        Self::from_tensors(&SafeTensors::deserialize(bytes)?, Some(kind))
    }

    /// Reads a predictions file.
    ///
    /// # Errors
    /// Those of [`Predictions::from_safetensors`] and of reading, with the file's path.
    pub fn read(path: &Path, kind: TaskKind) -> Result<Predictions, Error> {
        std::fs::read(path)
            .map_err(Error::from)
            .and_then(|bytes| Predictions::from_safetensors(&bytes, kind))
            .map_err(|source| Error::File { path: path.to_owned(), source: Box::new(source) })
    }
}

impl TensorFile for SafeTensors<'_> {
    fn tensor(&self, name: &str) -> Option<NamedTensor> {
        let found = SafeTensors::tensor(self, name).ok()?;
        let (dtype, data) = (found.dtype(), found.data());
        let integers = || data.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).collect();
        let floats = || data.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let (integers, floats) = ((dtype == Dtype::I64).then(integers), (dtype == Dtype::F32).then(floats));
        Some(NamedTensor::new(dtype, found.shape(), integers, floats))
    }

    fn instead_of(&self, _name: &str) -> String {
        format!("only {}", self.names().join(", "))
    }
}

fn floats(
    file: &dyn TensorFile,
    name: &'static str,
    found: Option<NamedTensor>,
) -> Result<(Vec<usize>, Vec<f32>), Error> {
    match found {
        Some(NamedTensor { shape, values: Values::Floats(values), .. }) if shape.len() == 2 => {
            Ok((shape, values))
        }
        found => Err(unlike(file, name, "F32 [N, C], a row per sample".to_owned(), found)),
    }
}

fn integers(
    file: &dyn TensorFile,
    name: &'static str,
    found: Option<NamedTensor>,
    form: &str,
) -> Result<Vec<i64>, Error> {
    match found {
        Some(NamedTensor { shape, values: Values::Integers(values), .. }) if shape.len() == 1 => Ok(values),
        found => Err(unlike(file, name, format!("I64 {form}"), found)),
    }
}

fn unlike(file: &dyn TensorFile, name: &'static str, expected: String, found: Option<NamedTensor>) -> Error {
    let found = match found {
        Some(found) => format!("{} {:?}", found.dtype, found.shape),
        None => file.instead_of(name),
    };
    Error::Tensor { name, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn file(tensors: &[(&'static str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
        let views = tensors
            .iter()
            .map(|&(name, dtype, shape, data)| (name, TensorView::new(dtype, shape.to_vec(), data).unwrap()));
        safetensors::serialize(views, None).unwrap()
    }

    fn words<const B: usize, T: Copy>(values: &[T], bytes: fn(T) -> [u8; B]) -> Vec<u8> {
        values.iter().flat_map(|&value| bytes(value)).collect()
    }

    #[test]
    fn reads_both_kinds() {
        let logits = words(&[0.5, -1.0, 2.0, 3.0], f32::to_le_bytes);
        let classes = words(&[1, 0], i64::to_le_bytes);
        let bytes =
            file(&[("logits", Dtype::F32, &[2, 2], &logits), ("targets", Dtype::I64, &[2], &classes)]);
        let read = Predictions::from_safetensors(&bytes, TaskKind::Multiclass).unwrap();
        assert_eq!(read.logits(), [0.5, -1.0, 2.0, 3.0]);
        assert_eq!(read.targets(), &Targets::Classes(vec![1, 0]));

        let labels = words(&[1.0, f32::NAN, 0.0, 0.0], f32::to_le_bytes);
        let bytes =
            file(&[("logits", Dtype::F32, &[2, 2], &logits), ("targets", Dtype::F32, &[2, 2], &labels)]);
        let read = Predictions::from_safetensors(&bytes, TaskKind::Multilabel).unwrap();
        assert_eq!((read.len(), read.outputs(), read.kind()), (2, 2, TaskKind::Multilabel));
    }

    #[test]
    fn groups_are_optional_and_checked() {
        let zeros = words(&[0.0f32; 4], f32::to_le_bytes);
        let classes = words(&[1i64, 0], i64::to_le_bytes);
        let read = |dtype, shape: &[usize], data: &[u8]| {
            let logits = ("logits", Dtype::F32, &[2, 2][..], &zeros[..]);
            let targets = ("targets", Dtype::I64, &[2][..], &classes[..]);
            let bytes = file(&[logits, targets, ("groups", dtype, shape, data)]);
            Predictions::from_safetensors(&bytes, TaskKind::Multiclass)
        };
        let of = |numbers: &[i64]| read(Dtype::I64, &[numbers.len()], &words(numbers, i64::to_le_bytes));
        assert_eq!(of(&[4_294_967_295, 0]).unwrap().groups(), Some(&[u32::MAX, 0][..]));
        let message = |found: Result<Predictions, Error>| found.unwrap_err().to_string();
        assert_eq!(message(of(&[0, -1])), "row 1: expected a group from 0 to 4294967295, found -1");
        assert_eq!(
            message(of(&[1 << 32, 0])),
            "row 0: expected a group from 0 to 4294967295, found 4294967296"
        );
        assert_eq!(message(of(&[0])), "expected 2 groups, one for each sample, found 1");
        assert_eq!(
            message(read(Dtype::F32, &[2], &words(&[0.0f32; 2], f32::to_le_bytes))),
            "tensor \"groups\": expected I64 [N], one group per sample, found F32 [2]"
        );
        assert_eq!(
            message(read(Dtype::I64, &[2, 1], &words(&[0i64; 2], i64::to_le_bytes))),
            "tensor \"groups\": expected I64 [N], one group per sample, found I64 [2, 1]"
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let logits = words(&[0.5, -1.0, 2.0, 3.0], f32::to_le_bytes);
        let classes = words(&[1, -1], i64::to_le_bytes);
        let message =
            |bytes: &[u8], kind| Predictions::from_safetensors(bytes, kind).unwrap_err().to_string();
        let both = file(&[("logits", Dtype::F32, &[2, 2], &logits), ("targets", Dtype::I64, &[2], &classes)]);
        assert_eq!(
            message(&both, TaskKind::Multilabel),
            "tensor \"targets\": expected F32 [N, C], a row per sample, found I64 [2]"
        );
        assert_eq!(message(&both, TaskKind::Multiclass), "row 1: expected a class from 0 to 1, found -1");
        let alone = file(&[("logits", Dtype::F32, &[2, 2], &logits)]);
        assert_eq!(
            message(&alone, TaskKind::Multiclass),
            "tensor \"targets\": expected I64 [N], one class per sample, found only logits"
        );
        assert!(
            message(&both[..both.len() - 1], TaskKind::Multiclass).starts_with("expected a safetensors file")
        );
    }
}
