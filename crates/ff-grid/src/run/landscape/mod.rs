//! Errors between models: on the plane through three models, on the path between two, between a
//! greedy soup and its candidates, and halfway from each model of a pool to the best.
//!
//! An error is 1 minus the dataset's metric on its validation split. The test split is not used.
//!
//! Sources: Garipov et al. 2018, *Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs*;
//! Frankle et al. 2020, *Linear Mode Connectivity and the Lottery Ticket Hypothesis*; Sanjeev et
//! al. 2024, *FissionFusion*, Fig. 1 and appendix B1.

mod evaluator;
mod forecast;
mod greedy_barriers;
mod path;
mod plane;

pub(super) use forecast::forecast;
pub(super) use greedy_barriers::greedy_barriers;
pub(super) use path::path;
pub(super) use plane::{plane, row, surface};
