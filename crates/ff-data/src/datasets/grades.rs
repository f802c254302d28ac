//! Grades of diabetic retinopathy, which several datasets share.

use crate::dataset::{Sample, Target, Task};
use crate::error::Error;

/// Returns the task of the grades 0 to `last`.
pub fn grades(last: usize) -> Task {
    Task::Multiclass { classes: (0..=last).map(|grade| grade.to_string()).collect() }
}

/// Creates a sample of a grade, without a split.
pub fn sample(id: &str, grade: usize, group: Option<String>) -> Sample {
    Sample { id: id.to_owned(), target: Target::Class(grade), group, split: None }
}

/// The error for a row without a grade.
pub fn blank_grade(place: &str) -> Error {
    Error::dataset(place, "a grade", "a blank cell")
}
