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
/// The variables of a command's environment with the same paths.
pub(super) const WEIGHTS_VARIABLE: &str = "FF_WEIGHTS";
pub(super) const PREDICTIONS_VARIABLE: &str = "FF_PREDICTIONS";

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
    /// Both may be in quotes. The variables FF_WEIGHTS and FF_PREDICTIONS are the same paths: use them
    /// in the text of another shell, such as of ssh or sh -c. Scores are kept in OUTPUT.scores, where
    /// the same command finds them again.
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

    /// Returns the line for a shell with [`WEIGHTS_VARIABLE`] and [`PREDICTIONS_VARIABLE`] in its
    /// environment.
    ///
    /// Only a plain path becomes part of the line. Any other is the value of its variable, which a
    /// shell never runs, whatever is in it.
    pub fn line(&self, weights: &Path, predictions: &Path) -> String {
        let values = [(WEIGHTS, WEIGHTS_VARIABLE, weights), (PREDICTIONS, PREDICTIONS_VARIABLE, predictions)];
        let (mut line, mut quotes, mut rest) = (String::new(), Quotes::default(), self.text.as_str());
        while let Some(letter) = rest.chars().next() {
            let value = values.iter().find(|(placeholder, ..)| rest.starts_with(placeholder));
            let length = match value {
                Some((placeholder, variable, path)) => {
                    line += &plain(path).map_or_else(|| quotes.value_of(variable), str::to_owned);
                    quotes.follow(LETTER);
                    placeholder.len()
                }
                None => {
                    quotes.follow(letter);
                    line.push(letter);
                    letter.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        line
    }
}

/// Returns a path as text, if it has only letters that mean nothing to a shell, in quotes or not.
fn plain(path: &Path) -> Option<&str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:,%@".contains(letter);
    path.to_str().filter(|text| !text.is_empty() && text.chars().all(is_plain))
}

/// The quotes of a shell's text, as far as it was followed.
#[derive(Default)]
struct Quotes {
    /// What ends each quote, comment and parenthesis that is open, the innermost last.
    open: Vec<char>,
    /// The letter before, as far as it has a meaning.
    before: Option<char>,
}

/// A letter without a meaning.
const LETTER: char = '_';

impl Quotes {
    /// Follows the text by a letter.
    fn follow(&mut self, letter: char) {
        let (inner, before) = (self.open.last().copied(), self.before.replace(letter));
        let starts_word = before.is_none_or(|before| before.is_whitespace() || ";&|(".contains(before));
        match (inner, letter) {
            (Some('\'' | '\n'), _) if inner != Some(letter) => {}
            (Some('\'' | '\n'), _) => self.close(),
            _ if before == Some('\\') => self.before = Some(LETTER),
            (Some(end), _) if letter == end => self.close(),
            (_, '"' | '`') => self.open.push(letter),
            (Some('"'), '(') if before == Some('$') => self.open.push(')'),
            (Some('"'), _) => {}
            (_, '\'') => self.open.push(letter),
            (_, '(') => self.open.push(')'),
            (_, '#') if starts_word => self.open.push('\n'),
            _ => {}
        }
    }

    fn close(&mut self) {
        self.open.pop();
    }

    /// Returns the text that is a variable's value, as one word.
    fn value_of(&self, variable: &str) -> String {
        match self.open.last() {
            Some('"') => format!("${{{variable}}}"),
            Some('\'') => format!("'\"${{{variable}}}\"'"),
            _ => format!("\"${{{variable}}}\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> ScoreCommand {
        let (metric, timeout) = (None, None);
        ScoreCommand { text: text.to_owned(), metric, timeout, retries: 0, jobs: 1 }
    }

    fn line(text: &str, weights: &str, predictions: &str) -> String {
        command(text).line(Path::new(weights), Path::new(predictions))
    }

    #[test]
    fn plain_paths_are_put_in_once() {
        assert_eq!(line("a {weights} '{weights}'", "lr=1e-3/x.pth", "p"), "a lr=1e-3/x.pth 'lr=1e-3/x.pth'");
        assert_eq!(line("{predictions}{weights}", "w", "{weights}"), "\"${FF_PREDICTIONS}\"w");
        assert_eq!(line("{weights} {predictions}", "{predictions}", "p"), "\"${FF_WEIGHTS}\" p");
    }

    #[test]
    fn a_path_is_one_word_and_never_run() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "a;echo PWNED;.pth",
            "$(echo PWNED).pth",
            "`echo PWNED`.pth",
            "it's \"two\" words.pth",
            "'; echo PWNED; '.pth",
            "\"; echo PWNED; \".pth",
            "* ${HOME} \\.pth",
            "two\nlines.pth",
        ];
        for (number, name) in names.iter().enumerate() {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("content {number}")).unwrap();
            for placeholder in [WEIGHTS, PREDICTIONS] {
                for text in [
                    "cat @",
                    "cat \"@\"",
                    "cat '@'",
                    "x=@; cat \"$x\"",
                    "cat \"\"''\"@\"''",
                    "echo \"$(cat '@')\"",
                    "echo \"$(cat \"@\")\"",
                    "echo \"`cat @`\"",
                    "echo \"\\$(\" '\\' > /dev/null; cat '@'",
                    "x=a\\ #b # don't\ncat '@' # don't",
                    "echo \"(\" > /dev/null; (cat '@')",
                    "sh -c 'cat \"$1\"' sh '@'",
                ] {
                    let text = text.replace('@', placeholder);
                    // Of both placeholders, only one is in the text.
                    let mut shell = std::process::Command::new("sh");
                    shell.args(["-c", &command(&text).line(&path, &path)]);
                    shell.env(WEIGHTS_VARIABLE, &path).env(PREDICTIONS_VARIABLE, &path);
                    let ran = shell.current_dir(folder.path()).output().unwrap();
                    let printed = String::from_utf8(ran.stdout).unwrap();
                    assert_eq!(printed.trim_end(), format!("content {number}"), "{text}: {name}");
                }
            }
        }
    }

    #[test]
    fn times_are_above_0() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "NaN", "inf", "1m", ""] {
            assert_eq!(seconds(wrong).unwrap_err(), "expected seconds above 0, such as 600", "{wrong}");
        }
    }
}
