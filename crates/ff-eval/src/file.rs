//! The file format of predictions, as safetensors.
//!
//! The tensors are "logits", f32 `[N, C]`; "targets", i64 `[N]` (multiclass) or f32 `[N, C]` with
//! NaN for unknown labels (multilabel); and optionally "groups", i64 `[N]` from 0 to 2³² − 1.

use crate::error::Error;
use crate::predictions::{Predictions, Targets};

/// A tensor of a prediction file, from any library that reads safetensors.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// The name of the elements' type, for messages.
    pub dtype: String,
    /// The size of each dimension.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub values: Values,
}

impl NamedTensor {
    /// Creates a tensor from its elements as integers or as floats; neither for other types.
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

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    Floats(Vec<f32>),
    /// 64-bit integers.
    Integers(Vec<i64>),
    /// Elements of a type that prediction files do not use.
    Other,
}

impl Predictions {
    /// Reads predictions from the tensors of a file.
    ///
    /// `tensor` returns the tensor of a name: "logits", f32 `[N, C]`; "targets", i64 `[N]`
    /// (multiclass) or f32 `[N, C]` with NaN for unknown labels (multilabel); and optionally
    /// "groups", i64 `[N]` from 0 to 2³² − 1. The type of the targets determines the kind of task.
    ///
    /// With a file opened by `ff_checkpoint`:
    ///
    /// ```no_run
    /// use ff_checkpoint::StateDict;
    /// use ff_eval::{Metric, NamedTensor, Predictions};
    ///
    /// let file = StateDict::open("kept.val.safetensors")?;
    /// let predictions = Predictions::from_tensors(|name| {
    ///     let found = file.get(name)?;
    ///     Some(NamedTensor::new(found.dtype, found.shape, found.to_i64(), found.to_f32()))
    /// })?;
    /// println!("{:?}", Metric::Accuracy.evaluate(&predictions));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tensor`] for a missing tensor or another type or shape; those of
    /// [`Predictions::new`] and [`Predictions::with_groups`]. The groups may be missing.
    pub fn from_tensors(tensor: impl Fn(&str) -> Option<NamedTensor>) -> Result<Predictions, Error> {
        let (shape, logits) = floats("logits", tensor("logits"))?;
        let outputs = shape[1];
        let targets = match tensor("targets") {
            labels @ Some(NamedTensor { values: Values::Floats(_), .. }) => {
                let (labels, values) = floats("targets", labels)?;
                if labels != shape {
                    let (expected, found) = (format!("shape {shape:?}"), format!("{labels:?}"));
                    return Err(Error::Tensor { name: "targets", expected, found });
                }
                Targets::Labels(values)
            }
            classes => {
                let last = outputs.saturating_sub(1);
                let class = |(row, found): (usize, i64)| {
                    usize::try_from(found).map_err(|_| Error::Class { row, last, found })
                };
                let classes = integers("targets", classes, "[N], one class per sample")?;
                Targets::Classes(classes.into_iter().enumerate().map(class).collect::<Result<_, _>>()?)
            }
        };
        let predictions = Predictions::new(logits, outputs, targets)?;
        let groups = tensor("groups");
        if groups.is_none() {
            return Ok(predictions);
        }
        let group =
            |(row, found): (usize, i64)| u32::try_from(found).map_err(|_| Error::Group { row, found });
        let groups = integers("groups", groups, "[N], one group per sample")?;
        predictions.with_groups(groups.into_iter().enumerate().map(group).collect::<Result<_, _>>()?)
    }

    /// Returns the name, shape and elements of each tensor of a prediction file.
    ///
    /// Floats are f32, integers i64.
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
}

fn floats(name: &'static str, found: Option<NamedTensor>) -> Result<(Vec<usize>, Vec<f32>), Error> {
    match found {
        Some(NamedTensor { shape, values: Values::Floats(values), .. }) if shape.len() == 2 => {
            Ok((shape, values))
        }
        found => Err(unlike(name, "F32 [N, C], a row per sample".to_owned(), found)),
    }
}

