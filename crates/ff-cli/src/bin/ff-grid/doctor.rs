//! `ff-grid doctor`.

use std::path::Path;

use anyhow::bail;
use ff_grid::{Claims, Finding, Remedy, RunConfig, RunStore, examine};

use crate::plan::counted;

/// Looks for damage.
pub fn doctor(root: &Path, repair: bool, json: bool) -> anyhow::Result<()> {
    if !root.is_dir() {
        bail!("{}: expected a runs folder, found none", root.display());
    }
    let runs = RunStore::new(root);
    let findings = examine(&runs)?;
    if repair {
        ff_grid::repair(&runs, &Claims::new(RunConfig::default().lease(), "none"), &findings)?;
    }
    if json {
        ff_cli::print_json(&serde_json::json!({"findings": findings, "repaired": repair}))?;
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
            ff_cli::print(&format!("{}: {trouble}\n  {remedy}\n", path.display()))?;
        }
    }
    let troubles = findings.iter().filter(|finding| finding.remedy != Remedy::Wait).count();
    match (troubles as u64, repair) {
        (0, _) => ff_cli::say("nothing is damaged"),
        (troubles, true) => ff_cli::say(&format!("{} repaired", counted(troubles, "finding"))),
        (troubles, false) => {
            bail!("{}\nhint: --repair does what stands below each", counted(troubles, "finding"))
        }
    }
    Ok(())
}
