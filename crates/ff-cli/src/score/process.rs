//! A command that runs in a process group of its own, with its output in a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);
/// The last bytes of a command's output that are searched for its score.
const KEPT: usize = 1 << 16;
/// The most letters of a line of output that an error shows. Binary output has long lines.
const WIDTH: usize = 200;

/// A command that runs. When it is dropped, it is ended, with all that it has started.
pub(super) struct Process {
    child: Child,
    started: Instant,
    /// The last bytes that it has printed to stdout.
    pub printed: Vec<u8>,
    stdout: File,
    /// Its stdout and stderr.
    log: File,
}

impl Process {
    /// Starts a command line in a shell.
    ///
    /// It writes stderr to `log` and stdout to a file of its own, which is copied to `log`: a pipe
    /// would end only when every process that the command leaves behind has ended.
    pub fn start(line: &str, paths: &[(&str, &Path)], stdout: &Path, log: &Path) -> io::Result<Self> {
        // A new file, since a command of a killed run may still write to the old one.
        match std::fs::remove_file(log) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let log = File::options().append(true).create_new(true).open(log)?;
        let (written, stdout) = (File::create(stdout)?, File::open(stdout)?);
        let child = Command::new("sh")
            .args(["-c", line])
            .envs(paths.iter().copied())
            .stdin(Stdio::null())
            .stdout(written)
            .stderr(log.try_clone()?)
            .process_group(0)
            .spawn()?;
        Ok(Self { child, started: Instant::now(), printed: Vec::new(), stdout, log })
    }

    /// Returns how it has ended, or `None` while it runs.
    pub fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        // All that it prints before it ends is then read.
        let ended = self.child.try_wait()?;
        let before = self.printed.len();
        self.stdout.read_to_end(&mut self.printed)?;
        self.log.write_all(&self.printed[before..])?;
        self.printed.drain(..self.printed.len().saturating_sub(KEPT));
        Ok(ended)
    }

    /// Returns the time since it was started.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends it, with all that it has started.
    pub fn end(&mut self) {
        if !self.runs() {
            return;
        }
        self.signal("TERM");
        let asked = Instant::now();
        while self.runs() && asked.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.signal("KILL");
        let _ = self.child.wait();
    }

    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to its process group.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"kill -s "$0" -- "$1""#, name, &group]);
        let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the last lines of a log, each up to [`WIDTH`]; of a progress bar, what it has written last.
pub(super) fn last_lines(log: &Path, count: usize) -> Vec<String> {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(KEPT)..]).into_owned();
    let shown = |line: &str| {
        let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
        line.chars().take(WIDTH).collect::<String>()
    };
    let lines: Vec<String> = text.lines().map(shown).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(line: &str, folder: &Path) -> Process {
        let (stdout, log) = (folder.join("stdout"), folder.join("log"));
        Process::start(line, &[("FF_WEIGHTS", Path::new("a b"))], &stdout, &log).unwrap()
    }

    fn ended(process: &mut Process) -> ExitStatus {
        loop {
            match process.poll().unwrap() {
                Some(status) => return status,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    #[test]
    fn both_streams_are_in_the_log_and_stdout_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log"), "old").unwrap();
        let mut process = start("echo \"$FF_WEIGHTS\"; echo why >&2; sleep 0.1; exit 3", folder.path());
        assert_eq!(ended(&mut process).code(), Some(3));
        assert_eq!(process.printed, b"a b\n");
        let mut lines = last_lines(&folder.path().join("log"), 20);
        lines.sort();
        assert_eq!(lines, ["a b", "why"]);
    }

    #[test]
    fn long_output_is_cut_and_what_is_left_behind_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("left");
        let line =
            format!("sleep 600 & echo $! > {}; yes 0123456789 | head -n 20000; echo 0.5", left.display());
        let mut process = start(&line, folder.path());
        assert!(ended(&mut process).success());
        let left = std::fs::read_to_string(left).unwrap();
        let still_runs = Command::new("sh").args(["-c", "kill -0 \"$0\"", left.trim()]).status().unwrap();
        assert!(still_runs.success(), "it was waited for");
        assert!(process.printed.len() <= KEPT && process.printed.ends_with(b"9\n0.5\n"));
        assert_eq!(last_lines(&folder.path().join("log"), 2), ["0123456789", "0.5"]);
        process.signal("KILL");
    }

    #[test]
    fn lines_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, [&b"a\n"[..], &[0xff; 300], b"\n10 %\r20 %\n"].concat()).unwrap();
        assert_eq!(last_lines(&log, 3), ["a".to_owned(), "\u{fffd}".repeat(WIDTH), "20 %".to_owned()]);
    }

    #[test]
    fn the_whole_group_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let beat = folder.path().join("beat");
        let line =
            "trap '' TERM; (trap '' TERM; while :; do echo x >> beat; sleep 0.02; done) & wait; sleep 9";
        let mut process = start(&format!("cd {}; {line}", folder.path().display()), folder.path());
        while !beat.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(process.poll().unwrap().is_none());
        drop(process);
        let length = || std::fs::metadata(&beat).unwrap().len();
        let before = length();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(length(), before, "a process of the group still runs");
    }
}
