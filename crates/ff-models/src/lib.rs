//! Backbones in tch, with timm's names, weights and initialisation.
//!
//! A [`Model`] takes a batch of 8-bit images, `[N, image_size, image_size, 3]`, and gives logits.
//! It is one of three families, each in a file that reads like its paper's figure: ResNet, DeiT (a
//! vision transformer) and VGG. Names and shapes of weights are timm's (VGG: torchvision's), so a
//! file written here loads there with `strict=True` and the other way round; the pico sizes are
//! ours, for tests and demonstrations.
//!
//! Weights are 32-bit floats whatever [`Precision`] computes; convolutions run channels-last.
//! Nothing draws from libtorch's generator: initial weights and dropout masks are functions of a
//! seed and a name.
//!
//! ```
//! use ff_models::{Architecture, Mode, Model, Precision, Spec};
//! use tch::{Device, Kind, Tensor};
//!
//! let spec = Spec { architecture: Architecture::RESNET_PICO, outputs: 7, image_size: 32, precision: Precision::Fp32 };
//! let model = Model::new(&spec, Device::Cpu, 0)?;
//! let images = Tensor::zeros([4, 32, 32, 3], (Kind::Uint8, Device::Cpu));
//! assert_eq!(model.forward(&images, Mode::Eval).size(), [4, 7]);
//! # Ok::<(), ff_models::Error>(())
//! ```

mod architecture;
mod backbone;
mod builder;
mod deit;
mod error;
mod init;
pub mod layers;
mod load;
mod model;
mod names;
mod parameters;
mod position;
mod precision;
mod random;
mod resnet;
mod spec;
mod table;
mod vgg;

pub use architecture::{Architecture, ImageSizes};
pub use backbone::{Backbone, Mode};
pub use builder::Builder;
pub use error::{Error, Mismatch, Misshapen};
pub use init::Init;
pub use load::Loaded;
pub use model::Model;
pub use parameters::{Parameter, ParameterKind, Parameters};
pub use precision::Precision;
pub use spec::{MAX_IMAGE_SIZE, Spec};
