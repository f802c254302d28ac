//! The runs folder: records, claims, checks for damage, and lineage.

mod claim;
mod doctor;
mod failure;
mod lineage;
mod result_files;
mod runs;
mod settings;
mod tables;
mod trained_on;

pub use claim::{Claim, Claimed, Claims, Owner, owner_of};
pub use doctor::{Finding, Remedy, examine, repair};
pub use lineage::{Ancestor, FileStatus, SameJob, lineage};
pub use runs::{RunStore, read_record};
pub use settings::Settings;
pub use tables::{TableFolder, bytes_below, job_bytes, remove_folder, table_folder, tables};
pub use trained_on::{OTHER_SPLIT_HINT, other_split, trained_on};

pub(crate) use failure::{failure_of, forget_failure, note_failure};
pub(crate) use result_files::{ResultFiles, file_hash, remove_file};
pub(crate) use tables::note_jobs;
