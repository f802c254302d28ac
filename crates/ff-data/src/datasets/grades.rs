//! Grades of diabetic retinopathy, as several datasets have them.

use crate::dataset::{Sample, Target, Task};
use crate::error::Error;

/// Grades from 0 to `last`, by their numbers.
pub fn grades(last: usize) -> Task {
    Task::Multiclass { classes: (0..=last).map(|grade| grade.to_string()).collect() }
}

/// A sample of a grade, without a split.
pub fn sample(id: &str, grade: usize, group: Option<String>) -> Sample {
    Sample { id: id.to_owned(), target: Target::Class(grade), group, split: None }
}

/// A row without a grade.
pub fn blank_grade(place: &str) -> Error {
    Error::dataset(place, "a grade", "a blank cell")
}
