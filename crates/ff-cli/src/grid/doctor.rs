//! `ff-grid doctor`: damage in a runs folder.

use anyhow::bail;
use clap::Args;
use ff_grid::{Claims, Finding, Remedy, RunConfig, examine};

use super::options::{GIVE_RUNS, existing_runs};
use super::words::counted;
use crate::options::RunsOption;

/// A runs folder, and whether to repair it.
#[derive(Args)]
pub struct DoctorOptions {
    #[command(flatten)]
    runs: RunsOption,
    /// Move damaged files to RUNS/set-aside; the next run makes them again
    #[arg(long)]
    repair: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks every file in a runs folder, prints the findings, and repairs them if asked to.
pub fn doctor(options: &DoctorOptions) -> anyhow::Result<()> {
    let (runs, &DoctorOptions { repair, json, .. }) = (existing_runs(&options.runs, GIVE_RUNS)?, options);
    let findings = examine(&runs)?;
    if repair {
        ff_grid::repair(&runs, &Claims::new(RunConfig::default().lease(), "none"), &findings)?;
    }
    if json {
        crate::output::print_json(&serde_json::json!({"findings": findings, "repaired": repair}))?;
    } else {
        for Finding { path, trouble, remedy } in &findings {
            let remedy = match (remedy, repair) {
                (Remedy::Wait, _) => "left alone, since a process is using it",
                (Remedy::RunAgain, false) => "to set aside; the next run repeats the job",
                (Remedy::RunAgain, true) => "set aside; the next run repeats the job",
                (Remedy::SetAside, false) => "to set aside",
                (Remedy::SetAside, true) => "set aside",
                (Remedy::Remove, false) => "to remove",
                (Remedy::Remove, true) => "removed",
            };
            let trouble = trouble.lines().next().unwrap_or_default();
            crate::output::print(&format!("{}: {trouble}\n  {remedy}\n", path.display()))?;
        }
    }
    let troubles = findings.iter().filter(|finding| finding.remedy != Remedy::Wait).count();
    match (troubles as u64, repair) {
        (0, _) => crate::output::say("no damage found"),
        (troubles, true) => crate::output::say(&format!("{} repaired", counted(troubles, "finding"))),
        (troubles, false) => {
            bail!("{}\nhint: --repair applies the remedy below each finding", counted(troubles, "finding"))
        }
    }
    Ok(())
}
