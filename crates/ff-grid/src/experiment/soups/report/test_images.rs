//! The test images that predictions are of.

use std::sync::Arc;

use crate::catalog::{Catalog, OpenDataset};
use crate::job::JobOutput;
use crate::plan::Records;

/// Returns the dataset of an evaluation and the index of the image of each of the `rows` of its
/// predictions, or why they are unknown.
pub(super) fn test_images(
    records: Records<'_>,
    catalog: &Catalog,
    evaluation: &str,
    rows: usize,
) -> Result<(Arc<OpenDataset>, Vec<usize>), String> {
    let job = records.predicts(evaluation).ok_or("not planned")?;
    let data = catalog.open(&job.data)?;
    let output = records.output(&job.id).map_err(|error| error.to_string())?;
    let Some(JobOutput::Predictions { skipped, .. }) = output else {
        return Err("the predictions are not on record".to_owned());
    };
    let samples = data.dataset.samples();
    let read = data.splits.test.iter().copied().filter(|&index| !skipped.contains(&samples[index].id));
    let indices: Vec<usize> = read.collect();
    match indices.len() == rows {
        true => Ok((data, indices)),
        false => Err(format!("expected predictions of {} test images, found {rows}", indices.len())),
    }
}
