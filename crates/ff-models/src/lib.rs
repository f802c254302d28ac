//! This crate builds ResNet, DeiT and VGG in tch, with timm's names, weights and initialisation.
//!
//! A [`Model`] takes a batch of 8-bit images, `[N, image_size, image_size, 3]`, and gives logits.
//! Names and shapes of weights are timm's (VGG: torchvision's), so a file written here loads there
//! with `strict=True` and the other way round. [`Model::load`] also takes names with a prefix
//! (`module.`, `backbone.`) and weights without a classifier, and [`Loaded`] says what it converted.
//! [`Identity`] tells what weights are before they are loaded. [`Architecture`] has a constant for each
//! network; the pico sizes are ours, for tests and demonstrations. [`Spec::cost`] counts a network's
//! weights and multiply-adds. [`Model::to_onnx`] makes an [ONNX file](onnx) that runs without
//! libtorch. [`Model::grad_cam`] shows where in an image the evidence for an output is. A network of
//! your own is a [`Backbone`] declared on a [`Builder`].
//!
//! Weights are 32-bit floats whatever [`Precision`] computes; convolutions run channels-last.
//! Initial weights and dropout masks are functions of a seed and a name: libtorch's generator is
//! not used.
//!
//! Weights from timm, and the logits of a batch:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use ff_models::tch::{Device, Kind, Tensor, no_grad};
//! use ff_models::{Architecture, Mode, Model, Spec, StateDict};
//!
//! let weights = StateDict::open(Path::new("resnet50.safetensors"))?;
//! let architecture = Architecture::RESNET50;
//! let spec = Spec::new(architecture, 1000);
//! let mut model = Model::new(&spec, Device::Cpu, 0)?;
//! model.load(&weights)?;
//! let images = Tensor::zeros([4, 224, 224, 3], (Kind::Uint8, Device::Cpu));
//! let logits = no_grad(|| model.forward(&images, Mode::Eval)); // [4, 1000]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Fresh weights, from a seed:
//!
//! ```
//! use ff_models::tch::{Device, Kind, Tensor};
//! use ff_models::{Architecture, Mode, Model, Spec};
//!
//! let architecture = Architecture::RESNET_PICO;
//! let spec = Spec::new(architecture, 7);
//! let model = Model::new(&spec, Device::Cpu, 0)?;
//! let images = Tensor::zeros([4, 32, 32, 3], (Kind::Uint8, Device::Cpu));
//! assert_eq!(model.forward(&images, Mode::Eval).size(), [4, 7]);
//! # Ok::<(), ff_models::Error>(())
//! ```

mod architecture;
mod backbone;
mod builder;
mod cost;
mod deit;
mod dropout;
mod error;
mod export;
mod grad_cam;
mod identify;
mod init;
pub mod layers;
mod load;
mod model;
mod names;
mod normalisation;
pub mod onnx;
mod parameters;
mod pooling;
mod position;
mod precision;
mod random;
mod resnet;
mod spec;
mod table;
mod tap;
mod timm_config;
mod vgg;

pub use architecture::{Architecture, ImageSizes};
pub use backbone::{Backbone, Convolutional, Mode};
pub use builder::Builder;
pub use cost::Cost;
pub use error::{Error, Mismatch, Misshapen};
pub use identify::Identity;
pub use init::Init;
pub use load::Loaded;
pub use model::Model;
pub use normalisation::Normalisation;
pub use parameters::{Parameter, ParameterKind, Parameters};
pub use precision::Precision;
pub use spec::{MAX_IMAGE_SIZE, Spec};
pub use tap::LayerInput;
pub use timm_config::TimmConfig;

/// Types of [`ff_checkpoint`] in this crate's signatures.
pub use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
/// The version of tch whose types are in this crate's signatures.
pub use tch;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
