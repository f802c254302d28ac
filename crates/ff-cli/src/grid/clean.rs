//! `ff-grid clean`: removes what no table of a runs folder needs.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use ff_grid::{Claims, RunConfig, RunStore, TableFolder, bytes_below, job_bytes, remove_folder, tables};
use indicatif::HumanBytes;

use super::options::{GIVE_RUNS, existing_runs};
use super::words::counted;
use crate::options::RunsOption;
use crate::output::{print, print_json, say};

/// A runs folder, and what to remove from it.
#[derive(Args)]
pub struct CleanOptions {
    #[command(flatten)]
    runs: RunsOption,
    /// Remove this table too, by the name of its folder; may be repeated
    #[arg(long, value_name = "NAME")]
    table: Vec<String>,
    /// Remove the cached images and hashes too; the next run makes them again
    #[arg(long)]
    cache: bool,
    /// Remove without asking
    #[arg(long)]
    yes: bool,
    /// Print JSON, and remove only with --yes
    #[arg(long)]
    json: bool,
}

/// Folders to remove, with their bytes.
struct Unneeded(Vec<(PathBuf, u64)>);

impl Unneeded {
    fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Prints what no kept table needs, asks, and removes it.
///
/// # Errors
/// A table without a list of its jobs, since they would be removed; a name that no table has; no
/// terminal to ask on; folders that cannot be removed.
pub fn clean(options: &CleanOptions) -> anyhow::Result<()> {
    let runs = existing_runs(&options.runs, GIVE_RUNS)?;
    let [dropped, jobs] = unneeded(options, &runs)?;
    let cache = if options.cache { bytes_below(&runs.root().join("cache"))? } else { 0 };
    let bytes = dropped.bytes() + jobs.bytes() + cache;
    if options.json {
        let names = |of: &Unneeded| of.0.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        print_json(&serde_json::json!({
            "tables": names(&dropped), "jobs": names(&jobs), "cache_bytes": cache, "bytes": bytes,
            "removed": options.yes
        }))?;
    } else {
        let of_tables =
            dropped.0.iter().map(|(path, bytes)| format!("{}: {}\n", path.display(), HumanBytes(*bytes)));
        let number = counted(jobs.0.len() as u64, "job");
        let mut text = of_tables.collect::<String>();
        text += &format!("{number} that no other table needs: {}\n", HumanBytes(jobs.bytes()));
        if options.cache {
            text += &format!("cache of images and hashes: {}\n", HumanBytes(cache));
        }
        print(&text)?;
    }
    if bytes == 0 && jobs.0.is_empty() && dropped.0.is_empty() {
        say("nothing to remove");
        return Ok(());
    }
    if !options.yes && (options.json || !asked(bytes)?) {
        return Ok(());
    }
    remove(&runs, &dropped, &jobs, options.cache)
}

/// Returns the tables that are named, and the jobs that only they or no table need.
fn unneeded(options: &CleanOptions, runs: &RunStore) -> anyhow::Result<[Unneeded; 2]> {
    let (dropped, kept): (Vec<TableFolder>, Vec<_>) =
        tables(runs)?.into_iter().partition(|table| options.table.contains(&table.name()));
    if let Some(name) = options.table.iter().find(|name| !dropped.iter().any(|table| table.name() == **name))
    {
        let known: Vec<String> = kept.iter().map(TableFolder::name).collect();
        bail!("--table {name}: expected one of {}, found no such table", known.join(", "));
    }
    if let Some(table) = kept.iter().find(|table| table.jobs.is_none()) {
        bail!(
            "{}: expected a list of the table's jobs (jobs.json), found none, so its jobs would be removed\n\
             hint: run its configuration again, which repeats no finished job and writes the list, or remove \
             it too with --table {}",
            table.path.display(),
            table.name()
        );
    }
    let needed: BTreeSet<&PathBuf> = kept.iter().flat_map(|table| table.jobs.iter().flatten()).collect();
    let mut jobs = Vec::from_iter(job_bytes(runs)?);
    jobs.retain(|(job, _)| !needed.contains(job));
    let dropped = dropped.into_iter().map(|table| (table.path, table.bytes)).collect();
    let jobs = jobs.into_iter().map(|(job, bytes)| (runs.root().join(job), bytes)).collect();
    Ok([Unneeded(dropped), Unneeded(jobs)])
}

/// Asks on the terminal.
fn asked(bytes: u64) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("expected a terminal to ask on, found none\nhint: --yes removes without asking");
    }
    eprint!("remove {}? [y/N] ", HumanBytes(bytes));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Removes tables, then jobs: an interruption leaves jobs of no table, which the next call removes.
fn remove(runs: &RunStore, dropped: &Unneeded, jobs: &Unneeded, cache: bool) -> anyhow::Result<()> {
    let claims = Claims::new(RunConfig::default().lease(), "none");
    let mut freed = 0;
    for (folder, bytes) in dropped.0.iter().chain(&jobs.0) {
        match remove_folder(&claims, folder)? {
            true => freed += bytes,
            false => say(&format!("{}: kept, since a process is running in it", folder.display())),
        }
    }
    if cache {
        freed += clear(&runs.root().join("cache"))?;
    }
    say(&format!("removed {}", HumanBytes(freed)));
    Ok(())
}

fn clear(folder: &Path) -> anyhow::Result<u64> {
    let bytes = bytes_below(folder)?;
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{}: cannot be removed", folder.display()))
        }
        _ => Ok(bytes),
    }
}
