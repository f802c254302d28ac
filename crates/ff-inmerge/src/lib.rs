//! This crate merges similar kernels of a convolutional network while it trains (InMerge).
//!
//! Merging regularises the network and costs nothing at inference (Wang et al., In-Model Merging
//! for Enhancing the Robustness of Medical Imaging Classification Models, Algorithm 1).
//!
//! Before each training step's forward pass, and never in validation, every kernel Kᵢ of every
//! convolution beyond the first [`shallow_layers`](InMerge::shallow_layers) is, with probability
//! [`merge_probability`](InMerge::merge_probability), compared with another kernel Kⱼ of its layer,
//! drawn uniformly. If the cosine of the two, as vectors, exceeds
//! [`similarity_threshold`](InMerge::similarity_threshold), then Kᵢ ← α Kᵢ + (1 − α) Kⱼ with α =
//! [`merge_weight`](InMerge::merge_weight). All similarities and all Kⱼ are those of before the
//! step's merges. Biases, BatchNorm and the optimizer's momentum do not change.
//!
//! The crate needs no model type and no training loop: a [`Merger`] takes the weights of the
//! convolutions, in forward order. In a loop of your own:
//!
//! ```
//! use ff_inmerge::tch::nn::{self, OptimizerConfig};
//! use ff_inmerge::tch::{Device, Kind, Tensor};
//! use ff_inmerge::{InMerge, Merger};
//!
//! let store = nn::VarStore::new(Device::Cpu);
//! let convolutions = [
//!     nn::conv2d(store.root() / "first", 3, 8, 3, Default::default()),
//!     nn::conv2d(store.root() / "second", 8, 8, 3, Default::default()),
//! ];
//! let mut optimizer = nn::sgd(0.9, 0.0, 0.0, false).build(&store, 0.01)?;
//! let config = InMerge { shallow_layers: 1, ..InMerge::default() };
//! let mut merger = Merger::new(config, 0, convolutions.len())?;
//! for step in 1..=10 {
//!     merger.merge(step, convolutions.iter().map(|layer| &layer.ws));
//!     let images = Tensor::randn([4, 3, 8, 8], (Kind::Float, Device::Cpu));
//!     let output = images.apply(&convolutions[0]).relu().apply(&convolutions[1]);
//!     optimizer.backward_step(&output.square().mean(Kind::Float)); // your loss
//! }
//! let layers = merger.take_stats(); // one entry for each convolution that merges
//! assert_eq!(layers.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod config;
mod error;
mod kernels;
mod merger;
mod plan;
mod stats;

pub use config::{InMerge, Pairs};
pub use error::Error;
pub use kernels::{DUPLICATE_SIMILARITY, KernelStats, Similarities};
pub use merger::Merger;
pub use stats::{MergeCounts, MergeStats};

/// The version of tch whose types are in this crate's signatures.
pub use tch;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
