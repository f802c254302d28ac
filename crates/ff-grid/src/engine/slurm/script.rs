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
        let options: String = self.options.iter().map(|option| format!(" {}", quoted(option))).collect();
        let folder = quoted(&self.folder.display().to_string());
        let most = self.cluster.most_turns;
        write!(
            text,
            r#"program= over=
# Its time is nearly over: it keeps what it has done, and goes on in its next turn.
trap 'over=yes; [[ $program ]] && kill -TERM "$program"' USR1
# It is cancelled, or has to make room: Slurm tells the program too, and it is waited for.
trap : TERM
{setup}{program} work --batch {folder} --array {at} --task "$SLURM_ARRAY_TASK_ID"{options} &
program=$!
[[ $over ]] && kill -TERM "$program"
# A signal ends the waiting, not the program.
while [[ $(jobs -pr) ]]; do wait "$program"; done
wait "$program"; code=$?
# 143: it was told before it could listen.
if [[ $over ]] && ((code == {STOPPED} || code == 143)); then
    if ((${{SLURM_RESTART_COUNT:-0}} < {most})); then
        echo "back into the queue, to go on" >&2
        scontrol requeue "$SLURM_JOB_ID"
    else
        echo "error: it has had {most} turns and is not done; \`most_turns\` may allow more, or \`time\` a longer one" >&2
    fi
fi
exit "$code"
"#,
            setup = self.cluster.setup.iter().map(|line| format!("{line}\n")).collect::<String>(),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// How a script ended whose program does so, and what it asked of `scontrol`; `signals` are sent to both, or to the
    /// script alone.
    fn run(program: &str, signals: &[(&str, bool)], turns: u32) -> (i32, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let executable = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        executable("scontrol", &format!("echo \"$@\" > {}", folder.path().join("asked").display()));
        let ready = folder.path().join("ready");
        let program =
            executable("program", &program.replace("READY", &format!("echo $$ > {}", ready.display())));
        let cluster = ClusterConfig { most_turns: 3, ..ClusterConfig::default() };
        let program = program.display().to_string();
        let script = Script { cluster: &cluster, folder: folder.path(), program: &program, options: &[] };
        let array =
            Array { kind: "soup".into(), tasks: BTreeMap::from([(0, vec![])]), after: vec![], nice: 0 };
        let path = executable("script", &script.text(0, "name", &array, |_| String::new()));
        let path_variable = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let child = Command::new("bash")
            .arg(path)
            .env("PATH", path_variable)
            .env("SLURM_JOB_ID", "7")
            .env("SLURM_ARRAY_TASK_ID", "0")
            .env("SLURM_RESTART_COUNT", turns.to_string())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        for (signal, both) in signals {
            while !ready.exists() {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(50));
            let mut kill = Command::new("kill");
            kill.args([*signal, &child.id().to_string()]);
            if *both {
                kill.arg(std::fs::read_to_string(&ready).unwrap().trim());
            }
            kill.status().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap_or_default();
        (output.status.code().unwrap(), asked, String::from_utf8(output.stderr).unwrap())
    }

    const LISTENS: &str = "trap 'exit 75' TERM; READY; while :; do sleep 0.05; done";
    const DEAF: &str = "READY; exec sleep 20";

    #[test]
    fn a_task_ends_as_its_program_does() {
        for code in [0, 1, 75] {
            assert_eq!(run(&format!("exit {code}"), &[], 0), (code, String::new(), String::new()));
        }
    }

    #[test]
    fn shortly_before_its_end_it_goes_back_into_the_queue() {
        let (code, asked, _) = run(LISTENS, &[("-USR1", false)], 0);
        assert_eq!((code, asked.as_str()), (75, "requeue 7\n"));
        // It may be told before it can listen.
        let (code, asked, _) = run(DEAF, &[("-USR1", false)], 0);
        assert_eq!((code, asked.as_str()), (143, "requeue 7\n"));
        let (code, asked, said) = run(LISTENS, &[("-USR1", false)], 3);
        assert_eq!((code, asked.as_str()), (75, ""));
        assert!(said.contains("it has had 3 turns"), "{said}");
    }

    #[test]
    fn one_that_is_cancelled_does_not() {
        assert_eq!(run(LISTENS, &[("-TERM", true)], 0).1, "");
        let (code, asked, _) = run(DEAF, &[("-TERM", true)], 0);
        assert_eq!((code, asked.as_str()), (143, ""));
    }

    #[test]
    fn a_script_begins_with_what_the_scheduler_reads() {
        let cluster = ClusterConfig {
            partition: Some("gpu".into()),
            gpus: Some(1),
            time: Some("4:00:00".into()),
            extra: vec!["--constraint=a100".into()],
            setup: vec!["module load cuda".into()],
            program: None,
            ..ClusterConfig::default()
        };
        let options = ["--device".to_owned(), "it's".to_owned()];
        let script = Script {
            cluster: &cluster,
            folder: Path::new("/runs/a b"),
            program: "ff-grid",
            options: &options,
        };
        let tasks = [0, 1, 2, 5, 7, 8].map(|number| (number, vec![]));
        let after = vec![After::All(0), After::Same(1), After::Some(2, vec![4, 6])];
        let array = Array { kind: "fgg".into(), tasks: BTreeMap::from(tasks), after, nice: 3 };
        let text = script.text(9, "ff-x.009-fgg", &array, |array| (100 + array).to_string());
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        for line in [
            "#SBATCH --array=0-2,5,7-8",
            "#SBATCH --dependency=afterok:100,aftercorr:101,afterok:102_4:102_6",
            "#SBATCH --output='/runs/a b/logs/%x_%a.log'",
            "#SBATCH --gres=gpu:1",
            "#SBATCH --time=4:00:00",
            "#SBATCH --nice=3",
            "#SBATCH --constraint=a100",
        ] {
            assert!(head.contains(&line), "no `{line}` in:\n{text}");
        }
        let line = r#"ff-grid work --batch '/runs/a b' --array 9 --task "$SLURM_ARRAY_TASK_ID" --device 'it'\''s' &"#;
        assert!(text.contains(&format!("module load cuda\n{line}\n")), "{text}");
    }
}
