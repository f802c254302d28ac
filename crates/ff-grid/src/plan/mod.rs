//! Plans: the graph of jobs of an experiment, its forecast, and the recovery of its records.

mod column;
mod forecast;
mod graph;
mod planned;
mod recover;

pub use column::{ColumnBase, ColumnHead, OpenedColumn, StartWeights};
pub use forecast::{Chain, Forecast, Progress, Speed, forecast, longest_chain, time_left};
pub use graph::{Graph, HubResolver};
pub use planned::{Experiment, Plan, Records, Table, TableReport, Texts};
pub use recover::Recovered;

pub(crate) use forecast::chains;
