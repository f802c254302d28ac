//! Selection of the models of a soup. Each selector is a file of this folder.

mod best;
mod hierarchy;
mod selector;

pub use best::NthBest;
pub use hierarchy::{Hierarchy, Policy};
pub use selector::Selector;
