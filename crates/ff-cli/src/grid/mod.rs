//! The commands of `ff-grid` that need a plan of a table or a runs folder.

mod begin;
mod beside;
mod clean;
mod doctor;
mod list;
mod options;
mod plan;
mod price;
mod progress;
mod run;
mod status;
mod time;
mod words;
mod work;

pub use clean::{CleanOptions, clean};
pub use doctor::{DoctorOptions, doctor};
pub use list::{ListOptions, list};
pub use options::TableOptions;
pub use plan::{PlanOptions, plan};
pub use run::{RunOptions, run};
pub use status::{cancel, status};
pub(crate) use words::counted;
pub use work::{WorkOptions, work};

/// Shows a table that any number of processes run.
pub fn watch(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = options::prepare(options, &crate::hub::find_cached)?;
    crate::watch::watch(&plan, &runs, options.json)
}
