//! The most confident mistakes of a model, with their images if the data is there.

use std::cell::OnceCell;

use ff_data::Image;
use ff_data::augment::resize;
use ff_eval::{Answer, Calibrator, surest_mistakes};
use ff_report::report::{Mistake, MistakesReport, ModelAnswer, Thumbnail};

use ff_train::{Classifier, Told, explain, overlay};
use tch::Device;

use super::model::Model;
use super::test_images::test_images;
use crate::catalog::Catalog;
use crate::plan::Records;

/// Number of mistakes to show.
const COUNT: usize = 8;
/// Largest side of a picture, in pixels.
const PX: u32 = 96;

/// Collects the mistakes, by calibrated probabilities; `None` without test predictions.
pub(super) fn of(
    records: Records<'_>,
    catalog: &Catalog,
    model: &Model<'_>,
    calibrator: Option<&Calibrator>,
    classes: &[String],
) -> Option<MistakesReport> {
    let evaluation = model.jobs.test.as_deref()?;
    let predictions = records.scored_predictions(evaluation).ok()?;
    let predictions = calibrator.and_then(|of| of.apply(&predictions).ok()).unwrap_or(predictions);
    let images = test_images(records, catalog, evaluation, predictions.len());
    let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
    // Opened with the first image that is explained.
    let explainer = OnceCell::new();
    let mistakes = surest_mistakes(&predictions, COUNT).into_iter().map(|of| {
        let image = images.as_ref().ok().map(|(data, indices)| (data, indices[of.sample]));
        let picture = image.and_then(|(data, index)| data.dataset.image(index).ok());
        // A network explains why it says yes.
        let output = match of.answer {
            Answer::Class { taken, .. } => Some(taken),
            Answer::Task { task, truth } => (!truth).then_some(task),
        };
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
            picture: picture.as_ref().and_then(|image| thumbnail(&small(image))),
            explained: picture.as_ref().and_then(|image| {
                let explainer = explainer.get_or_init(|| classifier(records, model)).as_ref()?;
                let explanation = explain(&explainer.model, image, output?).ok()?;
                thumbnail(&overlay(&small(image), &explanation))
            }),
        }
    });
    Some(MistakesReport {
        model: model.method.name.clone(),
        mistakes: mistakes.collect(),
        no_pictures: images.err(),
    })
}

/// Opens a model on the CPU, to explain its predictions.
fn classifier(Records { plan, runs, .. }: Records<'_>, model: &Model<'_>) -> Option<Classifier> {
    let weights = runs.open(plan.job(&model.jobs.soup)?, model.soup.weights.as_ref()?).ok()?;
    Classifier::open(&weights, &Told::default(), Device::Cpu).ok()
}

/// Makes a small copy of an image. A small image is not resized.
fn small(image: &Image) -> Image {
    let longer = image.width.max(image.height);
    let side = |length: u32| (length * PX / longer).max(1);
    if longer > PX { resize(image, side(image.width), side(image.height)) } else { image.clone() }
}

/// Encodes a small image: as PNG if few bytes are saved by JPEG.
fn thumbnail(image: &Image) -> Option<Thumbnail> {
    let (media_type, bytes) = match image.width.max(image.height) >= PX {
        true => ("image/jpeg", image.to_jpeg().ok()?),
        false => ("image/png", image.to_png().ok()?),
    };
    Some(Thumbnail { media_type, bytes, width: image.width, height: image.height })
}
