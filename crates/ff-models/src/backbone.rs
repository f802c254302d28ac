//! The interface of a network: features from images, logits from features.

use tch::Tensor;

/// The mode of a forward pass: evaluation, training or recomputing BatchNorm statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// BatchNorm uses its running statistics and does not update them; no dropout. Gradients are
    /// computed unless the caller is in `tch::no_grad`.
    Eval,
    /// BatchNorm uses the batch's statistics and updates the running ones (momentum 0.1); dropout
    /// (VGG) is on.
    Train {
        /// Seed of the dropout masks, together with the layer's name; libtorch's generator is not
        /// used. Use a different seed for each step.
        seed: u64,
    },
    /// BatchNorm uses the batch's statistics and leaves the running ones as they are; no dropout.
    Batch,
    /// BatchNorm uses the batch's statistics, and the running ones become the mean over the batches
    /// so far, as PyTorch's `update_bn` computes it for averaged weights; no dropout. Call it for
    /// one batch after another, without gradients.
    Recalibrate {
        /// Number of the batch, from 1. Batch 1 discards the earlier statistics.
        batch: u32,
    },
}

/// A network in two parts, the trunk and the last layer, so that a linear probe can freeze the
/// trunk.
pub trait Backbone: Send {
    /// Computes the last layer's input: normalised images, fp32 `[N, 3, H, W]`, to features, fp32
    /// `[N, F]`.
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor;

    /// Applies the last layer, in fp32: features `[N, F]` to logits `[N, outputs]`. It includes
    /// VGG's last dropout.
    fn classify(&self, features: &Tensor, mode: Mode) -> Tensor;
}
