//! Which weights to average, and averaging them.
//!
//! A [`Selector`] looks at [`Ingredients`] through a [`Scorer`] (anything that can tell how good a set of
//! weights is on validation data) and returns a [`Soup`]: a [`Average`] of ingredients, its score, and the record
//! of every [`Decision`]. [`Hierarchy`] is the selector of both papers: uniform and greedy soups, Greedy of
//! Uniform, Greedy of Greedy, and any deeper tree over recipe fields.
//!
//! [`Ingredients::combine`] gives the weights on a line or a [`Plane`] through models, and [`Soup::greedy_steps`] what a greedy
//! soup was made of when it tried a candidate.
//!
//! Pure Rust over memory-mapped files: no PyTorch. Averages are accumulated in 64-bit floats, one pass over
//! one file for each candidate.
//!
//! Sources: Wortsman et al. 2022, *Model soups*; Sanjeev et al. 2024, *FissionFusion*, §2.

mod accumulator;
mod average;
mod best;
mod combine;
mod decision;
mod error;
mod hierarchy;
mod ingredient;
mod mean;
mod plane;
mod retrace;
mod scorer;
mod soup;

pub use accumulator::Accumulator;
pub use average::Average;
pub use best::{Best, NthBest};
pub use decision::Decision;
pub use error::Error;
pub use hierarchy::{Accept, Hierarchy, Policy};
pub use ingredient::{Ingredient, Ingredients};
pub use plane::{Place, Plane, distances};
pub use retrace::GreedyStep;
pub use scorer::{Candidate, ScoreError, Scorer, Selector, Verdict};
pub use soup::{Soup, verify};
