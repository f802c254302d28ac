//! Files of predictions: safetensors, and CSV, which other programs write.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, bail};
use csv::{Position, StringRecord};
use ff_checkpoint::{Digest, Provenance, StateDict};
use ff_eval::{NamedTensor, Predictions, Targets};

/// Predictions as a file has them.
pub(crate) struct PredictionFile {
    pub predictions: Predictions,
    /// The paths of the images, if the file has them.
    pub ids: Option<Vec<String>>,
    /// The values of the columns that were asked for, in their order.
    pub columns: Vec<Vec<Option<String>>>,
    /// The number of rows with an error in place of logits.
    pub left_out: usize,
    /// The names of the model's classes, in the order of the logits, if the file has them.
    classes: Option<Vec<String>>,
    /// How the file was made, if it is recorded.
    made: Option<Provenance>,
}

impl PredictionFile {
    /// Reads predictions with further columns. The form is found from the content: safetensors, or CSV.
    ///
    /// In a CSV file a line has the logits of a sample, `logit_0`, `logit_1`, …, and its class from 0,
    /// `target`, or labels `target_0`, `target_1`, …: 1, 0, or empty if unknown. The samples of one
    /// `group` (patient) have the same text; one without is a group of its own. `path` names the
    /// image. A line with a text in `error` is left out. Other columns are ignored.
    ///
    /// # Errors
    /// A file that cannot be read or has another form, or lacks a column.
    pub fn read(path: &Path, columns: &[String]) -> anyhow::Result<Self> {
        let place = |error: anyhow::Error| anyhow!("{}: {error}", path.display());
        if is_text(path) {
            return read_csv(path, columns).map_err(place);
        }
        if let Some(column) = columns.first() {
            return Err(place(anyhow!("expected a CSV file with the column {column}, found safetensors")));
        }
        let file = StateDict::open(path)?;
        let tensor = |name: &str| {
            let found = file.get(name)?;
            Some(NamedTensor::new(found.dtype, found.shape, found.to_i64(), found.to_f32()))
        };
        let predictions = Predictions::from_tensors(tensor).map_err(|error| place(error.into()))?;
        let made = file.provenance().ok().cloned();
        Ok(Self { predictions, ids: None, columns: Vec::new(), left_out: 0, classes: None, made })
    }

    /// Checks that the logits are those of a model, in the order of its classes, as far as the file
    /// says.
    ///
    /// # Errors
    /// Another number of logits, another order, or another model.
    pub fn check_model(&self, path: &Path, digest: &Digest, classes: &[String]) -> anyhow::Result<()> {
        let (path, found) = (path.display(), self.predictions.outputs());
        if !classes.is_empty() && classes.len() != found {
            bail!("{path}: expected the logits of the model's {} classes, found {found}", classes.len());
        }
        let names = self.classes.as_ref().filter(|_| !classes.is_empty());
        if let Some(names) = names.filter(|names| names.as_slice() != classes) {
            let (own, names) = (classes.join(", "), names.join(", "));
            bail!("{path}: expected logits in the order of the model's classes ({own}), found {names}");
        }
        let Some(made) = &self.made else { return Ok(()) };
        if made.recipe.get("outputs").is_some_and(|outputs| !outputs.is_null()) {
            bail!(
                "{path}: expected logits in the order of the model's classes ({}), found those of the dataset's\n\
                 hint: write them with `ff-models predict --labels` or `--class-folders`",
                classes.join(", ")
            );
        }
        match made.parents.as_slice() {
            [of] if made.kind == "predict" && of.digest != *digest => {
                bail!("{path}: expected predictions of the model, found those of another one, {}", of.id)
            }
            _ => Ok(()),
        }
    }
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
    path: Option<usize>,
    error: Option<usize>,
    further: Vec<usize>,
}

impl Columns {
    fn of(header: StringRecord, further: &[String]) -> anyhow::Result<Self> {
        let find =
            |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}') == name);
        let mut names = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !name.is_empty() && !names.insert(*name)) {
            bail!("expected columns of different names, found two `{twice}`");
        }
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
        let further = further.iter().map(|name| {
            find(name).ok_or_else(|| {
                let found = header.iter().collect::<Vec<_>>().join(", ");
                anyhow!("expected the column {name}, found {found}")
            })
        });
        let further = further.collect::<anyhow::Result<_>>()?;
        let (path, error) = (find("path"), find("error"));
        Ok(Self { logits, class, labels, group, path, error, further, header })
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

fn read_csv(path: &Path, further: &[String]) -> anyhow::Result<PredictionFile> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
    let columns = Columns::of(reader.headers()?.clone(), further)?;
    let (mut logits, mut classes, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut groups, mut numbers, mut alone) = (Vec::new(), HashMap::new(), u32::MAX);
    let (mut ids, mut left_out) = (columns.path.map(|_| Vec::new()), 0);
    let mut found = vec![Vec::new(); further.len()];
    for record in reader.records() {
        let record = record?;
        // Of another program, a column `error` may be a number beside logits.
        if columns.error.is_some_and(|column| !record[column].is_empty())
            && record[columns.logits[0]].is_empty()
        {
            left_out += 1;
            continue;
        }
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
            groups.push(match &record[column] {
                "" => {
                    alone -= 1;
                    alone
                }
                name => *numbers.entry(name.to_owned()).or_insert(next),
            });
        }
        if let (Some(ids), Some(column)) = (&mut ids, columns.path) {
            ids.push(record[column].to_owned());
        }
        for (values, &column) in found.iter_mut().zip(&columns.further) {
            values.push(Some(record[column].to_owned()).filter(|cell| !cell.is_empty()));
        }
    }
    let targets = match columns.class {
        Some(_) => Targets::Classes(classes),
        None => Targets::Labels(labels),
    };
    let predictions = Predictions::new(logits, columns.logits.len(), targets)?;
    // A column of groups that is empty has none.
    let predictions = if numbers.is_empty() { predictions } else { predictions.with_groups(groups)? };
    let names = columns.header.iter().filter_map(|name| name.strip_prefix("probability_"));
    let names: Vec<String> = names.map(str::to_owned).collect();
    // As `ff-models predict` writes them; other programs may number them.
    let is_ours = columns.header.iter().any(|name| name == "prediction");
    let classes = (is_ours && names.len() == predictions.outputs()).then_some(names);
    Ok(PredictionFile { predictions, ids, columns: found, left_out, classes, made: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Predictions, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, text).unwrap();
        let place = format!("{}: ", path.display());
        PredictionFile::read(&path, &[])
            .map(|file| file.predictions)
            .map_err(|error| error.to_string().replace(&place, ""))
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
