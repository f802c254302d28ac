//! The text that the scheduler is given.

use std::fmt::Write;
use std::path::Path;

use itertools::Itertools;

use super::arrays::{After, Array};
use super::task::BatchTask;
use crate::config::{ClusterConfig, Resources};

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
        let most = self.cluster.max_requeues;
        write!(
            text,
            r#"program= over= told=
# Its time is nearly over: it keeps what it has done, and goes on in its next turn.
trap 'told=yes over=yes; [[ $program ]] && kill -TERM "$program" 2>/dev/null' USR1
# It is cancelled, or has to make room: Slurm tells the program too, and it is waited for.
trap told=yes TERM
{setup}{program} work --batch {folder} --array {at} --task "$SLURM_ARRAY_TASK_ID"{options} &
program=$!
[[ $over ]] && kill -TERM "$program" 2>/dev/null
# A signal ends the waiting, not the program. The kernel is asked, not `jobs`: of a program that ends just as a signal
# comes bash may lose the status, and list it as running for ever.
while kill -0 "$program" 2>/dev/null; do wait "$program"; done
trap '' USR1 TERM
# Twice: a signal that is still noted ends the first.
wait "$program"; wait "$program"; code=$?
trap : USR1 TERM
# Its status was lost to a signal: as if it had been told before it could listen. What it has done is on record.
if [[ $told ]] && ((code < 0 || code == 127)); then code=143; fi
# 143: it was told before it could listen.
if [[ $over ]] && ((code == {STOPPED} || code == 143)); then
    if ((${{SLURM_RESTART_COUNT:-0}} < {most})); then
        echo "back into the queue, to go on" >&2
        scontrol requeue "$SLURM_JOB_ID"
    else
        echo "error: it has had {most} turns and is not done; \`max_requeues\` may allow more, or \`time\` a longer one" >&2
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
    ranges.iter().map(range).join(",")
}

/// What is waited for, as the scheduler writes it.
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
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    /// A process and all that it starts, gone when dropped.
    struct Group(std::process::Child);

    impl Drop for Group {
        fn drop(&mut self) {
            let group = format!("-{}", self.0.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = self.0.wait();
        }
    }

    /// How a script ended whose program does so, and what it asked of `scontrol`; `signals` are
    /// sent to both, or to the script alone, once the program is `READY`. `before` is a command
    /// that runs the script.
    fn run(before: &[&str], program: &str, signals: &[(&str, bool)], turns: u32) -> (i32, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // Whole when it is there.
        let ready = format!("echo $$ > {0}.new; mv {0}.new {0}", path("ready").display());
        std::fs::write(path("program"), format!("{}\n", program.replace("READY", &ready))).unwrap();
        // By bash and a function: a file that was just written may be busy for whoever executes it.
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
            .env("SLURM_RESTART_COUNT", turns.to_string())
            .stderr(std::fs::File::create(path("said")).unwrap())
            .process_group(0);
        let mut child = Group(command.spawn().unwrap());
        for (signal, both) in signals {
            while !path("ready").exists() {
                assert!(child.0.try_wait().unwrap().is_none(), "it ended before its program was ready");
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

    const LISTENS: &str = "trap 'exit 75' TERM; READY; while :; do sleep 0.05; done";
    const DEAF: &str = "READY; exec sleep 600";

    #[test]
    fn a_task_ends_as_its_program_does() {
        for code in [0, 1, 75] {
            assert_eq!(run(&[], &format!("exit {code}"), &[], 0), (code, String::new(), String::new()));
        }
    }

    #[test]
    fn shortly_before_its_end_it_goes_back_into_the_queue() {
        let (code, asked, _) = run(&[], LISTENS, &[("-USR1", false)], 0);
        assert_eq!((code, asked.as_str()), (75, "requeue 7\n"));
        // It may be told before it can listen.
        let (code, asked, _) = run(&[], DEAF, &[("-USR1", false)], 0);
        assert_eq!((code, asked.as_str()), (143, "requeue 7\n"));
        let (code, asked, said) = run(&[], LISTENS, &[("-USR1", false)], 3);
        assert_eq!((code, asked.as_str()), (75, ""));
        assert!(said.contains("it has had 3 turns"), "{said}");
    }

    #[test]
    fn one_that_is_cancelled_does_not() {
        assert_eq!(run(&[], LISTENS, &[("-TERM", true)], 0).1, "");
        let (code, asked, _) = run(&[], DEAF, &[("-TERM", true)], 0);
        assert_eq!((code, asked.as_str()), (143, ""));
    }

    /// A script that gets no time between the signal and its program's end: bash may then lose the
    /// program's status.
    #[test]
    fn one_whose_program_ends_with_the_signal_ends_too() {
        let idle = ["chrt", "-i", "0"];
        if !Command::new(idle[0]).args(&idle[1..]).arg("true").status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: `chrt -i` is not allowed here");
            return;
        }
        /// Ends the spinning, also where an assertion fails.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = Stop(&stop);
            // Work that an idle process has to wait for, on every core.
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            for _ in 0..5 {
                let (code, asked, _) = run(&idle, DEAF, &[("-TERM", true)], 0);
                assert_eq!((code, asked.as_str()), (143, ""));
            }
            let (code, asked, _) = run(&idle, DEAF, &[("-USR1", false)], 0);
            assert_eq!((code, asked.as_str()), (143, "requeue 7\n"));
        });
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
