//! Merging tensor by tensor and block by block, so that no model is in memory as a whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ff_checkpoint::{Dtype, StateDict, cores, map_on_cores, write_rounded};

use super::mean::{BLOCK, by_blocks, widen};
use super::method::Parts;
use super::vector::{add, magnitudes_f32};
use crate::error::Error;

/// One float tensor of all models and of the base.
pub struct Tensor<'a> {
    /// The tensor's name.
    pub name: &'a str,
    /// The tensor's shape.
    pub shape: &'a [usize],
    dtype: Dtype,
    models: Vec<&'a [u8]>,
    base: Option<&'a [u8]>,
}

impl<'a> Tensor<'a> {
    pub(crate) fn of(parts: &Parts<'a>, name: &'a str) -> Result<Self, String> {
        let missing = || "expected the tensor in every part and in the base".to_owned();
        let first = parts.models.first().and_then(|model| model.get(name)).ok_or_else(missing)?;
        let data = |weights: &&'a StateDict| {
            let tensor =
                weights.get(name).filter(|other| (other.dtype, other.shape) == (first.dtype, first.shape));
            tensor.map(|tensor| tensor.data).ok_or_else(missing)
        };
        let models = parts.models.iter().map(data).collect::<Result<_, _>>()?;
        let base = parts.base.as_ref().map(data).transpose()?;
        Ok(Self { name, shape: first.shape, dtype: first.dtype, models, base })
    }

    /// Returns the number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns true for BatchNorm's running statistics, which are on the scale of activations and
    /// not of weights.
    pub fn is_statistic(&self) -> bool {
        is_statistic(self.name)
    }

    /// Returns the number of models.
    pub fn models(&self) -> usize {
        self.models.len()
    }

    /// Calls `each` with every block, in order: one pass over the tensor in all models.
    pub fn for_each_block(&self, mut each: impl FnMut(&Block<'_>)) {
        let elements = self.elements();
        for start in (0..elements).step_by(BLOCK) {
            self.block(start, BLOCK.min(elements - start), &mut each);
        }
    }

    /// Calls `each` with the block of `length` elements from `start` on.
    pub(crate) fn block(&self, start: usize, length: usize, each: impl FnOnce(&Block<'_>)) {
        let mut room = [0.0; BLOCK];
        let mut block = Block { start, length, dtype: self.dtype, models: &self.models, base: None };
        if let Some(base) = self.base {
            block.read(base, &mut room);
            block.base = Some(&room[..length]);
        }
        each(&block);
    }

    /// Writes the magnitudes of what training changed in a model, from the element `start` on: the
    /// bits of 32-bit floats, which are in the order of their values.
    ///
    /// # Panics
    /// If there is no such model, or no base, or the elements end before `magnitudes` is full.
    pub(super) fn write_magnitudes(&self, model: usize, start: usize, magnitudes: &mut [i32]) {
        let (size, count) = (self.dtype.bitsize() / 8, magnitudes.len());
        let base = self.base.expect("the method has a base");
        let [model, base] = [self.models[model], base].map(|data| &data[start * size..][..count * size]);
        if self.dtype == Dtype::F32 {
            // The same as in 64 bits: of those, rounding again to 32 gives the nearest value.
            return magnitudes_f32(model, base, magnitudes);
        }
        let [mut values, mut bases] = [vec![0.0; count], vec![0.0; count]];
        widen(self.dtype, model, &mut values);
        widen(self.dtype, base, &mut bases);
        for (room, (value, base)) in magnitudes.iter_mut().zip(values.iter().zip(bases)) {
            *room = ((value - base).abs() as f32).to_bits().cast_signed();
        }
    }
}

/// Returns true for the name of one of BatchNorm's running statistics.
pub fn is_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

/// At most 4096 elements of one tensor of all models, which are read as 64-bit floats.
pub struct Block<'a> {
    /// The index of the first element in the tensor, row-major.
    pub start: usize,
    length: usize,
    dtype: Dtype,
    models: &'a [&'a [u8]],
    base: Option<&'a [f64]>,
}

impl Block<'_> {
    /// Returns the number of elements.
    #[expect(clippy::len_without_is_empty, reason = "a block has elements")]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Calls `each` with the place of every model among the parts and its values, in order. One
    /// model is read at a time, so that its values stay in a core's fastest cache.
    pub fn for_each_model(&self, mut each: impl FnMut(usize, &[f64])) {
        let mut room = [0.0; BLOCK];
        for (at, data) in self.models.iter().enumerate() {
            self.read(data, &mut room);
            each(at, &room[..self.length]);
        }
    }

    /// Reads the values of one model.
    ///
    /// # Panics
    /// If there is no such model.
    pub fn model(&self, at: usize) -> Vec<f64> {
        let mut values = vec![0.0; self.length];
        self.read(self.models[at], &mut values);
        values
    }

    /// Returns the values of the base.
    ///
    /// # Panics
    /// If there is no base.
    pub fn base(&self) -> &[f64] {
        self.base.expect("the method has a base")
    }

    /// Writes the mean of the models.
    pub fn mean_into(&self, out: &mut [f64]) {
        out.fill(-0.0);
        self.for_each_model(|_, values| add(out, values));
        out.iter_mut().for_each(|sum| *sum /= self.models.len() as f64);
    }

    /// Reads the block's elements of a tensor.
    fn read(&self, data: &[u8], values: &mut [f64]) {
        let size = self.dtype.bitsize() / 8;
        widen(self.dtype, &data[self.start * size..][..self.length * size], &mut values[..self.length]);
    }
}

