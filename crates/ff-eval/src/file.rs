//! The file form of predictions: safetensors with "logits" f32 `[N, C]`; "targets", i64 `[N]` (multiclass) or f32 `[N, C]`
//! with NaN for unknown (multilabel); and, optional, "groups" i64 `[N]`, each from 0 to 2³² − 1.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::error::Error;
use crate::predictions::{Predictions, Targets, TaskKind};

impl Predictions {
    /// Reads the bytes of a predictions file.
    ///
    /// # Errors
    /// Bytes that are not safetensors, a tensor that is missing or of another type or shape than `kind` asks for, and
    /// all that [`Predictions::new`] and [`Predictions::with_groups`] refuse. A file without groups is none.
    pub fn from_safetensors(bytes: &[u8], kind: TaskKind) -> Result<Predictions, Error> {
        let file = SafeTensors::deserialize(bytes)?;
        let (shape, logits) = floats(&file, "logits")?;
        let outputs = shape[1];
        let targets = match kind {
            TaskKind::Multilabel => {
                let (labels, values) = floats(&file, "targets")?;
                if labels != shape {
                    return Err(mismatch("targets", format!("shape {shape:?}"), format!("{labels:?}")));
                }
                Targets::Labels(values)
            }
            TaskKind::Multiclass => {
                let last = outputs.saturating_sub(1);
                let class = |(row, found): (usize, i64)| {
                    usize::try_from(found).map_err(|_| Error::Class { row, last, found })
                };
                let numbers = numbers(&file, "targets", "[N], one class per sample")?;
                Targets::Classes(numbers.map(class).collect::<Result<_, _>>()?)
            }
        };
        let predictions = Predictions::new(logits, outputs, targets)?;
        if file.names().contains(&"groups") {
            return predictions.with_groups(groups(&file)?);
        }
        Ok(predictions)
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

fn floats(file: &SafeTensors, name: &'static str) -> Result<(Vec<usize>, Vec<f32>), Error> {
    let (shape, data) = tensor(file, name, Dtype::F32, 2, "[N, C], a row per sample")?;
    Ok((shape, data.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()))
}

fn groups(file: &SafeTensors) -> Result<Vec<u32>, Error> {
    let group = |(row, found): (usize, i64)| u32::try_from(found).map_err(|_| Error::Group { row, found });
    numbers(file, "groups", "[N], one group per sample")?.map(group).collect()
}

/// Each row with its number.
fn numbers<'a>(
    file: &SafeTensors<'a>,
    name: &'static str,
    form: &str,
) -> Result<impl Iterator<Item = (usize, i64)> + use<'a>, Error> {
    let data = tensor(file, name, Dtype::I64, 1, form)?.1;
    Ok(data.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).enumerate())
}

fn tensor<'a>(
    file: &SafeTensors<'a>,
    name: &'static str,
    dtype: Dtype,
    rank: usize,
    form: &str,
) -> Result<(Vec<usize>, &'a [u8]), Error> {
    let expected = || format!("{dtype} {form}");
    let found = file
        .tensor(name)
        .map_err(|_| mismatch(name, expected(), format!("only {}", file.names().join(", "))))?;
    if found.dtype() != dtype || found.shape().len() != rank {
        return Err(mismatch(name, expected(), format!("{} {:?}", found.dtype(), found.shape())));
    }
    Ok((found.shape().to_vec(), found.data()))
}

fn mismatch(name: &'static str, expected: String, found: String) -> Error {
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
