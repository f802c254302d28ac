//! From a configuration to a graph of jobs.

mod columns;
mod forecast;
mod graph;
mod inmerge;
mod landscape;
mod planned;
mod recover;
mod soups;

pub use columns::{Column, HubResolver, MethodJobs, OodScore, SeedJobs};
pub use forecast::{Chain, Forecast, Speed, forecast, longest_chain};
pub use landscape::{LandscapeJobs, PathJob};
pub use planned::{Plan, PlannedTable};

pub(crate) use forecast::chains;
