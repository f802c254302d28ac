//! Calls of Slurm's commands.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use itertools::Itertools;

use crate::error::Error;

/// A line of `squeue`: a task, or an array whose tasks are not listed separately.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The task's id, such as `123_4`.
    pub id: String,
    /// The array's job number, such as `123`.
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
    /// Returns true if it waits, runs, or will do so again.
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

    pub fn is_running(&self) -> bool {
        matches!(
            self.state.as_str(),
            "RUNNING" | "COMPLETING" | "CONFIGURING" | "SUSPENDED" | "STOPPED" | "STAGE_OUT"
        )
    }
}

/// Lists this user's tasks that are in the queue or have just left it.
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

/// Returns id, state and exit code of tasks that have left the queue, such as `(123_4, FAILED,
/// 1:0)`. `None` if the site keeps no accounts.
pub(super) fn accounts(arrays: &BTreeSet<String>) -> Option<Vec<(String, String, String)>> {
    let jobs = format!("--jobs={}", arrays.iter().join(","));
    let options = ["--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode", &jobs];
    let text = call("sacct", &options, None).ok()?;
    let line = |line: &str| line.split('|').map(str::to_owned).next_tuple();
    Some(text.lines().filter_map(line).collect())
}

/// Submits a script, and returns the scheduler's number for it.
pub(super) fn submit(script: &str) -> Result<String, Error> {
    let answer = call("sbatch", &["--parsable"], Some(script))?;
    let id = answer.trim().split(';').next().unwrap_or_default();
    match id.parse::<u64>() {
        Ok(_) => Ok(id.to_owned()),
        Err(_) => Err(Error::Scheduler(format!("sbatch: expected a job number, found `{}`", answer.trim()))),
    }
}

/// Cancels arrays or tasks, running ones included.
pub(super) fn cancel(ids: &[String]) -> Result<(), Error> {
    // The length of a command line is limited.
    for ids in ids.chunks(500) {
        call("scancel", &ids.iter().map(String::as_str).collect::<Vec<_>>(), None)?;
    }
    Ok(())
}

/// Returns the largest number of tasks that an array may have at this site.
pub(super) fn largest_array() -> Result<usize, Error> {
    let text = call("scontrol", &["show", "config"], None)?;
    let value = text.lines().find_map(|line| {
        line.trim().strip_prefix("MaxArraySize")?.trim().strip_prefix('=')?.trim().parse::<usize>().ok()
    });
    Ok(value.unwrap_or(1001).saturating_sub(1).max(1))
}

/// What Slurm's commands say on a machine without a cluster.
const UNREACHABLE: [&str; 2] =
    ["Could not establish a configuration source", "Unable to contact slurm controller"];

/// Explains a command's message if no cluster answers it, and leaves others as they are.
fn explained(program: &str, message: String) -> String {
    match UNREACHABLE.iter().find(|text| message.contains(**text)) {
        Some(text) => format!(
            "{program}: expected a Slurm cluster, found none ({text})\n\
             hint: submit from a machine of the cluster, such as a login node"
        ),
        None => message,
    }
}

fn call(program: &str, arguments: &[&str], input: Option<&str>) -> Result<String, Error> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    // The formats that this module parses, whatever the user's environment sets.
    for variable in ["SQUEUE_FORMAT", "SQUEUE_FORMAT2", "SQUEUE_STATES", "SACCT_FORMAT", "SBATCH_ARRAY_INX"] {
        command.env_remove(variable);
    }
    command.env("SLURM_TIME_FORMAT", "standard").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Scheduler(format!(
            "`{program}` is not on the path\n\
             hint: submit from a machine that has Slurm's commands, such as a login node"
        )),
        _ => Error::Scheduler(format!("{program}: {error}")),
    })?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // If the program closes its input early, its exit status and stderr say why.
        let _ = stdin.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| Error::Scheduler(format!("{program}: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let message = if message.is_empty() { format!("{program}: {}", output.status) } else { message };
        Err(Error::Scheduler(explained(program, message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_does_not_answer_is_said_in_plain_words() {
        let raw = "scontrol: error: fetch_config: DNS SRV lookup failed\n\
            scontrol: fatal: Could not establish a configuration source";
        let text = explained("scontrol", raw.to_owned());
        assert!(text.starts_with("scontrol: expected a Slurm cluster, found none"), "{text}");
        assert!(text.contains("\nhint: submit from"), "{text}");
        assert_eq!(explained("sbatch", "sbatch: error: x".to_owned()), "sbatch: error: x");
    }
}
