//! The batch scripts for sbatch.
//!
//! The script and not the program asks the queue to requeue a task whose time limit is near: a
//! program in a container has no scheduler commands.

use std::fmt::Write;
use std::path::Path;

use itertools::Itertools;

use super::arrays::{After, Array};
use super::task::BatchTask;
use crate::config::{ClusterConfig, Resources};

/// The settings that all scripts of a batch share.
pub(super) struct Script<'a> {
    pub cluster: &'a ClusterConfig,
    /// The batch's folder.
    pub folder: &'a Path,
    /// The command of `ff-grid` on a compute node, quoted for a shell.
    pub program: &'a str,
    /// Command-line options for it.
    pub options: &'a [String],
}

impl Script<'_> {
    /// Writes the script of the array with index `at`. `number` returns the scheduler's number of
    /// an earlier array.
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
        let most = self.cluster.max_requeues;
        write!(
            text,
            r#"program= over= signalled=
# SIGUSR1: the time limit is near. The program writes a resume point and stops; below, the task is
# requeued.
trap 'signalled=yes over=yes; [[ $program ]] && kill -TERM "$program" 2>/dev/null' USR1
# SIGTERM: the task is cancelled or preempted. Slurm signals the program too; wait for its end.
trap signalled=yes TERM
{setup}{program} work --batch {folder} --array {at} --task "$SLURM_ARRAY_TASK_ID"{options} &
program=$!
[[ $over ]] && kill -TERM "$program" 2>/dev/null
# A signal interrupts `wait` and not the program. `kill -0` asks the kernel: if the program ends just
# as a signal arrives, bash may lose its status, and `jobs` then lists it as running forever.
while kill -0 "$program" 2>/dev/null; do wait "$program"; done
trap '' USR1 TERM
# Twice: a pending signal interrupts the first.
wait "$program"; wait "$program"; code=$?
trap : USR1 TERM
# A lost status counts as 143. Finished jobs are on record.
if [[ $signalled ]] && ((code < 0 || code == 127)); then code=143; fi
# {STOPPED}: the program stopped at a signal and can resume. 143: it received the signal before it
# handled signals.
if [[ $over ]] && ((code == {STOPPED} || code == 143)); then
    if ((${{SLURM_RESTART_COUNT:-0}} < {most})); then
        echo "requeued; the next start resumes" >&2
        scontrol requeue "$SLURM_JOB_ID"
    else
        echo "error: not finished after {most} requeues" >&2
        echo "hint: raise \`time\` or \`max_requeues\`" >&2
    fi
fi
exit "$code"
"#,
            setup = self.cluster.setup.iter().map(|line| format!("{line}\n")).collect::<String>(),
            program = self.program,
            STOPPED = BatchTask::STOPPED,
        )
        .expect("a string");
        text
    }
}

/// Writes task numbers as ranges, such as `0-3,5`.
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
    ranges.iter().map(range).join(",")
}

/// Writes dependencies in the scheduler's form, such as `afterok:100,aftercorr:101`.
fn dependency(after: &[After], number: impl Fn(usize) -> String) -> Option<String> {
    let one = |after: &After| match after {
        After::All(array) => format!("afterok:{}", number(*array)),
        After::Some(array, tasks) => {
            let array = number(*array);
            format!("afterok:{}", tasks.iter().map(|task| format!("{array}_{task}")).join(":"))
        }
        After::Same(array) => format!("aftercorr:{}", number(*array)),
        After::Ended(array) => format!("afterany:{}", number(*array)),
        After::Queued(tasks) => format!("afterok:{}", tasks.iter().join(":")),
        After::QueuedEnded(tasks) => format!("afterany:{}", tasks.iter().join(":")),
    };
    (!after.is_empty()).then(|| after.iter().map(one).join(","))
}

