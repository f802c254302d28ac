//! The options of a score command, and its text.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use ff_eval::Metric;

/// What is replaced by the path of a candidate's weights.
const WEIGHTS: &str = "{weights}";
/// What is replaced by the path at which the command writes predictions.
pub(super) const PREDICTIONS: &str = "{predictions}";

/// The heading of the options of a command.
const SCORING: &str = "Options with --score-command";

/// A command that scores files of weights, and how it is run.
#[derive(Args)]
pub struct ScoreOptions {
    /// Shell command that scores a file of weights, {weights}, of any architecture
    ///
    /// The score is the last line that it prints: a number, or JSON with a number `score`. Higher is
    /// better: of a loss, print minus the loss. {weights} is the path of a model as it is given, or of
    /// a mean, a temporary safetensors file with the tensor names of the models
    /// (safetensors.torch.load_file reads it). If {predictions} is in the command, it writes
    /// predictions on the validation images to that path, in a form that `ff-eval score` reads, and
    /// the score is their --metric; the choice is then cross-fitted and compared with the best file.
    /// FF_WEIGHTS and FF_PREDICTIONS are the same paths. Scores are kept in OUTPUT.scores, where the
    /// same command finds them again.
    #[arg(
        long,
        value_name = "COMMAND",
        conflicts_with_all = [
            "config", "images", "bn", "bn_images", "statistics_images", "allow_other_split", "device"
        ],
        help_heading = SCORING
    )]
    score_command: Option<String>,
    /// Seconds after which a command is ended and has failed [default: none]
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "score_command",
        value_parser = seconds,
        help_heading = SCORING
    )]
    score_timeout: Option<Duration>,
    /// How often a command that fails is run again
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "score_command",
        default_value_t = 0,
        help_heading = SCORING
    )]
    score_retries: u32,
    /// Commands to run at once, where no candidate depends on the score before it
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "score_command",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = SCORING
    )]
    score_jobs: u32,
}

/// Parses a time above 0.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or_else(|| "expected seconds above 0, such as 600".to_owned())
}

impl ScoreOptions {
    /// Returns the command, if one is given; `metric` is that of its predictions.
    ///
    /// # Errors
    /// It does not name the weights.
    pub(crate) fn command(&self, metric: Option<Metric>) -> anyhow::Result<Option<ScoreCommand>> {
        let Some(text) = self.score_command.clone() else { return Ok(None) };
        if !text.contains(WEIGHTS) {
            bail!(
                "--score-command: expected {WEIGHTS} where the command takes the file to score, found \
                 `{text}`\nhint: such as --score-command 'python eval.py {WEIGHTS}'"
            );
        }
        let (timeout, retries, jobs) = (self.score_timeout, self.score_retries, self.score_jobs as usize);
        Ok(Some(ScoreCommand { text, metric, timeout, retries, jobs }))
    }
}

/// A command that scores files of weights.
pub(crate) struct ScoreCommand {
    /// The command as it is given.
    pub text: String,
    /// The metric of predictions, if one is given.
    pub metric: Option<Metric>,
    pub timeout: Option<Duration>,
    pub retries: u32,
    pub jobs: usize,
}

impl ScoreCommand {
    /// Returns true if the command writes predictions.
    pub fn predicts(&self) -> bool {
        self.text.contains(PREDICTIONS)
    }

    /// Returns the line for a shell.
    pub fn line(&self, weights: &Path, predictions: &Path) -> String {
        let [weights, predictions] = [weights, predictions].map(|path| quoted(&path.to_string_lossy()));
        let parts = self.text.split(WEIGHTS).map(|part| part.replace(PREDICTIONS, &predictions));
        parts.collect::<Vec<_>>().join(&weights)
    }
}

/// Quotes a word for a shell, if that is needed: a plain path also works within quotes of the user's.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:,%@".contains(letter);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_and_put_in_once() {
        let of = |text: &str, weights: &str, predictions: &str| {
            let (metric, timeout) = (None, None);
            let command = ScoreCommand { text: text.to_owned(), metric, timeout, retries: 0, jobs: 1 };
            command.line(Path::new(weights), Path::new(predictions))
        };
        assert_eq!(of("a {weights} '{weights}'", "lr=1e-3/x.pth", "p"), "a lr=1e-3/x.pth 'lr=1e-3/x.pth'");
        assert_eq!(of("a {weights}; rm x", "my $x's", "p"), r"a 'my $x'\''s'; rm x");
        assert_eq!(of("{weights} {predictions}", "{predictions}", "p q"), "'{predictions}' 'p q'");
        assert_eq!(of("{predictions}{weights}", "w", "{weights}"), "'{weights}'w");
    }

    #[test]
    fn times_are_above_0() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "NaN", "inf", "1m", ""] {
            assert_eq!(seconds(wrong).unwrap_err(), "expected seconds above 0, such as 600", "{wrong}");
        }
    }
}
