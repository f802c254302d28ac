//! Counts of comparisons and merges.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// The merges of one layer since the last call of
/// [`Merger::take_stats`](crate::Merger::take_stats).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeStats {
    /// The convolution, counted from 1 in forward order.
    pub layer: usize,
    /// Number of kernels of the layer; 0 if no step was done.
    pub kernels: usize,
    /// Kernels that were compared with another, over all steps.
    #[serde(alias = "tried")]
    pub compared: u64,
    /// Kernels that were merged, over all steps.
    pub merged: u64,
    /// Mean similarity of the pairs that were compared, without NaN; `None` if there are none.
    pub mean_similarity: Option<f64>,
}

/// The state of one layer's counts, for a run that resumes between two calls of
/// [`Merger::take_stats`](crate::Merger::take_stats).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeCounts {
    kernels: usize,
    #[serde(alias = "tried")]
    compared: u64,
    /// As [`Counter::sums`].
    sums: Option<[f64; 3]>,
}

/// Counts on the weights' device. They are read only on request, so that counting does not wait for
/// a GPU.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) kernels: usize,
    compared: u64,
    /// `[merged, similarities that are numbers, their sum]`, 64-bit floats: exact for counts up to
    /// 2⁵³.
    sums: Option<Tensor>,
}

impl Counter {
    pub(crate) fn add(&mut self, similarities: &Tensor, merged: &Tensor) {
        self.compared += similarities.numel() as u64;
        let numbers = similarities.isnan().logical_not().sum(Kind::Double);
        let sum = similarities.nansum(&[0i64][..], false, Kind::Double);
        let found = Tensor::stack(&[merged.sum(Kind::Double), numbers, sum], 0);
        self.sums = Some(match &self.sums {
            Some(sums) => sums.to_device(found.device()) + found,
            None => found,
        });
    }

    pub(crate) fn take(&mut self, layer: usize) -> MergeStats {
        let MergeCounts { kernels, compared, sums } = std::mem::take(self).counts();
        let [merged, numbers, sum] = sums.unwrap_or([0.0; 3]);
        let mean_similarity = (numbers > 0.0).then(|| sum / numbers);
        MergeStats { layer, kernels, compared, merged: merged as u64, mean_similarity }
    }

    pub(crate) fn counts(&self) -> MergeCounts {
        let on_host =
            |sums: &Tensor| Vec::<f64>::try_from(sums.to_device(Device::Cpu)).expect("64-bit floats");
        let sums = self.sums.as_ref().map(|sums| on_host(sums).try_into().expect("three of them"));
        MergeCounts { kernels: self.kernels, compared: self.compared, sums }
    }
}

impl From<MergeCounts> for Counter {
    fn from(MergeCounts { kernels, compared, sums }: MergeCounts) -> Self {
        Self { kernels, compared, sums: sums.map(|sums| Tensor::from_slice(&sums)) }
    }
}
