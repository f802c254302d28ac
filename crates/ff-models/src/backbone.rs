//! The interface of a network: features from images, logits from features.

use tch::Tensor;

use crate::onnx::Graph;

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

    /// Adds the network in `Mode::Eval` to an ONNX graph: from the value of normalised images,
    /// `[N, 3, image_size, image_size]` for any N, to that of logits, `[N, outputs]`, whose name it
    /// returns. The layers of [`layers`](crate::layers) have an `onnx` of their own. `None`, unless
    /// it is implemented: the network has no ONNX form.
    fn onnx(&self, graph: &mut Graph, images: &str) -> Option<String> {
        let _ = (graph, images);
        None
    }

    /// Returns the network as one that can be explained by its last feature map; `None` for a
    /// network without such a map.
    fn convolutional(&self) -> Option<&dyn Convolutional> {
        None
    }
}

/// A trunk in two parts, before and after its last feature map, so that
/// [`Model::grad_cam`](crate::Model::grad_cam) can weight the map's channels.
///
/// [`Backbone::features`] is [`features_of`](Self::features_of) [`feature_map`](Self::feature_map).
pub trait Convolutional {
    /// Computes the last feature map: normalised images, fp32 `[N, 3, H, W]`, to `[N, C, h, w]` in
    /// the model's precision.
    fn feature_map(&self, images: &Tensor, mode: Mode) -> Tensor;

    /// Computes features, fp32 `[N, F]`, from the map, which it leaves unchanged.
    fn features_of(&self, map: &Tensor, mode: Mode) -> Tensor;
}