fn integers(name: &'static str, found: Option<NamedTensor>, form: &str) -> Result<Vec<i64>, Error> {
    match found {
        Some(NamedTensor { shape, values: Values::Integers(values), .. }) if shape.len() == 1 => Ok(values),
        found => Err(unlike(name, format!("I64 {form}"), found)),
    }
}

fn unlike(name: &'static str, expected: String, found: Option<NamedTensor>) -> Error {
    let found = match found {
        Some(found) => format!("{} {:?}", found.dtype, found.shape),
        None => format!("no tensor `{name}`"),
    };
    Error::Tensor { name, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tensor = (&'static str, Vec<usize>, Values);

    fn read(tensors: &[Tensor]) -> Result<Predictions, Error> {
        Predictions::from_tensors(|name| {
            let (_, shape, values) = tensors.iter().find(|of| of.0 == name)?.clone();
            let dtype = match values {
                Values::Floats(_) => "F32",
                Values::Integers(_) => "I64",
                Values::Other => "U8",
            };
            Some(NamedTensor { dtype: dtype.to_owned(), shape, values })
        })
    }

    /// Two samples of two outputs, with these targets.
    fn two(shape: &[usize], targets: Values) -> Vec<Tensor> {
        let logits = Values::Floats(vec![0.5, -1.0, 2.0, 3.0]);
        vec![("logits", vec![2, 2], logits), ("targets", shape.to_vec(), targets)]
    }

    #[test]
    fn both_kinds_round_trip() {
        let classes = read(&two(&[2], Values::Integers(vec![1, 0]))).unwrap();
        assert_eq!(classes.logits(), [0.5, -1.0, 2.0, 3.0]);
        assert_eq!(classes.targets(), &Targets::Classes(vec![1, 0]));
        let labels = read(&two(&[2, 2], Values::Floats(vec![1.0, 1.0, 0.0, 0.0]))).unwrap();
        assert_eq!(labels.targets(), &Targets::Labels(vec![1.0, 1.0, 0.0, 0.0]));
        for predictions in [labels, classes.clone(), classes.with_groups(vec![7, 7]).unwrap()] {
            assert_eq!(read(&predictions.to_tensors()).unwrap(), predictions);
        }
    }

    #[test]
    fn groups_are_optional_and_checked() {
        let of = |shape: &[usize], groups: Values| {
            let mut tensors = two(&[2], Values::Integers(vec![1, 0]));
            tensors.push(("groups", shape.to_vec(), groups));
            read(&tensors)
        };
        let numbers = |numbers: &[i64]| of(&[numbers.len()], Values::Integers(numbers.to_vec()));
        assert_eq!(numbers(&[4_294_967_295, 0]).unwrap().groups(), Some(&[u32::MAX, 0][..]));
        let message = |found: Result<Predictions, Error>| found.unwrap_err().to_string();
        assert_eq!(message(numbers(&[0, -1])), "row 1: expected a group from 0 to 4294967295, found -1");
        assert_eq!(
            message(numbers(&[1 << 32, 0])),
            "row 0: expected a group from 0 to 4294967295, found 4294967296"
        );
        assert_eq!(message(numbers(&[0])), "expected 2 groups, one for each sample, found 1");
        let form = "tensor `groups`: expected I64 [N], one group per sample, found";
        assert_eq!(message(of(&[2], Values::Floats(vec![0.0; 2]))), format!("{form} F32 [2]"));
        assert_eq!(message(of(&[2, 1], Values::Integers(vec![0; 2]))), format!("{form} I64 [2, 1]"));
    }

    #[test]
    fn errors_name_the_row_or_tensor() {
        let message = |tensors: &[Tensor]| read(tensors).unwrap_err().to_string();
        let negative = two(&[2], Values::Integers(vec![1, -1]));
        assert_eq!(message(&negative), "row 1: expected a class from 0 to 1, found -1");
        let classes = "tensor `targets`: expected I64 [N], one class per sample, found";
        assert_eq!(message(&negative[..1]), format!("{classes} no tensor `targets`"));
        assert_eq!(message(&two(&[2], Values::Other)), format!("{classes} U8 [2]"));
        let narrow = two(&[2, 1], Values::Floats(vec![0.0; 2]));
        assert_eq!(message(&narrow), "tensor `targets`: expected shape [2, 2], found [2, 1]");
    }
}
