//! `ff-soup forecast`: distances and angles of files of weights, which show a file that is unlike the
//! others.

use std::path::{Path, PathBuf};

use ff_checkpoint::models_below;
use ff_soup::{Geometry, geometry, is_statistic};
use serde::Serialize;

use crate::merge::open;
use crate::output::{print, print_json};

/// Where the weights of a file are relative to the base and to those of the other files.
#[derive(Serialize)]
struct Place {
    file: String,
    /// L2 distance of the trained weights from the base.
    from_base: f64,
    /// Median distance from the other files; `None` without others.
    to_others: Option<f64>,
    /// Angles to the other files, seen from the base; `None` without others that differ from it.
    angles: Option<Angles>,
    /// True if the angles to most others are above [`APART`].
    #[serde(skip)]
    is_apart: bool,
}

/// The angle in degrees above which two files' weights, without a base, come from different starts.
const APART: f64 = 60.0;

/// Angles in degrees.
#[derive(Serialize)]
struct Angles {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Place {
    fn of(file: String, at: usize, files: usize, geometry: &Geometry) -> Self {
        let others = || (0..files).filter(move |&other| other != at);
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let distances = sorted(others().map(|other| geometry.distance(at, other)).collect());
        let angles = sorted(others().filter_map(|other| geometry.angle(at, other)).collect());
        let from_base = geometry.from_base(at);
        let is_apart = 2 * angles.iter().filter(|&&angle| angle > APART).count() > angles.len();
        Self { file, from_base, to_others: median(&distances), angles: Angles::of(&angles), is_apart }
    }
}

impl Angles {
    fn of(sorted: &[f64]) -> Option<Self> {
        let (&least, &greatest) = (sorted.first()?, sorted.last()?);
        Some(Self { least, median: median(sorted)?, greatest })
    }
}

/// The median of sorted values; `None` without values.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
    Some((sorted[low] + sorted[high]) / 2.0)
}

/// Returns the files, and the models in the folders.
fn models(places: &[PathBuf]) -> Result<Vec<PathBuf>, ff_checkpoint::Error> {
    let of = |place: &PathBuf| if place.is_dir() { models_below(place) } else { Ok(vec![place.clone()]) };
    Ok(places.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Prints the distances and angles of files of weights, or of those in folders, that were fine-tuned from a
/// base; of the weights themselves without it, and which files have another start then.
pub fn forecast(places: &[PathBuf], base: Option<&Path>, as_json: bool) -> anyhow::Result<()> {
    let models = open(&models(places)?, base)?;
    let models = if base.is_none() { models.with_zero_base() } else { models };
    let geometry = geometry(&models, None, |name| !is_statistic(name))?;
    let place = |(at, id): (usize, &String)| Place::of(id.clone(), at, models.len(), &geometry);
    let places: Vec<Place> = models.iter().map(|one| &one.id).enumerate().map(place).collect();
    if as_json {
        return print_json(&places);
    }
    let width = places.iter().map(|place| place.file.chars().count()).max().unwrap_or(0);
    let line = |cells: [String; 6]| {
        let [file, from_base, to_others, least, median, greatest] = cells;
        format!("{file:width$}  {from_base:>10}  {to_others:>10}  {least:>11}  {median:>6}  {greatest:>8}\n")
    };
    let from = if base.is_some() { "from base" } else { "length" };
    let head = ["file", from, "to others", "least angle", "median", "greatest"];
    let mut text = line(head.map(str::to_owned));
    for Place { file, from_base, to_others, angles, .. } in &places {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let angle = |of: fn(&Angles) -> f64| {
            angles.as_ref().map_or("–".to_owned(), |angles| format!("{:.0}°", of(angles)))
        };
        text += &line([
            file.clone(),
            number(Some(*from_base)),
            number(*to_others),
            angle(|of| of.least),
            angle(|of| of.median),
            angle(|of| of.greatest),
        ]);
    }
    text +=
        "\nDistances are L2 norms of trained weights, to others the median. Angles are those to the others";
    text += if base.is_some() { ", seen from the base.\n" } else { ".\n" };
    let apart = places.iter().filter(|place| base.is_none() && place.is_apart);
    let apart: Vec<&str> = apart.map(|place| place.file.as_str()).collect();
    if !apart.is_empty() {
        text += &format!("Of another start, at more than {APART}° to most others: {}.\n", apart.join(", "));
    }
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
    }
}
