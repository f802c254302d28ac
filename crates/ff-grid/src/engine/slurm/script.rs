//! The text that the scheduler is given.

use std::fmt::Write;
use std::path::Path;

use super::arrays::{After, Array};
use crate::{ClusterConfig, Resources};

/// What stands in every script of a batch.
pub(super) struct Script<'a> {
    pub cluster: &'a ClusterConfig,
    /// The batch's folder.
    pub folder: &'a Path,
    /// `ff-grid` on a compute node, as a shell takes it.
    pub program: &'a str,
    /// Options for it.
    pub options: &'a [String],
}

impl Script<'_> {
    /// The script of the `at`th array, named so. `number` is the scheduler's of an array before it.
    pub fn text(&self, at: usize, name: &str, array: &Array, number: impl Fn(usize) -> String) -> String {
        let Resources { partition, account, qos, time, gpus, cpus, memory, extra, .. } =
            self.cluster.resources(&array.kind);
        let mut text = "#!/bin/bash\n".to_owned();
        let mut option = |option: &str| writeln!(text, "#SBATCH {option}").expect("a string");
        option(&format!("--job-name={name}"));
        option(&format!("--array={}", ranges(array.tasks.keys().copied())));
        if let Some(after) = dependency(&array.after, number) {
            option(&format!("--dependency={after}"));
        }
        option("--kill-on-invalid-dep=yes");
        option(&format!(
            "--output={}",
            quoted(&self.folder.join("logs").join("%x_%a.log").display().to_string())
        ));
        option("--open-mode=append");
        option("--requeue");
        option(&format!("--signal=B:USR1@{}", self.cluster.notice_seconds));
        option("--ntasks=1");
        option(&format!("--nice={}", array.nice));
        for (name, value) in [
            ("partition", partition),
            ("account", account),
            ("qos", qos),
            ("time", time),
            ("gres", gpus.filter(|&gpus| gpus > 0).map(|gpus| format!("gpu:{gpus}"))),
            ("cpus-per-task", cpus.map(|cpus| cpus.to_string())),
            ("mem", memory),
        ] {
            if let Some(value) = value {
                option(&format!("--{name}={value}"));
            }
        }
        extra.iter().flatten().for_each(|line| option(line));
        for line in &self.cluster.setup {
            writeln!(text, "{line}").expect("a string");
        }
        let options: String = self.options.iter().map(|option| format!(" {}", quoted(option))).collect();
        let folder = quoted(&self.folder.display().to_string());
        let most = self.cluster.most_turns;
        write!(
            text,
            r#"{program} work --batch {folder} --array {at} --task "$SLURM_ARRAY_TASK_ID"{options} &
program=$!
# Its time is nearly over: it keeps what it has done, and goes on in its next turn.
trap 'over=yes; kill -TERM "$program"' USR1
# It is cancelled, or has to make room: Slurm tells the program too, and it is waited for.
trap : TERM
wait "$program"; code=$?
# A signal ends the waiting, not the program.
while ((code == 138 || code == 143)); do
    wait "$program"; last=$?
    ((last == 127)) && break
    code=$last
done
if [[ ${{over-}} && $code == {STOPPED} ]]; then
    if ((${{SLURM_RESTART_COUNT:-0}} < {most})); then
        echo "back into the queue, to go on" >&2
        scontrol requeue "$SLURM_JOB_ID"
    else
        echo "error: it has had {most} turns and is not done; `most_turns` may allow more, or `time` a longer one" >&2
    fi
fi
exit "$code"
"#,
            program = self.program,
            STOPPED = super::Task::STOPPED,
        )
        .expect("a string");
        text
    }
}

/// `0-3,5`.
fn ranges(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |&(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// What is waited for, as the scheduler writes it.
fn dependency(after: &[After], number: impl Fn(usize) -> String) -> Option<String> {
    let list =
        |tasks: &std::collections::BTreeSet<String>| tasks.iter().cloned().collect::<Vec<_>>().join(":");
    let one = |after: &After| match after {
        After::All(array) => format!("afterok:{}", number(*array)),
        After::Some(array, tasks) => {
            let array = number(*array);
            let tasks: Vec<String> = tasks.iter().map(|task| format!("{array}_{task}")).collect();
            format!("afterok:{}", tasks.join(":"))
        }
        After::Same(array) => format!("aftercorr:{}", number(*array)),
        After::Ended(array) => format!("afterany:{}", number(*array)),
        After::Queued(tasks) => format!("afterok:{}", list(tasks)),
        After::QueuedEnded(tasks) => format!("afterany:{}", list(tasks)),
    };
    (!after.is_empty()).then(|| after.iter().map(one).collect::<Vec<_>>().join(","))
}

/// For a shell, and for the scheduler's own lines, which take quotes too.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,%@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
