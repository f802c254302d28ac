//! The fourteen columns of CheXpert's labeller, which CheXpert and MIMIC-CXR share.

use serde::{Deserialize, Serialize};

use crate::dataset::{Target, Task};
use crate::error::Error;
use crate::table::{Row, Table};

/// The tasks: the columns without `No Finding`.
#[rustfmt::skip]
const TASKS: [&str; 13] = [
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
];

/// How to read the label `-1`: a finding that the report is uncertain about (Irvin et al. 2019,
/// §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UncertainLabels {
    /// As unknown: masked from loss and metrics (U-Ignore; used by FissionFusion).
    #[default]
    Ignore,
    /// As absent (U-Zeroes).
    Zeros,
    /// As present (U-Ones).
    Ones,
}

/// The label columns of a table.
pub struct ChestLabels {
    tasks: Vec<usize>,
    no_finding: Option<usize>,
    uncertain: UncertainLabels,
}

impl ChestLabels {
    /// Finds the label columns of `table`.
    pub fn of(table: &Table, uncertain: UncertainLabels) -> Result<Self, Error> {
        let find = |task: &&str| match (table.column(task), *task) {
            // The name in MIMIC-CXR's first releases.
            (None, "Lung Opacity") => {
                table.column("Airspace Opacity").map_or_else(|| table.require(task), Ok)
            }
            _ => table.require(task),
        };
        let tasks = TASKS.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { tasks, no_finding: table.column("No Finding"), uncertain })
    }

    /// Returns the task of the 13 findings.
    pub fn task() -> Task {
        Task::Multilabel { tasks: TASKS.map(str::to_owned).to_vec() }
    }

    /// Returns the labels of a row. A blank is unknown, `-1` is read as [`UncertainLabels`] says,
    /// and where `No Finding` is 1, every task but Support Devices is 0.
    pub fn target(&self, row: &Row<'_>) -> Result<Target, Error> {
        let none = match self.no_finding {
            Some(column) => value(row, column)? == Some(1),
            None => false,
        };
        let label = |(task, &column): (usize, &usize)| {
            Ok(match value(row, column)? {
                _ if none && TASKS[task] != "Support Devices" => Some(false),
                Some(-1) => match self.uncertain {
                    UncertainLabels::Ignore => None,
                    UncertainLabels::Zeros => Some(false),
                    UncertainLabels::Ones => Some(true),
                },
                known => known.map(|value| value == 1),
            })
        };
        Ok(Target::Labels(self.tasks.iter().enumerate().map(label).collect::<Result<_, Error>>()?))
    }
}

/// Parses a cell: 1, 0, -1 or blank.
fn value(row: &Row<'_>, column: usize) -> Result<Option<i8>, Error> {
    match row.cell(column) {
        "" => Ok(None),
        "0" | "0.0" => Ok(Some(0)),
        "1" | "1.0" => Ok(Some(1)),
        "-1" | "-1.0" => Ok(Some(-1)),
        other => {
            let found = format!("`{other}` in the column `{}`", row.column_name(column));
            Err(Error::dataset(row.place(), "1.0, 0.0, -1.0 or blank", found))
        }
    }
}
