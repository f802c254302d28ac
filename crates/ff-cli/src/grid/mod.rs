//! The commands of `ff-grid` that need a plan of a table or a runs folder.

mod beside;
mod doctor;
mod options;
mod plan;
mod price;
mod run;
mod status;
mod time;
mod words;
mod work;

pub use doctor::{DoctorOptions, doctor};
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
