//! What a command answers: the score that it prints, or why there is none.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;

/// Why a command gave no score.
#[derive(Debug)]
pub(super) struct Failure {
    /// What was found in place of a score.
    pub found: String,
    /// What to do.
    pub hint: &'static str,
}

const PRINT: &str = "print the score last, as a number or as JSON such as {\"score\": 0.81}";
const FINITE: &str = "print a finite number, such as a low one for a model that has diverged";
const FAILED: &str = "the whole output may say more; --score-retries runs a command that fails again";

impl Failure {
    pub fn new(found: impl Into<String>, hint: &'static str) -> Self {
        Self { found: found.into(), hint }
    }

    /// That of a command that has not ended in time.
    pub fn late(limit: Duration) -> Self {
        let found = format!("no end within {} s", limit.as_secs_f64());
        Self::new(found, "give it more time with a higher --score-timeout")
    }

    /// That of a command that has ended unsuccessfully.
    pub fn of_status(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code @ 126), _) => Self::new(
                format!("exit code {code}: the shell cannot run a program"),
                "make it executable with chmod +x, or begin with what runs it, such as python",
            ),
            (Some(code @ 127), _) => Self::new(
                format!("exit code {code}: the shell has not found a program"),
                "name it by its path; the command runs in the folder that you are in",
            ),
            (Some(code), _) => Self::new(format!("exit code {code}"), FAILED),
            (None, Some(signal @ 9)) => Self::new(
                format!("an end by signal {signal}"),
                "the system kills processes if memory is short; fewer --score-jobs need less",
            ),
            (None, signal) => Self::new(format!("an end by signal {}", signal.unwrap_or_default()), FAILED),
        }
    }
}

/// Reads the score in what a command has printed: the last line that is not empty, as a number or as
/// JSON.
pub(super) fn score(printed: &[u8]) -> Result<f64, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        score: f64,
    }
    let text = String::from_utf8_lossy(printed);
    // A progress bar writes over its line after each `\r`.
    let mut lines = text.rsplit(['\n', '\r']).map(str::trim);
    let Some(line) = lines.find(|line| !line.is_empty()) else {
        return Err(Failure::new("no output", PRINT));
    };
    let number = line.parse().ok();
    let score = number.or_else(|| Some(serde_json::from_str::<Answer>(line).ok()?.score));
    match score {
        Some(score) if f64::is_finite(score) => Ok(score),
        Some(score) => Err(Failure::new(score.to_string(), FINITE)),
        None => Err(Failure::new(format!("`{line:.80}` as its last line"), PRINT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_score() {
        for (printed, expected) in [
            ("0.5\n", 0.5),
            ("loss 3\n-2.5e-1 \n\n \n", -0.25),
            ("10 %\r100 %\r0.75", 0.75),
            ("0.1\r\n", 0.1),
            ("{\"score\": 1, \"images\": 7}", 1.0),
        ] {
            assert_eq!(score(printed.as_bytes()).unwrap(), expected, "{printed}");
        }
    }

    #[test]
    fn what_is_no_score_is_named() {
        for (printed, found, hint) in [
            ("", "no output", PRINT),
            (" \n\n", "no output", PRINT),
            ("0.5\ndone", "`done` as its last line", PRINT),
            ("81 %", "`81 %` as its last line", PRINT),
            ("{\"accuracy\": 1}", "`{\"accuracy\": 1}` as its last line", PRINT),
            ("{\"score\": NaN}", "`{\"score\": NaN}` as its last line", PRINT),
            ("nan", "NaN", FINITE),
            ("-inf", "-inf", FINITE),
        ] {
            let failure = score(printed.as_bytes()).unwrap_err();
            assert_eq!((failure.found.as_str(), failure.hint), (found, hint), "{printed}");
        }
        let long = "é".repeat(200);
        assert_eq!(
            score(long.as_bytes()).unwrap_err().found,
            format!("`{}` as its last line", "é".repeat(80))
        );
    }
}
