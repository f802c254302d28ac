//! In-model merging (InMerge): similar kernels of one convolutional network are merged during
//! training, which regularises it and costs nothing at inference (Wang et al., In-Model Merging for
//! Enhancing the Robustness of Medical Imaging Classification Models, Algorithm 1).
//!
//! Before each training step's forward pass, and never in validation, every kernel Kᵢ of every
//! convolution beyond the first [`shallow_layers`](InMerge::shallow_layers) is, with probability
//! [`merge_probability`](InMerge::merge_probability), compared with another kernel Kⱼ of its layer,
//! drawn uniformly. If the cosine of the two, as vectors, exceeds
//! [`similarity_threshold`](InMerge::similarity_threshold), then Kᵢ ← α Kᵢ + (1 − α) Kⱼ with α =
//! [`merge_weight`](InMerge::merge_weight). All similarities and all Kⱼ are those of before the
//! step's merges. Biases, BatchNorm and the optimizer's momentum are not touched.
//!
//! The crate knows of no model and no training loop. It is given the weights of the convolutions,
//! in forward order:
//!
//! ```
//! use ff_inmerge::{InMerge, Merger, Pairs};
//! use tch::{Device, Kind, Tensor};
//!
//! let convolutions: Vec<Tensor> = (0..3).map(|_| Tensor::randn([8, 4, 3, 3], (Kind::Float, Device::Cpu))).collect();
//! let config = InMerge {
//!     shallow_layers: 1,
//!     merge_weight: 0.8,
//!     merge_probability: 0.3,
//!     similarity_threshold: 0.3,
//!     pairs: Pairs::Similar,
//! };
//! let mut merger = Merger::new(config, 0, convolutions.len())?;
//! for step in 1..=10 {
//!     merger.merge(step, &convolutions); // then forward, backward, the optimizer's step
//! }
//! let of_layers = merger.take_stats();
//! assert_eq!(of_layers.len(), 2);
//! # Ok::<(), ff_inmerge::Error>(())
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
