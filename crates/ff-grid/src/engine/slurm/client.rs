//! The scheduler's programs.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use itertools::Itertools;

use crate::error::Error;

/// A task, or an array whose tasks have not been told apart, as the queue shows it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// `123_4`.
    pub id: String,
    /// The array's number among all of the scheduler's jobs: `123`.
    pub array: String,
    /// The task's number in its array.
    pub task: Option<u32>,
    /// The array's name.
    pub name: String,
    pub state: String,
    pub reason: String,
    pub starts: String,
    pub ends: String,
    pub node: String,
}

impl Row {
    /// Whether it waits, runs, or will do so again.
    pub fn is_live(&self) -> bool {
        const OVER: [&str; 10] = [
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "TIMEOUT",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "BOOT_FAIL",
            "DEADLINE",
            "REVOKED",
            "LAUNCH_FAILED",
        ];
        !OVER.contains(&self.state.as_str())
    }

    pub fn is_at_work(&self) -> bool {
        matches!(
            self.state.as_str(),
            "RUNNING" | "COMPLETING" | "CONFIGURING" | "SUSPENDED" | "STOPPED" | "STAGE_OUT"
        )
    }
}

/// Everything of this user in the queue, and what has just left it.
pub(super) fn queue() -> Result<Vec<Row>, Error> {
    const FORMAT: &str = "--format=%i|%F|%K|%T|%S|%e|%N|%j|%r";
    let text = call("squeue", &["--me", "--array", "--states=all", "--noheader", FORMAT], None)?;
    Ok(text.lines().filter_map(row).collect())
}

fn row(line: &str) -> Option<Row> {
    let fields = line.splitn(9, '|').map(str::to_owned);
    let (id, array, task, state, starts, ends, node, name, reason) = fields.collect_tuple()?;
    Some(Row { id, array, task: task.parse().ok(), name, state, reason, starts, ends, node })
}

/// How tasks that have left the queue ended: `(123_4, FAILED, 1:0)`. Sites may keep no accounts.
pub(super) fn accounts(arrays: &BTreeSet<String>) -> Option<Vec<(String, String, String)>> {
    let jobs = format!("--jobs={}", arrays.iter().join(","));
    let options = ["--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode", &jobs];
    let text = call("sacct", &options, None).ok()?;
    let line = |line: &str| line.split('|').map(str::to_owned).next_tuple();
    Some(text.lines().filter_map(line).collect())
}

/// Sends off a script; the scheduler's number for it.
pub(super) fn send(script: &str) -> Result<String, Error> {
    let answer = call("sbatch", &["--parsable"], Some(script))?;
    let id = answer.trim().split(';').next().unwrap_or_default();
    match id.parse::<u64>() {
        Ok(_) => Ok(id.to_owned()),
        Err(_) => {
            Err(Error::Scheduler(format!("sbatch: expected a job's number, found `{}`", answer.trim())))
        }
    }
}

/// Takes arrays or tasks out of the queue, and ends those that run.
pub(super) fn cancel(ids: &[String]) -> Result<(), Error> {
    // A command line may hold so many.
    for ids in ids.chunks(500) {
        call("scancel", &ids.iter().map(String::as_str).collect::<Vec<_>>(), None)?;
    }
    Ok(())
}

/// The most tasks that an array may have here.
pub(super) fn largest_array() -> Result<usize, Error> {
    let text = call("scontrol", &["show", "config"], None)?;
    let value = text.lines().find_map(|line| {
        line.trim().strip_prefix("MaxArraySize")?.trim().strip_prefix('=')?.trim().parse::<usize>().ok()
    });
    Ok(value.unwrap_or(1001).saturating_sub(1).max(1))
}

fn call(program: &str, arguments: &[&str], input: Option<&str>) -> Result<String, Error> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    // Formats and times as they are read here, whatever the user has set.
    for variable in ["SQUEUE_FORMAT", "SQUEUE_FORMAT2", "SQUEUE_STATES", "SACCT_FORMAT", "SBATCH_ARRAY_INX"] {
        command.env_remove(variable);
    }
    command.env("SLURM_TIME_FORMAT", "standard").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Scheduler(format!(
            "`{program}` is not on the path\n\
             hint: a table is sent to Slurm from a machine that has Slurm's commands, such as a login node"
        )),
        _ => Error::Scheduler(format!("{program}: {error}")),
    })?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // One that hangs up says why on its way out.
        let _ = stdin.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| Error::Scheduler(format!("{program}: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let words = if words.is_empty() { format!("{program}: {}", output.status) } else { words };
        Err(Error::Scheduler(words))
    }
}
