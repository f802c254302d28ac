//! Image files with labels of known names.

use std::path::{Component, Path, PathBuf};

use crate::dataset::{Attribute, Target, Task};
use crate::datasets::TablePaths;
use crate::error::Error;
use crate::image_files::ImageFiles;
use crate::table::{Row, Table};

/// Image files with labels, for a test of a model whose classes or tasks are known.
///
/// Unlike a dataset to train on, these files need not have an image of every class, no split is read,
/// files need not exist, and nothing is hashed. Names of classes and tasks may differ in
/// case and punctuation where this leaves no doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledFiles {
    /// The image files.
    pub files: Vec<PathBuf>,
    /// The label of each file, in the order of the names of the task.
    pub targets: Vec<Target>,
    /// The group of each file, usually the patient.
    pub groups: Vec<Option<String>>,
    /// Further columns of the table.
    pub attributes: Vec<Attribute>,
}

impl LabelledFiles {
    /// Reads a table (CSV or Excel) with the columns `path` and `label`, or `path` and a column for
    /// each task: 1, 0, or blank for unknown. The column `group` is optional, and so are tasks, but
    /// for one. Paths are relative to the table's folder, or absolute.
    ///
    /// # Errors
    /// [`Error::Dataset`] for a missing column, and for a label that is no class of the task.
    pub fn read(path: &Path, task: &Task, attributes: &[String]) -> Result<Self, Error> {
        let table = Table::read(path)?;
        let column = table.images("path")?;
        let group = table.column("group");
        let further = attributes.iter().map(|name| table.require(name)).collect::<Result<Vec<_>, Error>>()?;
        let labels = match task {
            Task::Multiclass { .. } => vec![Some(table.require("label")?)],
            Task::Multilabel { tasks } => tasks.iter().map(|name| position(table.columns(), name)).collect(),
        };
        if labels.iter().all(Option::is_none) {
            let expected = format!("a column of one of the tasks {}", task.names().join(", "));
            let found = format!("the columns {}", table.columns().join(", "));
            return Err(Error::dataset(table.place(), expected, found));
        }
        let (mut files, mut targets, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        let mut paths = TablePaths::anywhere(path)?;
        for row in table.rows() {
            files.push(paths.file(row, column)?);
            targets.push(match task {
                Task::Multiclass { classes } => Target::Class(class(&row, labels[0], classes)?),
                Task::Multilabel { .. } => {
                    let label = |column: &Option<usize>| column.map_or(Ok(None), |column| row.label(column));
                    Target::Labels(labels.iter().map(label).collect::<Result<_, Error>>()?)
                }
            });
            let name = group.map(|column| row.cell(column)).filter(|cell| !cell.is_empty());
            groups.push(name.map(str::to_owned));
        }
        let attributes = further.iter().map(|&column| table.attribute(column)).collect();
        Ok(Self { files, targets, groups, attributes })
    }

    /// Takes the images below a folder, whose class is the first folder of the path below it that has
    /// the name of one of `classes`.
    ///
    /// # Errors
    /// Those of [`ImageFiles::find`]; [`Error::Dataset`] for an image in no such folder.
    pub fn in_class_folders(folder: &Path, classes: &[String]) -> Result<Self, Error> {
        let files = ImageFiles::find(folder)?;
        let class = |file: &PathBuf| {
            let folders =
                file.parent().and_then(|parent| parent.strip_prefix(folder).ok()).unwrap_or(Path::new(""));
            let names = folders.components().filter_map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            });
            let mut found = names.filter_map(|name| position(classes, name));
            found.next().map(Target::Class).ok_or_else(|| {
                let expected = format!("an image in a folder of one of the classes {}", classes.join(", "));
                Error::dataset(file.display(), expected, format!("the folder `{}`", folders.display()))
            })
        };
        let targets = files.iter().map(class).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self { groups: vec![None; files.len()], files, targets, attributes: Vec::new() })
    }
}

/// Returns the class that a cell names.
fn class(row: &Row<'_>, column: Option<usize>, classes: &[String]) -> Result<usize, Error> {
    let cell = column.map_or("", |column| row.cell(column));
    position(classes, cell).ok_or_else(|| {
        let expected = format!("one of the classes {}", classes.join(", "));
        let found = if cell.is_empty() { "a blank cell".into() } else { format!("`{cell}`") };
        Error::dataset(row.place(), expected, found)
    })
}

/// Returns the name that is meant: the same one, or the only one with the same letters and digits.
fn position(names: &[String], meant: &str) -> Option<usize> {
    let plain = |name: &str| -> String {
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let exact = names.iter().position(|name| name == meant);
    exact.or_else(|| {
        let key = plain(meant);
        let mut alike = (0..names.len()).filter(|&at| !key.is_empty() && plain(&names[at]) == key);
        alike.next().filter(|_| alike.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn labels_are_those_of_the_known_names() {
        let folder = tempfile::tempdir().unwrap();
        let table = |text: &str| {
            std::fs::write(folder.path().join("t.csv"), text).unwrap();
            folder.path().join("t.csv")
        };
        let task = Task::Multiclass { classes: names(&["No finding", "mass"]) };
        let path = table("path,label,group,age\na.png,no_finding,p1,40\n/far/b.png,No Finding,,\n");
        let found = LabelledFiles::read(&path, &task, &names(&["age"])).unwrap();
        assert_eq!(found.files, [folder.path().join("a.png"), "/far/b.png".into()]);
        assert_eq!(found.targets, [Target::Class(0), Target::Class(0)]);
        assert_eq!(found.groups, [Some("p1".to_owned()), None]);
        assert_eq!(found.attributes[0].values, [Some("40".to_owned()), None]);
        let error =
            |text: &str, task: &Task| LabelledFiles::read(&table(text), task, &[]).unwrap_err().to_string();
        let wrong = error("path,label\na.png,mas\n", &task);
        assert!(wrong.contains("expected one of the classes No finding, mass, found `mas`"), "{wrong}");
        let task = Task::Multilabel { tasks: names(&["edema", "mass"]) };
        let found = LabelledFiles::read(&table("path,sex,Mass\na.png,f,1\nb.png,m,\n"), &task, &[]).unwrap();
        assert_eq!(found.targets, [Target::Labels(vec![None, Some(true)]), Target::Labels(vec![None, None])]);
        assert!(
            error("path,sex\na.png,f\n", &task).contains("expected a column of one of the tasks edema, mass")
        );
        assert!(
            error("path,mass\na.png,2\n", &task).contains("expected 1, 0, or blank for unknown, found `2`")
        );
    }

    #[test]
    fn names_that_differ_in_punctuation_alone_are_told_apart() {
        let classes = names(&["HER2+", "HER2-", "No finding"]);
        assert_eq!(position(&classes, "HER2-"), Some(1));
        assert_eq!((position(&classes, "her2-"), position(&classes, "NO_FINDING")), (None, Some(2)));
        assert_eq!(position(&names(&["+", "-"]), "?"), None);
    }

    #[test]
    fn folders_are_named_by_class() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["test/b/x/1.png", "a/2.png"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = LabelledFiles::in_class_folders(folder.path(), &names(&["A", "b"])).unwrap();
        assert_eq!(found.targets, [Target::Class(0), Target::Class(1)]);
        let error = LabelledFiles::in_class_folders(folder.path(), &names(&["a"])).unwrap_err().to_string();
        assert!(error.contains("expected an image in a folder of one of the classes a"), "{error}");
    }
}
