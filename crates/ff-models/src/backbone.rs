//! What every family gives: features, and logits from features.

use tch::Tensor;

/// How one forward pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// BatchNorm uses its running statistics and leaves them alone; no dropout. Gradients flow all
    /// the same, unless the caller is in `tch::no_grad`.
    Eval,
    /// BatchNorm uses the batch's statistics and updates the running ones (momentum 0.1); dropout
    /// (VGG) is on.
    Train {
        /// Decides the dropout masks, with the layer's name; libtorch's generator is not used. Give
        /// each step another.
        seed: u64,
    },
    /// BatchNorm uses the batch's statistics, and the running ones become the mean over the batches
    /// so far, as PyTorch's `update_bn` computes it for averaged weights; no dropout. To be called
    /// for one batch after another, without gradients.
    Recalibrate {
        /// Number of the batch, from 1; the first forgets what was there.
        batch: u32,
    },
}

/// A network in two parts, the trunk and the last layer, so that a linear probe can run the trunk
/// frozen.
pub trait Backbone: Send {
    /// What the last layer sees: normalised images fp32 `[N, 3, H, W]` to fp32 `[N, F]`.
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor;

    /// The last layer, in fp32: features `[N, F]` to logits `[N, outputs]`. VGG's last dropout
    /// belongs here.
    fn classify(&self, features: &Tensor, mode: Mode) -> Tensor;
}
