//! Columns: one value for each sample, by which samples are divided into subgroups.

use std::collections::BTreeSet;

use crate::bootstrap::percentile;
use crate::error::Error;

/// The value of samples for which none is known.
const UNKNOWN: &str = "unknown";

/// What programs write for a missing value, in any case.
const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "none", "null", "unknown"];

/// The number of distinct numbers above which a column is divided into bands.
const FEW_NUMBERS: usize = 10;

/// A column of a table with a row for each sample, such as sex, age or hospital.
///
/// ```
/// use ff_eval::Column;
///
/// let sex = Column::new("sex", &[Some("f"), Some("m"), None, Some("f")]);
/// assert_eq!(sex.values(), ["f", "m", "unknown"]);
/// let age = [Some("35"), Some("61"), Some("40"), None];
/// let age = Column::with_edges("age", &age, &[40.0, 60.0])?;
/// assert_eq!(age.values(), ["below 40", "40 to below 60", "60 or more", "unknown"]);
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    values: Vec<String>,
    of_sample: Vec<usize>,
}

impl Column {
    /// Creates a column from the text of each sample, `None` where it is missing.
    ///
    /// Values are the distinct texts, without the white space around them, in the order of numbers
    /// if all are numbers, else of the alphabet. A column of more than 10 distinct numbers has four
    /// bands instead, between the quartiles of all samples (percentiles as in NumPy); a number equal
    /// to a quartile is in the lower band. A band is named by its lowest and its highest number, such
    /// as "41 to 58". Missing and empty texts, and "NA", "n/a", "NaN", "none", "null" and "unknown" in
    /// any case, are the last value, "unknown".
    pub fn new<T: AsRef<str>>(name: &str, texts: &[Option<T>]) -> Column {
        let texts = known(texts);
        let Ok(numbers) = numbers(name, &texts) else {
            let distinct: BTreeSet<&str> = texts.iter().flatten().copied().collect();
            return Column::labelled(name, &texts, distinct.into_iter().collect());
        };
        let mut ascending: Vec<f64> = numbers.iter().copied().flatten().collect();
        ascending.sort_unstable_by(f64::total_cmp);
        let mut distinct = ascending.clone();
        distinct.dedup();
        if distinct.len() <= FEW_NUMBERS {
            let labels = distinct.iter().map(f64::to_string).collect();
            let band = |number: f64| distinct.partition_point(|&other| other < number);
            return Column::banded(name, &numbers, labels, band);
        }
        let quartiles = [0.25, 0.5, 0.75].map(|share| percentile(&ascending, share).unwrap_or_default());
        let band = |number: f64| quartiles.iter().filter(|&&quartile| number > quartile).count();
        let label = |of: usize| {
            let mut inside = distinct.iter().filter(|&&number| band(number) == of);
            let low = inside.next().copied().unwrap_or_default();
            inside.next_back().map_or_else(|| low.to_string(), |high| format!("{low} to {high}"))
        };
        Column::banded(name, &numbers, (0..4).map(label).collect(), band)
    }

    /// Creates a column of numbers in bands with these edges, ascending; a number equal to an edge is
    /// in the upper band.
    ///
    /// # Errors
    /// [`Error::Column`] for a text that is not a number, and for edges that are not ascending or
    /// that are none.
    pub fn with_edges<T: AsRef<str>>(
        name: &str,
        texts: &[Option<T>],
        edges: &[f64],
    ) -> Result<Column, Error> {
        if edges.is_empty() || edges.iter().any(|edge| !edge.is_finite()) || !edges.is_sorted_by(|a, b| a < b)
        {
            let (expected, found) = ("ascending edges of bands".to_owned(), format!("{edges:?}"));
            return Err(Error::Column { column: name.to_owned(), expected, found });
        }
        let numbers = numbers(name, &known(texts))?;
        let between = edges.windows(2).map(|edges| format!("{} to below {}", edges[0], edges[1]));
        let first = std::iter::once(format!("below {}", edges[0]));
        let last = std::iter::once(format!("{} or more", edges[edges.len() - 1]));
        let band = |number: f64| edges.partition_point(|&edge| edge <= number);
        Ok(Column::banded(name, &numbers, first.chain(between).chain(last).collect(), band))
    }

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values that occur, in order; "unknown" is the last.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The place in [`Column::values`] of the value of each sample.
    pub fn of_sample(&self) -> &[usize] {
        &self.of_sample
    }

