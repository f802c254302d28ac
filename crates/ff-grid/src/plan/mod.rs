//! Plans: the graph of jobs of an experiment, its cost, and the recovery of its records.

mod column;
mod disk;
mod forecast;
mod graph;
mod planned;
mod recover;
mod speed;

pub use column::{ColumnBase, ColumnHead, OpenedColumn, StartWeights};
pub use disk::{DiskSpace, disk_space};
pub use forecast::{Chain, Forecast, Progress, forecast, longest_chain, time_left};
pub use graph::{Graph, HubResolver};
pub use planned::{Experiment, Plan, Records, Table, TableReport, Texts};
pub use recover::Recovered;
pub use speed::{Rates, Speed, networks};

pub(crate) use forecast::chains;
