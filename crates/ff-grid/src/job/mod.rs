//! Jobs as plain data: specifications, dependencies, and records of results.

mod cross_fit;
mod data;
mod forecast;
mod graph;
mod id;
mod inputs;
mod landscape;
mod names;
mod record;
mod select;
mod selector;
mod spec;

pub use cross_fit::{CrossFit, MOST_FOLDS, VerdictRecord};
pub use data::{DataIdentity, DataSource, EvalSplit};
pub use forecast::{ForecastRecord, Forecasted, PoolFilter};
pub use graph::{Cost, Job, Jobs};
pub use id::JobId;
pub use landscape::{
    Anchors, Axis, Corner, ErrorEvaluation, GreedyBarrier, PathRecord, PathSpec, PlaneRecord, PlaneSpec,
    RowSpec, SoupPlace, SurfaceRecord, SurfaceSpec,
};
pub use names::{RunFields, device_name, file_fields, group_fields};
pub use record::{JobOutput, LayerKernels, Record, SoupRecord};
pub use select::{Averages, BnStatistics, Diverged, Pool, Selection};
pub(crate) use selector::FIT_BN_IMAGES;
pub use spec::{ForecastSpec, ImportSpec, JobSpec, SoupSpec, Start, Training};

pub(crate) use landscape::steps;
pub(crate) use names::{AVERAGE, EMA, FILE, NO_EMA, VERSION, model_name};
