//! The size of a network: its weights, and the multiply-adds of a forward pass.

use std::cell::Cell;

use tch::{Device, Kind, Tensor, no_grad};

use crate::backbone::Mode;
use crate::builder::Builder;
use crate::error::Error;
use crate::spec::Spec;

/// The size of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Trained numbers, without BatchNorm's statistics.
    pub weights: u64,
    /// Multiply-adds of a forward pass of one image: those of convolutions, of linear layers and of
    /// the two products of matrices in attention. timm's model cards count the same ("GMACs"), as
    /// fvcore does; PyTorch's `FlopCounterMode` counts two operations for each.
    pub multiply_adds: u64,
}

impl Spec {
    /// Counts the weights and the multiply-adds of a network, without values or arithmetic. Products
    /// that a [`Backbone`](crate::Backbone) of your own computes without a layer of
    /// [`layers`](crate::layers) are not counted, and its layers must take a batch of no images, as
    /// libtorch's do.
    ///
    /// ```
    /// use ff_models::{Architecture, Spec};
    ///
    /// let cost = Spec::new(Architecture::RESNET50, 1000).cost()?;
    /// assert_eq!((cost.weights, cost.multiply_adds), (25_557_032, 4_089_184_256));
    /// # Ok::<(), ff_models::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn cost(&self) -> Result<Cost, Error> {
        self.check()?;
        let mut builder = Builder::new(self.image_size, self.outputs, self.precision, Device::Cpu, None);
        let backbone = (self.architecture.build)(&mut builder);
        let side = i64::from(self.image_size);
        // The products of no images have the shapes of those of an image, and no elements.
        let images = Tensor::empty([0, 3, side, side], (Kind::Float, Device::Cpu));
        let multiply_adds = counted(|| {
            no_grad(|| drop(backbone.classify(&backbone.features(&images, Mode::Eval), Mode::Eval)));
        });
        let weights = builder.parameters.trainable().map(|parameter| parameter.tensor.numel() as u64).sum();
        Ok(Cost { weights, multiply_adds })
    }
}

thread_local! {
    /// The multiply-adds so far of the layers that compute on this thread, while they are counted.
    static COUNT: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Returns the multiply-adds of each image in a forward pass on this thread.
fn counted(forward: impl FnOnce()) -> u64 {
    COUNT.set(Some(0));
    forward();
    COUNT.take().unwrap_or_default().unsigned_abs()
}

/// Adds the multiply-adds of each image of a batch, if this thread counts.
pub(crate) fn count(multiply_adds: impl FnOnce() -> i64) {
    if let Some(sum) = COUNT.get() {
        COUNT.set(Some(sum + multiply_adds()));
    }
}

/// Adds those of a layer: each of its outputs, `[N, …]`, is a sum of as many products as the weight,
/// `[outputs, …]`, has elements for each output.
pub(crate) fn count_layer(output: &Tensor, weight: &Tensor) {
    let of_each = |tensor: &Tensor| tensor.size()[1..].iter().product::<i64>();
    count(|| of_each(output) * of_each(weight));
}
