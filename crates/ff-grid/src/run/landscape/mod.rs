//! Errors between models: over the plane through three, along the path between two, and around a
//! greedy soup.
//!
//! An error is 1 less the dataset's metric, on its validation part; the test part is not looked at.
//!
//! Sources: Garipov et al. 2018, *Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs*;
//! Frankle et al. 2020, *Linear Mode Connectivity and the Lottery Ticket Hypothesis*; Sanjeev et
//! al. 2024, *FissionFusion*, Fig. 1 and appendix B1.

mod evaluator;
mod greedy_barriers;
mod path;
mod plane;

pub(super) use greedy_barriers::greedy_barriers;
pub(super) use path::path;
pub(super) use plane::{plane, row, surface};
