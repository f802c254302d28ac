//! Update rules that libtorch computes in one pass over the memory.

use std::ffi::{c_char, c_void};

use tch::{Kind, Tensor};

use crate::call::{check, handles};

unsafe extern "C" {
    fn ff_torch_fused_adamw(
        weights: *const *const c_void,
        gradients: *const *const c_void,
        means: *const *const c_void,
        squares: *const *const c_void,
        steps: *const *const c_void,
        count: usize,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
    ) -> *mut c_char;
    fn ff_torch_fused_sgd(
        weights: *const *const c_void,
        gradients: *const *const c_void,
        momenta: *const *const c_void,
        count: usize,
        momentum: f64,
        weight_decay: f64,
        lr: f64,
    ) -> *mut c_char;
}

/// The constants of a step of AdamW.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// Learning rate.
    pub lr: f64,
    /// Decay rates of the first and the second moment.
    pub betas: [f64; 2],
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Added to the denominator.
    pub eps: f64,
}

/// Does one step of AdamW, `torch.optim.AdamW(fused=True)`, for each weight. `moments` are the
/// first and the second moments; `step` is a scalar f32, the number of this step from 1. All
/// tensors are f32, contiguous and on one device; those that belong together have equal shapes.
///
/// # Panics
/// On other lists or tensors.
pub fn fused_adamw(
    rule: AdamW,
    weights: &[&Tensor],
    gradients: &[&Tensor],
    moments: [&[&Tensor]; 2],
    step: &Tensor,
) {
    let AdamW { lr, betas: [beta1, beta2], weight_decay, eps } = rule;
    let [means, squares] = moments;
    let count = length(&[weights, gradients, means, squares]);
    assert!(step.kind() == Kind::Float && step.dim() == 0, "a scalar f32 of steps");
    let [weights, gradients, means, squares] = [weights, gradients, means, squares].map(handles);
    let steps = handles(&vec![step; count]);
    // SAFETY: each list has `count` tensors, which outlive the call.
    check(unsafe {
        ff_torch_fused_adamw(
            weights.as_ptr(),
            gradients.as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            steps.as_ptr(),
            count,
            lr,
            beta1,
            beta2,
            weight_decay,
            eps,
        )
    });
}

/// Does one step of SGD, `torch.optim.SGD(fused=True)`, for each weight: no dampening, no Nesterov.
/// `momenta` start as zeros. All tensors are f32, contiguous and on one device; those that belong
/// together have equal shapes.
///
/// # Panics
/// On other lists or tensors.
pub fn fused_sgd(
    weights: &[&Tensor],
    gradients: &[&Tensor],
    momenta: &[&Tensor],
    momentum: f64,
    weight_decay: f64,
    lr: f64,
) {
    let count = length(&[weights, gradients, momenta]);
    let [weights, gradients, momenta] = [weights, gradients, momenta].map(handles);
    // SAFETY: as in `fused_adamw`.
    check(unsafe {
        ff_torch_fused_sgd(
            weights.as_ptr(),
            gradients.as_ptr(),
            momenta.as_ptr(),
            count,
            momentum,
            weight_decay,
            lr,
        )
    });
}

/// Checks that lists have one length, and returns it.
fn length(lists: &[&[&Tensor]]) -> usize {
    let length = lists[0].len();
    assert!(lists.iter().all(|list| list.len() == length), "lists of one length");
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adamw_moves_by_the_learning_rate_first() {
        // The first step of Adam is the learning rate times the gradient's sign, after the decay.
        let tensors = |values: &[f32]| Tensor::from_slice(values);
        let (weight, gradient) = (tensors(&[1.0, -2.0]), tensors(&[0.5, -3.0]));
        let (mean, square) = (weight.zeros_like(), weight.zeros_like());
        let step = Tensor::from(1f32);
        let rule = AdamW { lr: 0.1, betas: [0.9, 0.999], weight_decay: 0.5, eps: 1e-8 };
        fused_adamw(rule, &[&weight], &[&gradient], [&[&mean], &[&square]], &step);
        for (at, expected) in [(0, 1.0 * 0.95 - 0.1), (1, -2.0 * 0.95 + 0.1)] {
            assert!((weight.double_value(&[at]) - expected).abs() < 1e-6, "{weight:?}");
        }
    }

    #[test]
    #[should_panic(expected = "lists of one length")]
    fn lists_of_several_lengths_are_refused() {
        let weight = Tensor::from_slice(&[1f32]);
        fused_sgd(&[&weight], &[], &[], 0.9, 0.0, 0.1);
    }

    #[test]
    #[should_panic(expected = "tensors of one shape")]
    fn tensors_of_several_shapes_are_refused() {
        let [weight, gradient] = [[1f32].as_slice(), &[1.0, 2.0]].map(Tensor::from_slice);
        fused_sgd(&[&weight], &[&gradient], &[&weight.zeros_like()], 0.9, 0.0, 0.1);
    }

    #[test]
    #[should_panic(expected = "contiguous f32")]
    fn tensors_with_gaps_are_refused() {
        let weight = Tensor::zeros([2, 2], (Kind::Float, tch::Device::Cpu)).transpose(0, 1);
        fused_sgd(&[&weight], &[&weight], &[&weight], 0.9, 0.0, 0.1);
    }
}