/// Merges models tensor by tensor and block by block.
///
/// `prepare` looks at a whole tensor, for a threshold or an angle. `merge` then fills the values of
/// a block; it may be called for blocks in any order. Values are rounded once, to the models' type.
/// Tensors that are not floats are those of the first model. Memory: the result.
///
/// # Errors
/// [`Error::Empty`] without models; [`Error::Merge`] for a tensor for which `prepare` fails, or in
/// which a value is not finite.
pub fn block_by_block<T: Send + Sync>(
    parts: &Parts<'_>,
    prepare: impl Fn(&Tensor<'_>) -> Result<T, String> + Sync,
    merge: impl Fn(&T, &Block<'_>, &mut [f64]) + Sync,
) -> Result<StateDict, Error> {
    let first = parts.first()?;
    let names = first.iter().filter(|(_, tensor)| tensor.is_float()).map(|(name, _)| name);
    let prepared = map_on_cores(names, |name| {
        let made = Tensor::of(parts, name).and_then(|tensor| Ok((prepare(&tensor)?, tensor)));
        made.map(|made| (name, made)).map_err(|reason| Error::Merge { tensor: name.to_owned(), reason })
    });
    // Of several errors the first tensor's is returned, whatever the order of the threads.
    let prepared: BTreeMap<&str, (T, Tensor<'_>)> = prepared.into_iter().collect::<Result<_, _>>()?;
    let bad: Mutex<Option<&str>> = Mutex::new(None);
    let merged = by_blocks(
        first,
        cores(),
        |name| &prepared[name],
        |(made, tensor), dtype, start, room| {
            let size = dtype.bitsize() / 8;
            let mut values = vec![0.0; room.len() / size];
            tensor.block(start / size, values.len(), |block| merge(made, block, &mut values));
            if values.iter().any(|value| !value.is_finite()) {
                let mut bad = bad.lock().unwrap_or_else(PoisonError::into_inner);
                *bad = Some(bad.map_or(tensor.name, |other| other.min(tensor.name)));
            }
            write_rounded(dtype, &values, room);
        },
    );
    match bad.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(merged),
        Some(name) => {
            let reason = "expected finite values, found an infinity or NaN".to_owned();
            Err(Error::Merge { tensor: name.to_owned(), reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;

    use super::*;

    fn model(values: impl Fn(usize) -> f32, count: usize) -> StateDict {
        let values: Vec<f32> = (0..count).map(values).collect();
        let tensors = [
            ("w".to_owned(), OwnedTensor::f32([count], &values)),
            ("steps".to_owned(), OwnedTensor::i64([], &[count as i64])),
            ("zero".to_owned(), OwnedTensor::f32([0], &[])),
        ];
        StateDict::from_tensors(tensors.into())
    }

    #[test]
    fn every_element_is_merged_once_with_its_own_values() {
        for count in [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 9] {
            let models = [model(|at| at as f32, count), model(|at| -2.0 * at as f32, count)];
            let base = model(|_| 0.5, count);
            let models = [&models[0], &models[1]];
            let parts = Parts { base: Some(&base), ..Parts::of(&models) };
            let largest = |tensor: &Tensor<'_>| {
                let mut largest = 0.0f64;
                tensor.for_each_block(|block| {
                    block.for_each_model(|at, values| {
                        if at == 0 {
                            largest = values.iter().fold(largest, |largest, value| largest.max(*value));
                        }
                    });
                });
                Ok(largest)
            };
            let merged = block_by_block(&parts, largest, |largest, block, out| {
                for (at, out) in out.iter_mut().enumerate() {
                    *out = block.model(0)[at] + block.model(1)[at] + block.base()[at] + largest;
                }
                assert_eq!(block.model(0)[0], block.start as f64);
            })
            .unwrap();
            let expected: Vec<f32> = (0..count).map(|at| (count - 1) as f32 - at as f32 + 0.5).collect();
            assert_eq!(merged.get("w").unwrap().to_f32().unwrap(), expected, "{count} elements");
            assert_eq!(merged.get("steps").unwrap().to_i64().unwrap(), [count as i64]);
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_an_error_that_names_the_tensor() {
        let one = model(|_| 1.0, 3 * BLOCK);
        let merged = block_by_block(
            &Parts::of(&[&one]),
            |_| Ok(()),
            |(), block, out| {
                out.fill(if block.start > BLOCK { f64::NAN } else { 0.0 });
            },
        );
        let error = merged.unwrap_err().to_string();
        assert_eq!(error, "cannot merge `w`: expected finite values, found an infinity or NaN");
        let refused = block_by_block(&Parts::of(&[&one]), |_| Err::<(), _>("no".into()), |_, _, _| {});
        assert_eq!(refused.unwrap_err().to_string(), "cannot merge `w`: no");
        assert!(matches!(block_by_block(&Parts::of(&[]), |_| Ok(()), |(), _, _| {}), Err(Error::Empty)));
    }
}
