//! Which models become a soup. A way to choose is a file here.

mod best;
mod hierarchy;
mod selector;

pub use best::NthBest;
pub use hierarchy::{Hierarchy, Policy};
pub use selector::Selector;
