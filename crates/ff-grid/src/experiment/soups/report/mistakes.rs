//! The most confident mistakes of a model, with their images if the data is there.

use ff_data::Image;
use ff_data::augment::resize;
use ff_eval::{Answer, surest_mistakes};
use ff_report::report::{Mistake, MistakesReport, ModelAnswer, Thumbnail};

use super::model::Model;
use crate::catalog::{Catalog, OpenDataset};
use crate::job::{Job, JobOutput};
use crate::plan::Records;

/// Number of mistakes to show.
const COUNT: usize = 8;
/// Largest side of a picture, in pixels.
const PX: u32 = 96;

/// Collects the mistakes; `None` without test predictions.
pub(super) fn of(
    records: Records<'_>,
    catalog: &Catalog,
    model: &Model<'_>,
    classes: &[String],
) -> Option<MistakesReport> {
    let evaluation = model.jobs.test.as_deref()?;
    let predictions = records.scored_predictions(evaluation).ok()?;
    let plan = records.plan;
    let job = plan.job(plan.job(evaluation)?.predictions().ok()?)?;
    let images = images(records, catalog, job, predictions.len());
    let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
    let mistakes = surest_mistakes(&predictions, COUNT).into_iter().map(|of| {
        let image = images.as_ref().ok().map(|(data, indices)| (data, indices[of.sample]));
        let answer = match of.answer {
            Answer::Class { truth, taken } => ModelAnswer { said: name(taken), truth: name(truth) },
            Answer::Task { task, truth } => {
                let said = |yes: bool| format!("{}: {}", name(task), if yes { "yes" } else { "no" });
                ModelAnswer { said: said(!truth), truth: said(truth) }
            }
        };
        Mistake {
            sample: image.map(|(data, index)| data.dataset.samples()[index].id.clone()),
            answer,
            confidence: of.confidence,
            picture: image.and_then(|(data, index)| thumbnail(&data.dataset.image(index).ok()?)),
        }
    });
    Some(MistakesReport {
        model: model.method.name.clone(),
        mistakes: mistakes.collect(),
        no_pictures: images.err(),
    })
}

/// Returns the dataset and the index of the image of each row of the predictions, or why they are
/// unknown.
fn images(
    records: Records<'_>,
    catalog: &Catalog,
    job: &Job,
    rows: usize,
) -> Result<(std::sync::Arc<OpenDataset>, Vec<usize>), String> {
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

/// Makes a small copy of an image. A small image is not resized.
fn thumbnail(image: &Image) -> Option<Thumbnail> {
    let longer = image.width.max(image.height);
    let side = |length: u32| (length * PX / longer).max(1);
    let small =
        if longer > PX { resize(image, side(image.width), side(image.height)) } else { image.clone() };
    let (media_type, bytes) = match longer > PX {
        true => ("image/jpeg", small.to_jpeg().ok()?),
        false => ("image/png", small.to_png().ok()?),
    };
    Some(Thumbnail { media_type, bytes, width: small.width, height: small.height })
}
