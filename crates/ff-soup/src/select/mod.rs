//! Selection of the models of a soup. Each selector is a file of this folder.

mod best;
mod hierarchy;
mod learned;
mod merge_all;
mod pruned;
mod selector;

pub use best::NthBest;
pub use hierarchy::{Hierarchy, Policy};
pub use learned::{Granularity, Learned, SumRule};
pub use merge_all::MergeAll;
pub use pruned::Pruned;
pub use selector::Selector;
