//! Means of many models in one pass, a block at a time.
//!
//! A block of the result is computed from the same block of all models before the next block, in
//! the order of the tree of averages. So the memory is that of the result, whatever the number of
//! models, and the bits do not depend on the number of threads.

use std::num::NonZero;

use ff_checkpoint::{Dtype, StateDict, cores, on_threads, write_rounded};

use super::method::{MergeKind, MergeMethod, Needs, Parts};
use super::vector::{self, widen_f32};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "uniform",
    about: "The mean of all parts, with equal shares (Wortsman et al. 2022)",
    needs: Needs::Nothing,
    new: |settings| match settings.as_object() {
        Some(none) if none.is_empty() => Ok(Box::new(Mean)),
        _ => Err(format!("expected no settings, found {settings}")),
    },
};

/// The merge method that averages the parts, with equal shares.
#[derive(Clone, Copy, Debug)]
pub struct Mean;

impl MergeMethod for Mean {
    fn name(&self) -> &str {
        KIND.name
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        parts.first()?;
        let models = parts.models.iter().map(|&part| Node::Leaf(part.clone())).collect();
        Ok(mean(&Node::Mean(models), cores()))
    }
}

/// Elements in a block: few enough for their sums to stay in a core's cache.
pub(crate) const BLOCK: usize = 1 << 12;

/// Models whose elements are added together, so that sums stay in registers between them.
const GROUP: usize = 8;

/// A tree of means with `T`, such as weights, in its leaves.
pub(crate) enum Node<T> {
    Leaf(T),
    Mean(Vec<Node<T>>),
}

/// Computes the mean of models, or of means of them.
///
/// Each element is summed in the order of the tree, so the bits do not depend on the number of
/// threads. Tensors that are not floats are those of the first model.
pub(crate) fn mean(tree: &Node<StateDict>, threads: NonZero<usize>) -> StateDict {
    by_blocks(
        tree.first(),
        threads,
        |name| tree.map(&|weights| data(weights, name)),
        |tree, dtype, start, room| tree.write(dtype, start, room),
    )
}

/// Creates weights of the form of `first`, whose float tensors `write` fills block by block.
///
/// `write` gets the value of `of_tensor` for the tensor's name, the type, the first byte of the
/// block and the bytes to fill. Tensors that are not floats are those of `first`.
pub(crate) fn by_blocks<T: Sync>(
    first: &StateDict,
    threads: NonZero<usize>,
    of_tensor: impl Fn(&str) -> T,
    write: impl Fn(&T, Dtype, usize, &mut [u8]) + Sync,
) -> StateDict {
    first.refilled(|rooms| {
        let sources: Vec<Option<T>> =
            rooms.iter().map(|(name, tensor, _)| tensor.is_float().then(|| of_tensor(name))).collect();
        let mut work = Vec::new();
        for ((_, tensor, room), source) in rooms.into_iter().zip(&sources) {
            let Some(source) = source else {
                room.copy_from_slice(tensor.data);
                continue;
            };
            let size = block_bytes(tensor.dtype);
            work.extend(
                room.chunks_mut(size).enumerate().map(|(i, room)| (source, tensor.dtype, i * size, room)),
            );
        }
        on_threads(threads, work, |(source, dtype, start, room)| write(source, dtype, start, room));
    })
}

/// The bytes of a tensor that all ingredients have.
pub(crate) fn data<'a>(weights: &'a StateDict, name: &str) -> &'a [u8] {
    weights.get(name).expect("ingredients have the same keys").data
}

/// The number of bytes in a block of elements of this type.
pub(crate) fn block_bytes(dtype: Dtype) -> usize {
    BLOCK * dtype.bitsize() / 8
}

impl<T> Node<T> {
    fn first(&self) -> &T {
        match self {
            Self::Leaf(one) => one,
            Self::Mean(parts) => parts[0].first(),
        }
    }

    fn map<'a, U>(&'a self, f: &impl Fn(&'a T) -> U) -> Node<U> {
        match self {
            Self::Leaf(one) => Node::Leaf(f(one)),
            Self::Mean(parts) => Node::Mean(parts.iter().map(|part| part.map(f)).collect()),
        }
    }
}

