//! Similarity and redundancy of a layer's kernels.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Kernels whose cosine exceeds this count as duplicates of each other.
pub const DUPLICATE_SIMILARITY: f64 = 0.95;

/// Bins of [`Similarities::histogram`], each 0.1 wide.
const BINS: i64 = 20;

/// Statistics of how redundant a layer's kernels are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelStats {
    /// Number of kernels.
    pub kernels: usize,
    /// Exponential of the entropy of the singular values, scaled to sum to 1, of the matrix whose
    /// rows are the kernels (Roy and Vetterli 2007, The effective rank): from 1, if all kernels are
    /// multiples of one, to the smaller side of the matrix. `None` if the weights are all zero or
    /// not all finite.
    pub effective_rank: Option<f64>,
    /// Share of the kernels, 0 to 1, that have a duplicate: another kernel with a cosine above
    /// [`DUPLICATE_SIMILARITY`].
    pub duplicate_share: f64,
}

/// The cosines of all pairs of a layer's kernels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Similarities {
    /// Number of kernels.
    pub kernels: usize,
    /// Number of pairs, each counted once: kernels × (kernels − 1) / 2.
    pub pairs: u64,
    /// Mean cosine of the pairs. It and the next two are `None` if there are no pairs.
    pub mean: Option<f64>,
    /// Highest cosine.
    pub highest: Option<f64>,
    /// Share of the pairs, 0 to 1, with a cosine above the threshold.
    pub share_above: Option<f64>,
    /// Number of pairs in each of 20 bins of width 0.1 from −1 to 1; the last bin includes 1.
    pub histogram: Vec<u64>,
}

impl KernelStats {
    /// Computes the statistics of a convolution's weights, `[outputs, …]`.
    pub fn of(weight: &Tensor) -> Self {
        tch::no_grad(|| {
            let rows = rows(weight);
            let kernels = rows.size()[0];
            let duplicates = match kernels {
                0 | 1 => 0,
                _ => {
                    let alike = cosines(&rows).fill_diagonal_(0.0, false).gt(DUPLICATE_SIMILARITY);
                    alike.any_dim(1, false).sum(Kind::Int64).int64_value(&[])
                }
            };
            Self {
                kernels: kernels as usize,
                effective_rank: effective_rank(&rows),
                duplicate_share: duplicates as f64 / (kernels as f64).max(1.0),
            }
        })
    }
}

impl Similarities {
    /// Computes the cosines of a convolution's weights, `[outputs, …]`, and the share above
    /// `threshold`. A kernel of zeros has similarity 0 to every other.
    pub fn of(weight: &Tensor, threshold: f64) -> Self {
        tch::no_grad(|| {
            let rows = rows(weight);
            let kernels = rows.size()[0];
            let places = Tensor::triu_indices(kernels, kernels, 1, (Kind::Int64, Device::Cpu));
            let pairs = cosines(&rows).index(&[Some(places.get(0)), Some(places.get(1))]);
            let count = pairs.numel() as u64;
            let some = |value: &dyn Fn() -> Tensor| (count > 0).then(|| value().double_value(&[]));
            Self {
                kernels: kernels as usize,
                pairs: count,
                mean: some(&|| pairs.mean(Kind::Double)),
                highest: some(&|| pairs.max()),
                share_above: some(&|| pairs.gt(threshold).mean(Kind::Double)),
                histogram: histogram(&pairs),
            }
        })
    }
}

/// Returns kernels as rows, in 64 bits on the CPU: many GPUs have few units for 64 bits, and the
/// matrices are small.
fn rows(weight: &Tensor) -> Tensor {
    weight.detach().to_device(Device::Cpu).to_kind(Kind::Double).flatten(1, -1).contiguous()
}

fn cosines(rows: &Tensor) -> Tensor {
    let norms = rows.square().sum_dim_intlist(&[1i64][..], true, Kind::Double).sqrt();
    let directions = (rows / &norms).masked_fill(&norms.eq(0.0), 0.0);
    directions.matmul(&directions.tr()).clamp(-1.0, 1.0)
}

