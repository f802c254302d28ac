//! `ff-grid doctor`.

use anyhow::bail;
use clap::Args;
use ff_grid::{Claims, Finding, Remedy, RunConfig, RunStore, examine};

use super::plan::counted;
use crate::options::RunsOption;

/// A runs folder, and what becomes of damage.
#[derive(Args)]
pub struct DoctorOptions {
    #[command(flatten)]
    runs: RunsOption,
    /// Set what is damaged aside (RUNS/set-aside), so that the next run makes just that again
    #[arg(long)]
    repair: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks for damage.
pub fn doctor(options: &DoctorOptions) -> anyhow::Result<()> {
    let (root, &DoctorOptions { repair, json, .. }) = (&options.runs.runs, options);
    if !root.is_dir() {
        bail!("{}: expected a runs folder, found none", root.display());
    }
    let runs = RunStore::new(root);
    let findings = examine(&runs)?;
    if repair {
        ff_grid::repair(&runs, &Claims::new(RunConfig::default().lease(), "none"), &findings)?;
    }
    if json {
        crate::output::print_json(&serde_json::json!({"findings": findings, "repaired": repair}))?;
    } else {
        for Finding { path, trouble, remedy } in &findings {
            let remedy = match (remedy, repair) {
                (Remedy::Wait, _) => "left alone",
                (Remedy::RunAgain, false) => "to be set aside, and the job run again",
                (Remedy::RunAgain, true) => "set aside; the next run does the job again",
                (Remedy::SetAside, false) => "to be set aside",
                (Remedy::SetAside, true) => "set aside",
                (Remedy::Remove, false) => "to be removed",
                (Remedy::Remove, true) => "removed",
            };
            let trouble = trouble.lines().next().unwrap_or_default();
            crate::output::print(&format!("{}: {trouble}\n  {remedy}\n", path.display()))?;
        }
    }
    let troubles = findings.iter().filter(|finding| finding.remedy != Remedy::Wait).count();
    match (troubles as u64, repair) {
        (0, _) => crate::output::say("nothing is damaged"),
        (troubles, true) => crate::output::say(&format!("{} repaired", counted(troubles, "finding"))),
        (troubles, false) => {
            bail!("{}\nhint: --repair does what stands below each", counted(troubles, "finding"))
        }
    }
    Ok(())
}