impl Node<&[u8]> {
    /// Writes the elements that begin at byte `start` until `room` is full.
    fn write(&self, dtype: Dtype, start: usize, room: &mut [u8]) {
        match self {
            Self::Leaf(data) => room.copy_from_slice(&data[start..start + room.len()]),
            Self::Mean(parts) => {
                let mut sums = vec![0.0; room.len() * 8 / dtype.bitsize()];
                let (groups, rest) = parts.as_chunks::<GROUP>();
                for group in groups {
                    match leaves(group) {
                        Some(all) => add(dtype, all.map(|data| &data[start..start + room.len()]), &mut sums),
                        None => group.iter().for_each(|part| part.add_to(dtype, start, room, &mut sums)),
                    }
                }
                rest.iter().for_each(|part| part.add_to(dtype, start, room, &mut sums));
                write_mean(dtype, &mut sums, parts.len(), room);
            }
        }
    }

    /// Adds the elements that begin at byte `start` to `sums`.
    ///
    /// A mean is first rounded into `room`, as it would be when written to a file.
    fn add_to(&self, dtype: Dtype, start: usize, room: &mut [u8], sums: &mut [f64]) {
        match self {
            Self::Leaf(data) => add(dtype, [&data[start..start + room.len()]], sums),
            Self::Mean(_) => {
                self.write(dtype, start, room);
                add(dtype, [room], sums);
            }
        }
    }
}

/// Returns the models' bytes if every part is a model.
fn leaves<'a, const N: usize>(parts: &[Node<&'a [u8]>; N]) -> Option<[&'a [u8]; N]> {
    let mut all = [[].as_slice(); N];
    for (leaf, part) in all.iter_mut().zip(parts) {
        let Node::Leaf(data) = part else { return None };
        *leaf = data;
    }
    Some(all)
}

/// Adds elements of a floating-point type to sums, model after model.
pub(crate) fn add<const MODELS: usize>(dtype: Dtype, data: [&[u8]; MODELS], sums: &mut [f64]) {
    fn each<const N: usize, const MODELS: usize>(
        data: [&[u8]; MODELS],
        sums: &mut [f64],
        value: impl Fn([u8; N]) -> f64,
    ) {
        let data = data.map(|data| &data.as_chunks().0[..sums.len()]);
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = data.iter().fold(*sum, |sum, model| sum + value(model[i]));
        }
    }
    match dtype {
        Dtype::F32 => each(data, sums, |b| f32::from_le_bytes(b).into()),
        Dtype::F64 => each(data, sums, f64::from_le_bytes),
        Dtype::F16 => each(data, sums, |b| half::f16::from_le_bytes(b).into()),
        Dtype::BF16 => each(data, sums, |b| half::bf16::from_le_bytes(b).into()),
        other => unreachable!("only floats are averaged, not {other}"),
    }
}

/// Reads elements of a floating-point type into as many numbers.
pub(crate) fn widen(dtype: Dtype, data: &[u8], values: &mut [f64]) {
    fn each<const N: usize>(data: &[u8], values: &mut [f64], value: impl Fn([u8; N]) -> f64) {
        for (room, element) in values.iter_mut().zip(data.as_chunks().0) {
            *room = value(*element);
        }
    }
    match dtype {
        Dtype::F32 => widen_f32(data, values),
        Dtype::F64 => each(data, values, f64::from_le_bytes),
        Dtype::F16 => each(data, values, |b| half::f16::from_le_bytes(b).into()),
        Dtype::BF16 => each(data, values, |b| half::bf16::from_le_bytes(b).into()),
        other => unreachable!("only floats are averaged, not {other}"),
    }
}

/// Adds elements of a floating-point type, times a factor, to sums.
pub(crate) fn add_scaled(dtype: Dtype, data: &[u8], factor: f64, sums: &mut [f64]) {
    let mut values = [0.0; BLOCK];
    let values = &mut values[..sums.len()];
    widen(dtype, data, values);
    vector::add_scaled(sums, factor, values);
}