    /// Checks that there is a value for each of so many samples.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub(crate) fn check(&self, samples: usize) -> Result<(), Error> {
        let found = self.of_sample.len();
        if found == samples {
            return Ok(());
        }
        let expected = format!("{samples} values, one for each sample");
        Err(Error::Column { column: self.name.clone(), expected, found: found.to_string() })
    }

    /// A column of texts with their distinct values.
    fn labelled(name: &str, texts: &[Option<&str>], distinct: Vec<&str>) -> Column {
        let labels: Vec<String> =
            distinct.iter().filter(|&&label| label != UNKNOWN).map(|&label| label.to_owned()).collect();
        let place = |text: &str| labels.binary_search_by(|label| label.as_str().cmp(text)).ok();
        let places: Vec<Option<usize>> = texts.iter().map(|text| text.and_then(place)).collect();
        Column::placed(name, &places, labels)
    }

    /// A column of numbers with the labels of their bands.
    fn banded(
        name: &str,
        numbers: &[Option<f64>],
        labels: Vec<String>,
        band: impl Fn(f64) -> usize,
    ) -> Column {
        let places: Vec<Option<usize>> = numbers.iter().map(|number| number.map(&band)).collect();
        Column::placed(name, &places, labels)
    }

    /// A column of the places of samples in `labels`, without the labels that do not occur.
    fn placed(name: &str, places: &[Option<usize>], labels: Vec<String>) -> Column {
        let place = |of: &Option<usize>| of.unwrap_or(labels.len());
        let occur: BTreeSet<usize> = places.iter().map(place).collect();
        let label = |&of: &usize| labels.get(of).map_or(UNKNOWN, String::as_str).to_owned();
        let values = occur.iter().map(label).collect();
        let occur: Vec<usize> = occur.iter().copied().collect();
        let of_sample = places.iter().map(|of| occur.partition_point(|&other| other < place(of))).collect();
        Column { name: name.to_owned(), values, of_sample }
    }
}

/// The texts without white space around them, `None` for empty ones.
fn known<T: AsRef<str>>(texts: &[Option<T>]) -> Vec<Option<&str>> {
    let trimmed = texts.iter().map(|text| text.as_ref().map(|text| text.as_ref().trim()));
    let is_missing = |text: &str| MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing));
    trimmed.map(|text| text.filter(|text| !is_missing(text))).collect()
}

/// The numbers of texts, `None` for NaN.
///
/// # Errors
/// [`Error::Column`] for the first text that is neither a finite number nor NaN.
fn numbers(name: &str, texts: &[Option<&str>]) -> Result<Vec<Option<f64>>, Error> {
    let number = |(row, text): (usize, &Option<&str>)| {
        let Some(text) = text else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            Ok(number) if number.is_nan() => Ok(None),
            _ => Err(Error::Column {
                column: name.to_owned(),
                expected: format!("a number in row {row}"),
                found: format!("{text:?}"),
            }),
        }
    };
    texts.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(texts: &[&str]) -> Column {
        Column::new("c", &texts.iter().map(Some).collect::<Vec<_>>())
    }

    #[test]
    fn texts_are_in_order_and_missing_ones_are_last() {
        let column =
            Column::new("site", &[Some("b"), None, Some(" x "), Some("unknown"), Some(""), Some("b")]);
        assert_eq!((column.name(), column.values()), ("site", &["b", "x", "unknown"].map(String::from)[..]));
        assert_eq!(column.of_sample(), [0, 2, 1, 2, 2, 0]);
        let none = Column::new("site", &[None::<&str>; 2]);
        assert_eq!((none.values(), none.of_sample()), (&["unknown".to_owned()][..], &[0, 0][..]));
    }

    #[test]
    fn few_numbers_are_values() {
        let grades = column(&["10", "9", "NaN", "9.0", "-1"]);
        assert_eq!(grades.values(), ["-1", "9", "10", "unknown"]);
        assert_eq!(grades.of_sample(), [2, 1, 3, 1, 0]);
        let mixed = column(&["10", "9", "inf"]);
        assert_eq!(mixed.values(), ["10", "9", "inf"], "texts");
    }

    /// The quartiles of 0 to 11 are 2.75, 5.5 and 8.25.
    #[test]
    fn many_numbers_have_quartile_bands() {
        let texts: Vec<String> = (0..12).rev().map(|number| number.to_string()).chain(["".into()]).collect();
        let column = column(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(column.values(), ["0 to 2", "3 to 5", "6 to 8", "9 to 11", "unknown"]);
        assert_eq!(column.of_sample(), [3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 4]);
    }

    #[test]
    fn bands_without_samples_are_left_out() {
        // 40 times 0, and 1 to 11 once: all quartiles are 0.
        let texts: Vec<String> =
            (0..12).flat_map(|n| vec![n.to_string(); if n == 0 { 40 } else { 1 }]).collect();
        let found = column(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.values(), ["0", "1 to 11"]);
        let aged = Column::with_edges("age", &[Some("70"), Some("40"), None], &[40.0, 50.5, 60.0]).unwrap();
        assert_eq!(aged.values(), ["40 to below 50.5", "60 or more", "unknown"]);
        assert_eq!(aged.of_sample(), [1, 0, 2]);
    }

    #[test]
    fn invalid_columns_say_why() {
        let error = |text: &str, edges: &[f64]| {
            Column::with_edges("age", &[Some("7"), Some(text)], edges).unwrap_err().to_string()
        };
        assert_eq!(error("old", &[40.0]), "column `age`: expected a number in row 1, found \"old\"");
        assert_eq!(error("9", &[]), "column `age`: expected ascending edges of bands, found []");
        assert!(error("9", &[40.0, 40.0]).ends_with("found [40.0, 40.0]"));
        assert!(error("9", &[40.0, f64::NAN]).ends_with("found [40.0, NaN]"));
    }
}
