//! Files of predictions: safetensors, and CSV, which other programs write.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, bail};
use csv::{Position, StringRecord};
use ff_checkpoint::StateDict;
use ff_eval::{NamedTensor, Predictions, Targets};

/// Reads predictions. Their form is found from the content.
///
/// In a CSV file a line has the logits of a sample, `logit_0`, `logit_1`, …, and its class from 0,
/// `target`, or labels `target_0`, `target_1`, …: 1, 0, or empty if unknown. The samples of one
/// `group` (patient) have the same text. Other columns are ignored.
///
/// # Errors
/// A file that cannot be read or has another form.
pub(crate) fn read_predictions(path: &Path) -> anyhow::Result<Predictions> {
    if is_text(path) {
        return read_csv(path).map_err(|error| anyhow!("{}: {error}", path.display()));
    }
    let file = StateDict::open(path)?;
    let tensor = |name: &str| {
        let found = file.get(name)?;
        Some(NamedTensor::new(found.dtype, found.shape, found.to_i64(), found.to_f32()))
    };
    Predictions::from_tensors(tensor).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// Returns true for a file that begins as a text.
fn is_text(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut start));
    let is_plain = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    read.is_ok_and(|bytes| bytes > 0) && start.iter().all(is_plain)
}

/// Where the columns of a CSV file are.
struct Columns {
    header: StringRecord,
    logits: Vec<usize>,
    class: Option<usize>,
    labels: Vec<usize>,
    group: Option<usize>,
}

impl Columns {
    fn of(header: StringRecord) -> anyhow::Result<Self> {
        let find =
            |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}') == name);
        let numbered = |name: &str| -> Vec<usize> {
            (0..).map_while(|number: usize| find(&format!("{name}_{number}"))).collect()
        };
        let (logits, labels, class, group) =
            (numbered("logit"), numbered("target"), find("target"), find("group"));
        if logits.is_empty() || class.is_none() && labels.len() != logits.len() {
            bail!(
                "expected the columns logit_0, logit_1, … and target, or for labels target_0, target_1, …, \
                 found {}",
                header.iter().take(12).collect::<Vec<_>>().join(", ")
            );
        }
        Ok(Self { header, logits, class, labels, group })
    }

    /// Returns the number in a column of a line.
    fn number<T: std::str::FromStr>(
        &self,
        record: &StringRecord,
        column: usize,
        expected: &str,
    ) -> anyhow::Result<T> {
        let text = &record[column];
        let line = record.position().map_or(0, Position::line);
        let name = &self.header[column];
        text.parse().map_err(|_| anyhow!("line {line}, {name}: expected {expected}, found `{text}`"))
    }
}

fn read_csv(path: &Path) -> anyhow::Result<Predictions> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
    let columns = Columns::of(reader.headers()?.clone())?;
    let (mut logits, mut classes, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut groups, mut numbers) = (Vec::new(), HashMap::new());
    for record in reader.records() {
        let record = record?;
        for &column in &columns.logits {
            logits.push(columns.number::<f32>(&record, column, "a number")?);
        }
        if let Some(column) = columns.class {
            classes.push(columns.number::<usize>(&record, column, "a class, from 0")?);
        }
        for &column in columns.labels.iter().filter(|_| columns.class.is_none()) {
            labels.push(match record[column].is_empty() {
                true => f32::NAN,
                false => columns.number(&record, column, "1, 0 or nothing")?,
            });
        }
        if let Some(column) = columns.group {
            let next = numbers.len() as u32;
            groups.push(*numbers.entry(record[column].to_owned()).or_insert(next));
        }
    }
    let targets = match columns.class {
        Some(_) => Targets::Classes(classes),
        None => Targets::Labels(labels),
    };
    let predictions = Predictions::new(logits, columns.logits.len(), targets)?;
    Ok(if columns.group.is_some() { predictions.with_groups(groups)? } else { predictions })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Predictions, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, text).unwrap();
        let place = format!("{}: ", path.display());
        read_predictions(&path).map_err(|error| error.to_string().replace(&place, ""))
    }

    #[test]
    fn classes_labels_and_groups_are_read() {
        let found = read("\u{feff}file,target,logit_0,logit_1\n\"a, b\",1,-0.5, 2\nc,0,1e-3,0\n").unwrap();
        let expected = Predictions::new(vec![-0.5, 2.0, 1e-3, 0.0], 2, Targets::Classes(vec![1, 0]));
        assert_eq!(found, expected.unwrap());
        let found = read("logit_0,target_0,group\n1,1,p7\n-1,,p3\n2,0,p7\n").unwrap();
        let Targets::Labels(labels) = found.targets() else { panic!("{found:?}") };
        assert!(labels[0] == 1.0 && labels[1].is_nan() && labels[2] == 0.0, "{labels:?}");
        assert_eq!((found.logits(), found.groups()), (&[1.0, -1.0, 2.0][..], Some(&[0, 1, 0][..])));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let columns = "expected the columns logit_0, logit_1, … and target, or for labels target_0, \
                       target_1, …, found";
        for (text, expected) in [
            ("0.5", format!("{columns} 0.5")),
            ("label,logit_0\n1,2\n", format!("{columns} label, logit_0")),
            (
                "target,logit_0,logit_1\n1.5,0,1\n",
                "line 2, target: expected a class, from 0, found `1.5`".into(),
            ),
            ("target,logit_0,logit_1\n1,0,x\n", "line 2, logit_1: expected a number, found `x`".into()),
            ("target,logit_0,logit_1\n2,0,1\n", "row 0: expected a class from 0 to 1, found 2".into()),
            ("target_0,logit_0\nyes,0\n", "line 2, target_0: expected 1, 0 or nothing, found `yes`".into()),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
        let short = read("target,logit_0,logit_1\n1,0\n").unwrap_err();
        assert!(short.contains("2 fields"), "{short}");
        assert!(read("").unwrap_err().contains("an empty file"));
    }
}