/// Writes sums of `count` models, divided by `count` and rounded to the type.
pub(crate) fn write_mean(dtype: Dtype, sums: &mut [f64], count: usize, room: &mut [u8]) {
    for sum in &mut *sums {
        *sum /= count as f64;
    }
    write_rounded(dtype, sums, room);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ff_checkpoint::{OwnedTensor, TensorRef};
    use proptest::prelude::*;

    use super::*;
    use crate::average::Average;
    use crate::ingredient::{Ingredient, Ingredients};
    use crate::merge::accumulator::Accumulator;

    /// A reference mean: each element summed in order, divided, rounded once.
    fn reference(average: &Average, models: &Ingredients) -> BTreeMap<String, OwnedTensor> {
        let parts = match average {
            Average::Ingredient(id) => {
                let weights = models.get(id).unwrap().weights.iter();
                return weights.map(|(name, tensor)| (name.to_owned(), tensor.to_owned())).collect();
            }
            Average::Mean(parts) => parts.iter().map(|part| reference(part, models)).collect::<Vec<_>>(),
            Average::Merged(_) => unreachable!("these are trees of means"),
        };
        let mut mean = parts[0].clone();
        for (name, tensor) in mean.iter_mut().filter(|(_, tensor)| tensor.dtype != Dtype::I64) {
            let values: Vec<Vec<f64>> = parts.iter().map(|part| values(&part[name])).collect();
            let one = |i| values.iter().fold(0.0, |sum, part| sum + part[i]) / parts.len() as f64;
            let means: Vec<f64> = (0..values[0].len()).map(one).collect();
            *tensor = OwnedTensor::rounded(tensor.dtype, &tensor.shape, &means);
        }
        mean
    }

    fn values(tensor: &OwnedTensor) -> Vec<f64> {
        let (dtype, shape, data) = (tensor.dtype, &tensor.shape, &tensor.data);
        TensorRef { dtype, shape, data }.to_f64().unwrap()
    }

    /// Values whose sums are not exact: positive, negative and zero, over many magnitudes.
    fn noise(seed: u64, n: usize) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut bits = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i32
        };
        (0..n).map(|_| f64::from(bits() % 1_000_003) * f64::from(bits() % 30 - 15).exp2() * 1e-6).collect()
    }

    fn models(count: usize, seed: u64, sizes: &[(Dtype, usize)]) -> Ingredients {
        let model = |m: usize| {
            let tensors = sizes.iter().enumerate().map(|(t, &(dtype, size))| {
                let values = noise(seed ^ (m * 100 + t + 1) as u64, size);
                (format!("t{t}"), OwnedTensor::rounded(dtype, &[size], &values))
            });
            let scalars = [
                ("scalar".to_owned(), OwnedTensor::f32([], &[m as f32 - 0.3])),
                ("steps".to_owned(), OwnedTensor::i64([], &[m as i64 + 7])),
            ];
            let weights = StateDict::from_tensors(tensors.chain(scalars).collect());
            Ingredient { id: m.to_string(), weights, fields: BTreeMap::new() }
        };
        Ingredients::new((0..count).map(model).collect()).unwrap()
    }

    fn tensors() -> impl Strategy<Value = Vec<(Dtype, usize)>> {
        let dtype = prop::sample::select(vec![Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64]);
        let size = prop_oneof![
            Just(0usize),
            1usize..20,
            (1usize..3, -2isize..3).prop_map(|(blocks, off)| (blocks * BLOCK).saturating_add_signed(off)),
        ];
        prop::collection::vec((dtype, size), 1..5)
    }

    /// A tree over `ids`: means of groups of up to `width`, nested up to `depth` levels.
    fn tree(ids: Vec<Average>, width: usize, depth: usize) -> Average {
        if depth == 0 || ids.len() <= width {
            return Average::Mean(ids);
        }
        tree(ids.chunks(width).map(|group| Average::Mean(group.to_vec())).collect(), width, depth - 1)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn bits_match_the_reference_mean(
            count in 1usize..=50, seed: u64, sizes in tensors(), width in 2usize..9, depth in 0usize..4,
        ) {
            let models = models(count, seed, &sizes);
            let average = tree(models.iter().map(|one| Average::Ingredient(one.id.clone())).collect(), width, depth);
            let expected = StateDict::from_tensors(reference(&average, &models));
            prop_assert_eq!(*models.weights(&average).unwrap().digest(), *expected.digest());
            for threads in [1, 2, 7] {
                let mean = mean(&models.node(&average).unwrap(), NonZero::new(threads).unwrap());
                prop_assert_eq!(mean.digest(), expected.digest(), "{} threads", threads);
            }
        }

        #[test]
        fn bits_of_a_running_mean_match_the_reference(count in 1usize..9, seed: u64, sizes in tensors()) {
            let models = models(count, seed, &sizes);
            let all: Vec<&StateDict> = models.iter().map(|one| &one.weights).collect();
            let expected = |n: usize| {
                let ids = models.iter().take(n).map(|one| Average::Ingredient(one.id.clone())).collect();
                *StateDict::from_tensors(reference(&Average::Mean(ids), &models)).digest()
            };
            let mut sum = Accumulator::new(all[0].clone());
            for (n, &one) in all.iter().enumerate().skip(1) {
                prop_assert_eq!(*sum.mean_with(one).digest(), expected(n + 1));
                sum.add(one);
            }
        }
    }
}
