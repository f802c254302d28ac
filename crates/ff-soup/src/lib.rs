//! This crate averages the weights of models and selects which models to average: model soups.
//!
//! [`Ingredients`] are models that can be averaged. The average of files is one line; it is written
//! atomically, with the digest and share of every file, so that [`verify`] can rebuild it:
//!
//! ```no_run
//! use ff_soup::Ingredients;
//!
//! let paths = ["a.safetensors", "b.safetensors", "c.safetensors"];
//! Ingredients::open(paths)?.average()?.save("soup.safetensors")?;
//! # Ok::<(), ff_soup::Error>(())
//! ```
//!
//! A [`Selector`] selects by scores on validation data. The [`Scorer`] may be a closure:
//!
//! ```no_run
//! use ff_soup::{Hierarchy, Ingredients, ScoreError, Selector, StateDict};
//!
//! # let images: Vec<u8> = Vec::new();
//! # fn accuracy(weights: &StateDict, images: &[u8]) -> Result<f64, ScoreError> {
//! #     Ok((weights.len() + images.len()) as f64)
//! # }
//! let models = Ingredients::open(["a.safetensors", "b.safetensors", "c.safetensors"])?;
//! let mut scorer = |weights: &StateDict| accuracy(weights, &images); // yours; higher is better
//! let soup = Hierarchy::greedy().select(&models, &mut scorer)?;
//! println!("{} scores {}", soup.average, soup.score);
//! models.build(&soup.average)?.save("soup.safetensors")?;
//! # Ok::<(), ff_soup::Error>(())
//! ```
//!
//! The result is a [`Soup`]: an [`Average`] of ingredients, its score, and a [`Decision`] for every
//! candidate. [`Hierarchy`] is the selector of both papers: uniform and greedy soups, Greedy of
//! Uniform, Greedy of Greedy, and any deeper tree over recipe fields. [`NthBest`] selects a single
//! model, [`Pruned`] leaves models out of the mean of all, [`MergeAll`] selects the settings of a merge
//! method, and [`Learned`] fits coefficients by the gradients of a [`Network`]. Where the mean is not
//! enough, a [`MergeMethod`] merges: one of [`METHODS`], or your own.
//!
//! [`geometry()`] gives the distances and angles between models, which show a model that is unlike the
//! others. [`Ingredients::combine`] gives the weights on a line or a [`Plane`] through models, and
//! [`Soup::greedy_steps`] the soup that a greedy selection compared each candidate with.
//!
//! Files are memory-mapped, and averages are accumulated in 64-bit floats, in one pass over one
//! file for each candidate. The crate is pure Rust and needs no libtorch.
//!
//! Sources: Wortsman et al. 2022, *Model soups*; Sanjeev et al. 2024, *FissionFusion*, §2.

mod accept;
mod average;
mod averaged_model;
mod combine;
mod decision;
mod error;
mod fit;
mod geometry;
mod ingredient;
mod merge;
mod network;
mod plane;
mod retrace;
mod scorer;
mod select;
mod soup;

pub use accept::Accept;
pub use average::{Average, Merged};
pub use averaged_model::AveragedModel;
pub use decision::Decision;
pub use error::{Error, ScoreError};
pub use fit::{Fit, FitEnd, FitEpoch};
pub use geometry::{Geometry, geometry};
pub use ingredient::{Ingredient, Ingredients};
pub use merge::{
    Block, Dare, DareRule, Fisher, LayerCoefficients, Line, Linear, METHODS, Mean, MergeKind, MergeMethod,
    Needs, Parts, Rebasin, RegMean, Statistics, Stock, TaskArithmetic, Tensor, Ties, UnitGroups,
    block_by_block, is_statistic,
};
pub use network::{Gradient, Network};
pub use plane::{Place, Plane, distances};
pub use retrace::GreedyStep;
pub use scorer::{Candidate, Scorer, Verdict};
pub use select::{Granularity, Hierarchy, Learned, MergeAll, NthBest, Policy, Pruned, Selector, SumRule};
pub use soup::{Soup, verify};

/// The error of files of weights, which [`Error::Checkpoint`] wraps.
pub use ff_checkpoint::Error as CheckpointError;
/// Types of [`ff_checkpoint`] in this crate's signatures.
pub use ff_checkpoint::{Digest, OwnedTensor, Parent, Provenance, StateDict, TensorRef};
/// The version of serde_json whose values are in recipes and in settings of merge methods.
pub use serde_json;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
