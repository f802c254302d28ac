//! Which weights to average, and averaging them.
//!
//! A [`Selector`] looks at [`Ingredients`] through a [`Scorer`] (anything that can tell how good a
//! set of weights is on validation data) and returns a [`Soup`]: a [`Average`] of ingredients, its
//! score, and the record of every [`Decision`]. [`Hierarchy`] is the selector of both papers:
//! uniform and greedy soups, Greedy of Uniform, Greedy of Greedy, and any deeper tree over recipe
//! fields.
//!
//! [`Ingredients::combine`] gives the weights on a line or a [`Plane`] through models, and
//! [`Soup::greedy_steps`] what a greedy soup was made of when it tried a candidate.
//!
//! Pure Rust over memory-mapped files: no PyTorch. Averages are accumulated in 64-bit floats, one
//! pass over one file for each candidate.
//!
//! Sources: Wortsman et al. 2022, *Model soups*; Sanjeev et al. 2024, *FissionFusion*, §2.

mod accept;
mod accumulator;
mod average;
mod combine;
mod decision;
mod error;
mod ingredient;
mod merge;
mod plane;
mod retrace;
mod scorer;
mod select;
mod soup;

pub use accept::Accept;
pub use average::{Average, Merged};
pub use decision::Decision;
pub use error::{Error, ScoreError};
pub use ingredient::{Ingredient, Ingredients};
pub use merge::{METHODS, Mean, MergeKind, MergeMethod, TensorParts, tensor_by_tensor};
pub use plane::{Place, Plane, distances};
pub use retrace::GreedyStep;
pub use scorer::{Candidate, Scorer, Verdict};
pub use select::{Hierarchy, NthBest, Policy, Selector};
pub use soup::{Soup, verify};
