//! Merges the kernels of one layer at one step.
//!
//! Similarities are products of listed pairs of rows. libtorch computes these on every device,
//! without copying a row, as the gradient of `embedding_bag`'s sample weights. On the CPU only the
//! kernels that merge are written. On a GPU all kernels that were compared are written, most of
//! them with their old values, since reading which ones merge would wait for the device.

use tch::{Device, Kind, Tensor};

use crate::config::{InMerge, Pairs};
use crate::plan::MergePlan;
use crate::stats::Counter;

/// Merges the kernels of a convolution in place: weights `[outputs, …]` of any memory layout and
/// float type.
pub(crate) fn apply(
    weight: &Tensor,
    [kernels, partners]: &PairTensors,
    config: &InMerge,
    counter: &mut Counter,
) {
    if kernels.numel() == 0 {
        return;
    }
    let (mut rows, shared) = rows(weight);
    let similarities = similarities(&rows, kernels, partners);
    // No comparison holds for NaN, so a kernel of NaN is never merged and never spreads.
    let chosen = match config.pairs {
        Pairs::Similar => similarities.gt(config.similarity_threshold),
        Pairs::Dissimilar => similarities.le(config.similarity_threshold),
    };
    counter.add(&similarities, &chosen);
    match weight.device() {
        // Few kernels merge, and reading which ones costs nothing on the CPU.
        Device::Cpu => merge_chosen(&mut rows, kernels, partners, &chosen, config.merge_weight),
        _ => merge_masked(&mut rows, kernels, partners, &chosen, config.merge_weight),
    }
    if !shared {
        weight.shallow_clone().copy_(&rows.view_as(weight));
    }
}

/// Returns the kernels as rows `[outputs, length]`, fp32 or fp64, and whether the rows are the
/// weights' own memory, as they are for contiguous and channels-last weights of these types. The
/// order of the numbers in a row has no effect.
fn rows(weight: &Tensor) -> (Tensor, bool) {
    let (weight, outputs) = (weight.detach(), weight.size()[0]);
    let wide = matches!(weight.kind(), Kind::Float | Kind::Double);
    if wide && weight.is_contiguous() {
        return (weight.view([outputs, -1]), true);
    }
    if wide && weight.dim() == 4 {
        let channels_last = weight.permute([0, 2, 3, 1]);
        if channels_last.is_contiguous() {
            return (channels_last.view([outputs, -1]), true);
        }
    }
    let kind = if wide { weight.kind() } else { Kind::Float };
    (weight.to_kind(kind).contiguous().view([outputs, -1]), false)
}

/// The kernels of a layer that are compared and the partner of each, `[pairs]` i64 on the device.
pub(crate) type PairTensors = [Tensor; 2];

/// Moves the pairs of all layers to the device at once. From pinned memory the copy does not wait
/// for the device.
pub(crate) fn pairs(plans: &[MergePlan], device: Device) -> Vec<PairTensors> {
    let lists: Vec<&[i64]> = plans.iter().flat_map(|plan| [&plan.kernels[..], &plan.partners]).collect();
    let host = Tensor::from_slice(&lists.concat());
    let all = match device {
        Device::Cpu => host,
        // tch's `pin_memory` passes a device that libtorch has deprecated, and warns each time.
        _ => host.internal_pin_memory(device).to_device_(device, Kind::Int64, true, false),
    };
    let lengths: Vec<i64> = lists.iter().map(|list| list.len() as i64).collect();
    let mut parts = all.split_with_sizes(&lengths, 0).into_iter();
    plans.iter().map(|_| [(); 2].map(|()| parts.next().expect("two lists a plan"))).collect()
}

/// Computes the cosines of pairs of rows, several times faster than from gathered rows.
fn similarities(rows: &Tensor, kernels: &Tensor, partners: &Tensor) -> Tensor {
    let left = Tensor::cat(&[kernels, kernels, partners], 0);
    let right = Tensor::cat(&[partners, kernels, partners], 0);
    let (sum_mode, no_padding) = (0, -1);
    let no_offsets = left.narrow(0, 0, 0); // `left` already lists the row of each product
    let products = Tensor::internal_embedding_bag_per_sample_weights_backward(
        rows,
        rows,
        &right,
        &no_offsets,
        &left,
        sum_mode,
        no_padding,
    );
    let of = products.chunk(3, 0);
    cosine(&of[0], &of[1], &of[2])
}

/// Computes cosines from the products of two vectors with each other and with themselves; 0 where
/// one of them is zero.
fn cosine(product: &Tensor, own: &Tensor, other: &Tensor) -> Tensor {
    let norms = own.sqrt() * other.sqrt();
    let zero = norms.eq(0.0);
    // Rounding must not carry equal kernels beyond 1.
    (product / norms).clamp(-1.0, 1.0).masked_fill(&zero, 0.0)
}

/// Merges on the CPU: writes only the chosen kernels.
fn merge_chosen(rows: &mut Tensor, kernels: &Tensor, partners: &Tensor, chosen: &Tensor, merge_weight: f64) {
    let chosen = chosen.nonzero().view([-1]);
    let (kernels, partners) = (kernels.index_select(0, &chosen), partners.index_select(0, &chosen));
    // Both are copied before anything is written: every source is the kernel before this step's
    // merges.
    let (own, others) = (rows.index_select(0, &kernels), rows.index_select(0, &partners));
    let _ = rows.index_copy_(0, &kernels, &others.lerp(&own, merge_weight));
}

/// Merges on a GPU: writes all kernels that were compared, those that are not chosen with their old
/// values.
fn merge_masked(rows: &mut Tensor, kernels: &Tensor, partners: &Tensor, chosen: &Tensor, merge_weight: f64) {
    let (own, others) = (rows.index_select(0, kernels), rows.index_select(0, partners));
    let merged = others.lerp(&own, merge_weight);
    let _ = rows.index_copy_(0, kernels, &merged.where_self(&chosen.unsqueeze(1), &own));
}

#[cfg(test)]
mod tests;