/// Quotes a text for a shell, and for `#SBATCH` lines, which accept quotes too.
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
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    /// A process group, killed when dropped.
    struct Group(std::process::Child);

    impl Drop for Group {
        fn drop(&mut self) {
            let group = format!("-{}", self.0.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = self.0.wait();
        }
    }

    /// Runs a script with a program, and returns its exit code, its calls of `scontrol` and its
    /// stderr.
    ///
    /// `signals` are sent to both, or to the script alone, once the program is `READY`. `before` is
    /// a command that runs the script.
    fn run(before: &[&str], program: &str, signals: &[(&str, bool)], restarts: u32) -> (i32, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // Renamed, so that it is complete when it exists.
        let ready = format!("echo $$ > {0}.new; mv {0}.new {0}", path("ready").display());
        std::fs::write(path("program"), format!("{}\n", program.replace("READY", &ready))).unwrap();
        // With bash, and `scontrol` as a function: executing a file just after writing it may fail
        // as busy.
        let program = format!("bash {}", quoted(&path("program").display().to_string()));
        let scontrol = format!("scontrol() {{ echo \"$@\" > {}; }}", path("asked").display());
        let cluster = ClusterConfig { max_requeues: 3, setup: vec![scontrol], ..ClusterConfig::default() };
        let script = Script { cluster: &cluster, folder: folder.path(), program: &program, options: &[] };
        let array =
            Array { kind: "soup".into(), tasks: BTreeMap::from([(0, vec![])]), after: vec![], nice: 0 };
        std::fs::write(path("script"), script.text(0, "name", &array, |_| String::new())).unwrap();
        let words: Vec<&str> = before.iter().copied().chain(["bash"]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .arg(path("script"))
            .env("SLURM_JOB_ID", "7")
            .env("SLURM_ARRAY_TASK_ID", "0")
            .env("SLURM_RESTART_COUNT", restarts.to_string())
            .stderr(std::fs::File::create(path("said")).unwrap())
            .process_group(0);
        let mut child = Group(command.spawn().unwrap());
        for (signal, both) in signals {
            while !path("ready").exists() {
                assert!(
                    child.0.try_wait().unwrap().is_none(),
                    "the script ended before its program was ready"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            let mut kill = Command::new("kill");
            kill.args([*signal, &child.0.id().to_string()]);
            if *both {
                kill.arg(std::fs::read_to_string(path("ready")).unwrap().trim());
            }
            assert!(kill.status().unwrap().success());
        }
        let code = child.0.wait().unwrap().code().unwrap();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap_or_default();
        (code, read("asked"), read("said"))
    }

    const WITH_HANDLER: &str = "trap 'exit 75' TERM; READY; while :; do sleep 0.05; done";
    const WITHOUT_HANDLER: &str = "READY; exec sleep 600";

    #[test]
    fn a_task_has_the_exit_code_of_its_program() {
        for code in [0, 1, 75] {
            assert_eq!(run(&[], &format!("exit {code}"), &[], 0), (code, String::new(), String::new()));
        }
    }

    #[test]
    fn a_task_near_its_time_limit_is_requeued() {
        let (code, asked, _) = run(&[], WITH_HANDLER, &[("-USR1", false)], 0);
        assert_eq!((code, asked.as_str()), (75, "requeue 7\n"));
        // The signal may arrive before the program handles signals.
        let (code, asked, _) = run(&[], WITHOUT_HANDLER, &[("-USR1", false)], 0);
        assert_eq!((code, asked.as_str()), (143, "requeue 7\n"));
        let (code, asked, said) = run(&[], WITH_HANDLER, &[("-USR1", false)], 3);
        assert_eq!((code, asked.as_str()), (75, ""));
        assert!(said.contains("not finished after 3 requeues"), "{said}");
    }

    #[test]
    fn a_cancelled_task_is_not_requeued() {
        assert_eq!(run(&[], WITH_HANDLER, &[("-TERM", true)], 0).1, "");
        let (code, asked, _) = run(&[], WITHOUT_HANDLER, &[("-TERM", true)], 0);
        assert_eq!((code, asked.as_str()), (143, ""));
    }

    /// A script that gets no CPU time between the signal and its program's end: bash may then lose
    /// the program's status.
    #[test]
    fn a_program_that_ends_with_the_signal_ends_the_task() {
        let idle = ["chrt", "-i", "0"];
        if !Command::new(idle[0]).args(&idle[1..]).arg("true").status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: `chrt -i` is not allowed here");
            return;
        }
        /// Stops the spinning threads, also after a failed assertion.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = Stop(&stop);
            // Work on every core, for which a process of idle priority has to wait.
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            for _ in 0..5 {
                let (code, asked, _) = run(&idle, WITHOUT_HANDLER, &[("-TERM", true)], 0);
                assert_eq!((code, asked.as_str()), (143, ""));
            }
            let (code, asked, _) = run(&idle, WITHOUT_HANDLER, &[("-USR1", false)], 0);
            assert_eq!((code, asked.as_str()), (143, "requeue 7\n"));
        });
    }

    #[test]
    fn a_script_begins_with_the_schedulers_options() {
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
