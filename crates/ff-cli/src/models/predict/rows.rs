//! The rows of predictions, as CSV or as JSON lines.

use clap::ValueEnum;
use ff_train::{Classifier, TaskKind};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// The form of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// A line with a cell for each value
    Csv,
    /// A JSON object on each line
    Jsonl,
}

/// Writes rows of a classifier's predictions.
pub(super) struct Rows<'a> {
    pub classifier: &'a Classifier,
    pub form: Form,
    /// The names of the attributes that are written, of labelled images. Logits, targets and groups
    /// are then written too, as CSV.
    pub attributes: Option<Vec<String>>,
}

/// What is known of a labelled image.
pub(super) struct Truth {
    /// The class from 0; or for each task 1, 0, or `None` for unknown.
    pub target: Vec<Option<usize>>,
    pub group: Option<String>,
    /// The values of the attributes; empty where one is unknown.
    pub attributes: Vec<String>,
}

impl Truth {
    fn cells(&self) -> impl Iterator<Item = String> {
        let target =
            self.target.iter().map(|target| target.map_or(String::new(), |target| target.to_string()));
        let group = std::iter::once(self.group.clone().unwrap_or_default());
        target.chain(group).chain(self.attributes.iter().cloned())
    }

    /// All of it as text, to tell whether it is the same.
    pub fn text(&self) -> String {
        line(&self.cells().collect::<Vec<_>>())
    }
}

impl Rows<'_> {
    /// The columns of CSV.
    pub fn columns(&self) -> Vec<String> {
        let names = &self.classifier.classes;
        let mut columns = vec!["path".to_owned(), "prediction".to_owned()];
        columns.extend(names.iter().map(|name| format!("probability_{name}")));
        columns.extend(self.decided().map(|name| format!("decision_{name}")));
        if let Some(attributes) = &self.attributes {
            columns.extend((0..names.len()).map(|at| format!("logit_{at}")));
            match self.classifier.kind {
                TaskKind::Multiclass => columns.push("target".to_owned()),
                TaskKind::Multilabel => columns.extend((0..names.len()).map(|at| format!("target_{at}"))),
            }
            columns.push("group".to_owned());
            columns.extend(attributes.iter().cloned());
        }
        columns.push("error".to_owned());
        columns
    }

    /// The first line, with its end; empty for JSON lines.
    pub fn header(&self) -> String {
        if self.form == Form::Jsonl { String::new() } else { line(&self.columns()) }
    }

    /// How the row of an image starts, whatever is predicted.
    pub fn start(&self, path: &str) -> String {
        match self.form {
            Form::Csv => line(&[path.to_owned(), String::new()]).trim_end_matches('\n').to_owned(),
            Form::Jsonl => format!("{{\"path\":{},", json!(path)),
        }
    }

    /// The row of an image.
    pub fn row(&self, path: &str, logits: &[f32], truth: Option<&Truth>) -> String {
        let names = &self.classifier.classes;
        let probabilities = self.classifier.probabilities(logits);
        let decisions = self.classifier.decision.decide(&probabilities);
        let predicted = self.classifier.predicted(&probabilities);
        let predicted: Vec<&str> = predicted.iter().map(|&at| names[at].as_str()).collect();
        if self.form == Form::Jsonl {
            let named = |of: &mut dyn Iterator<Item = (usize, Value)>| {
                Named(of.map(|(at, value)| (names[at].as_str(), value)).collect())
            };
            let decided = decisions.iter().map(|&(at, yes)| (at, yes.into()));
            return json_line(&Row {
                path,
                prediction: match self.classifier.kind {
                    TaskKind::Multiclass => predicted.first().copied().into(),
                    TaskKind::Multilabel => predicted.into(),
                },
                probabilities: named(&mut probabilities.iter().copied().map(short).enumerate()),
                decisions: (!decisions.is_empty()).then(|| named(&mut { decided })),
            });
        }
        let mut cells = vec![path.to_owned(), predicted.join(";")];
        cells.extend(probabilities.iter().map(|&probability| (probability as f32).to_string()));
        cells.extend(decisions.iter().map(|(_, yes)| u8::from(*yes).to_string()));
        if let Some(truth) = truth {
            cells.extend(logits.iter().map(f32::to_string));
            cells.extend(truth.cells());
        }
        cells.push(String::new());
        line(&cells)
    }

    /// The row of an image that cannot be read.
    pub fn unreadable(&self, path: &str, why: &str) -> String {
        if self.form == Form::Jsonl {
            return json_line(&Unreadable { path, error: why });
        }
        let mut cells = vec![String::new(); self.columns().len()];
        cells[0] = path.to_owned();
        if let Some(error) = cells.last_mut() {
            *error = why.replace('\n', "; ");
        }
        line(&cells)
    }

    /// Returns whether a row is that of an image that cannot be read.
    pub fn is_unreadable(&self, row: &str) -> bool {
        match self.form {
            Form::Csv => !row.trim_end_matches('\n').ends_with(','),
            Form::Jsonl => !row.contains(",\"prediction\":"),
        }
    }

    /// The names of the outputs that have an operating point.
    fn decided(&self) -> impl Iterator<Item = &String> {
        self.classifier.decision.points.iter().map(|point| &self.classifier.classes[point.output])
    }
}

/// A number with the digits of a 32-bit float.
fn short(value: f64) -> Value {
    (value as f32).to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn json_line(row: &impl Serialize) -> String {
    let text = serde_json::to_string(row).expect("a row has a JSON form");
    text + "\n"
}

/// A row of JSON. The path comes first.
#[derive(Serialize)]
struct Row<'a> {
    path: &'a str,
    prediction: Value,
    probabilities: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Named<'a>>,
}

#[derive(Serialize)]
struct Unreadable<'a> {
    path: &'a str,
    error: &'a str,
}

/// An object with keys in this order.
struct Named<'a>(Vec<(&'a str, Value)>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A row of CSV on one line, with its end: a line break in a cell is a blank.
fn line(cells: &[String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let cells = cells.iter().map(|cell| cell.replace(['\r', '\n'], " "));
    writer.write_record(cells).expect("memory can be written");
    let bytes = writer.into_inner().expect("memory can be written");
    String::from_utf8(bytes).expect("text is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_line() {
        let cells = ["a \"b\",\nc", "", "x"].map(str::to_owned);
        assert_eq!(line(&cells), "\"a \"\"b\"\", c\",,x\n");
    }
}