fn histogram(cosines: &Tensor) -> Vec<u64> {
    let mut counts = vec![0; BINS as usize];
    for cosine in Vec::<f64>::try_from(cosines.contiguous()).expect("64-bit floats") {
        // NaN falls into no bin.
        if cosine >= -1.0 {
            counts[(((cosine + 1.0) * BINS as f64 / 2.0) as usize).min(BINS as usize - 1)] += 1;
        }
    }
    counts
}

/// Computes the effective rank from the smaller Gram matrix, whose eigenvalues are the squares of
/// the singular values.
fn effective_rank(rows: &Tensor) -> Option<f64> {
    let finite = rows.isfinite().all().int64_value(&[]) == 1;
    if !finite || rows.numel() == 0 {
        return None;
    }
    let [outputs, length] = rows.size()[..] else { return None };
    let gram = if outputs <= length { rows.matmul(&rows.tr()) } else { rows.tr().matmul(rows) };
    let singular = gram.linalg_eigvalsh("L").clamp_min(0.0).sqrt();
    let sum = singular.sum(Kind::Double).double_value(&[]);
    (sum > 0.0).then(|| {
        let share = singular / sum;
        (-share.xlogy(&share).sum(Kind::Double)).exp().double_value(&[])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(kernels: &[[f32; 4]]) -> Tensor {
        Tensor::from_slice(&kernels.concat()).view([kernels.len() as i64, 1, 2, 2])
    }

    #[test]
    fn equal_directions_are_of_rank_one_and_duplicates() {
        let stats =
            KernelStats::of(&layer(&[[1.0, 2.0, 0.0, 0.0], [2.0, 4.0, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0]]));
        assert!((stats.effective_rank.unwrap() - 1.0).abs() < 1e-6, "{stats:?}");
        assert_eq!((stats.kernels, stats.duplicate_share), (3, 1.0));
    }

    #[test]
    fn orthogonal_kernels_of_one_length_are_of_full_rank() {
        let stats =
            KernelStats::of(&layer(&[[0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [3.0, 0.0, 0.0, 0.0]]));
        assert!((stats.effective_rank.unwrap() - 3.0).abs() < 1e-6, "{stats:?}");
        assert_eq!(stats.duplicate_share, 0.0);
        // Singular values 3 and 1: shares 3/4 and 1/4, of entropy 0.5623.
        let two = KernelStats::of(&layer(&[[3.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]));
        assert!((two.effective_rank.unwrap() - 0.562_335_144_6_f64.exp()).abs() < 1e-6, "{two:?}");
    }

    #[test]
    fn zero_and_nan_weights_have_no_rank() {
        assert_eq!(KernelStats::of(&layer(&[[0.0; 4]; 2])).effective_rank, None);
        assert_eq!(KernelStats::of(&layer(&[[f32::NAN; 4], [1.0; 4]])).effective_rank, None);
        let one = KernelStats::of(&layer(&[[1.0, 0.0, 0.0, 0.0]]));
        assert_eq!((one.kernels, one.duplicate_share), (1, 0.0));
    }

    #[test]
    fn similarities_count_each_pair_once() {
        let weights =
            layer(&[[1.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]);
        let found = Similarities::of(&weights, 0.3);
        assert_eq!((found.kernels, found.pairs, found.highest), (4, 6, Some(1.0)));
        assert_eq!(found.share_above, Some(1.0 / 6.0));
        assert!((found.mean.unwrap() - (1.0 - 2.0) / 6.0).abs() < 1e-12);
        let mut expected = vec![0; 20];
        (expected[0], expected[10], expected[19]) = (2, 3, 1);
        assert_eq!(found.histogram, expected);
        let alone = Similarities::of(&layer(&[[1.0; 4]]), 0.3);
        assert_eq!((alone.pairs, alone.mean, alone.share_above), (0, None, None));
    }
}
