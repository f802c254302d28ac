//! From a configuration to a graph of jobs.

mod column;
mod experiment;
mod forecast;
mod graph;
mod planned;
mod recover;

pub use column::{ColumnBase, OpenedColumn, StartWeights, TestImages};
pub use experiment::{Experiment, Table, Texts};
pub use forecast::{Chain, Forecast, Progress, Speed, forecast, longest_chain, time_left};
pub use graph::{Graph, HubResolver};
pub use planned::Plan;
pub use recover::Recovered;

pub(crate) use forecast::chains;
