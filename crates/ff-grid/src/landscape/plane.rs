//! The error surface on the plane through three models.

use ff_eval::Roughness;
use ff_models::{Model, Spec};
use ff_soup::{Ingredient, Ingredients, Place, Plane};

use super::judge::{Judge, is_trained};
use super::{Anchors, Corner, PlaneRecipe, PlaneRecord, RowRecipe, SoupPlace, SurfaceRecipe, SurfaceRecord};
use crate::perform::Workshop;
use crate::pool::{Models, RunModel};
use crate::record::{Finished, Record};
use crate::{Cost, Diverged, Error, Job};

/// Chooses the three models and finds where they lie.
pub(crate) fn plane(
    workshop: &Workshop<'_>,
    job: &Job,
    recipe: &PlaneRecipe,
) -> Result<(Finished, Cost), Error> {
    let models = Models::of(workshop, &job.inputs, Diverged::Keep)?;
    let chosen = choose(&models, &recipe.models)?;
    let plane = through(workshop, &recipe.model, chosen)?;
    let corners = plane.corners().map(|(model, x, y)| {
        let score = chosen.iter().find(|of| of.id == model).and_then(|of| of.score);
        Corner { model: model.to_owned(), x, y, error: score.map(|score| 1.0 - score) }
    });
    let record = PlaneRecord { corners, lengths: plane.lengths(), left_out: models.left_out };
    Ok((Finished::Plane(record), Cost::default()))
}

/// Judges the points of one row.
pub(crate) fn row(workshop: &Workshop<'_>, job: &Job, recipe: &RowRecipe) -> Result<(Finished, Cost), Error> {
    let (_, plane) = found(workshop, job, &recipe.judging.model)?;
    let mut judge = Judge::new(workshop, job, &recipe.judging)?;
    let places = recipe.axis.places();
    let y = places[recipe.row];
    let errors = places.iter().map(|&x| judge.error(&plane.weights(x, y))).collect::<Result<_, _>>()?;
    Ok((Finished::PlaneRow(errors), judge.cost()))
}

/// Joins the rows, and places the soups.
pub(crate) fn surface(
    workshop: &Workshop<'_>,
    job: &Job,
    recipe: &SurfaceRecipe,
) -> Result<(Finished, Cost), Error> {
    let (record, plane) = found(workshop, job, &recipe.model)?;
    let (mut errors, mut soups) = (Vec::new(), Vec::new());
    for id in &job.inputs {
        let input = workshop.planned(id)?;
        match workshop.runs.done(input)?.finished {
            Finished::PlaneRow(row) => errors.push(row),
            Finished::Soup(soup) => {
                let weights = workshop.runs.open(input, &soup.weights)?;
                let fields = Default::default();
                let Place { x, y, height } =
                    plane.place(&Ingredient { id: input.label.clone(), weights, fields })?;
                soups.push(SoupPlace {
                    soup: input.label.clone(),
                    x,
                    y,
                    height,
                    error: 1.0 - soup.soup.score,
                });
            }
            _ => {}
        }
    }
    let (axis, roughness) = (recipe.axis, Roughness::of(&errors));
    let record = SurfaceRecord { plane: record, axis, errors, roughness, soups };
    Ok((Finished::Surface(record), Cost::default()))
}

fn choose<'a>(models: &'a Models, anchors: &Anchors) -> Result<[&'a RunModel; 3], Error> {
    match anchors {
        Anchors::Named { models: [a, b, c] } => Ok([models.get(a)?, models.get(b)?, models.get(c)?]),
        Anchors::Best {} => {
            let mut ranked: Vec<(f64, &RunModel)> =
                models.models.iter().filter_map(|model| Some((model.score?, model))).collect();
            ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a)); // stable: ties keep their order
            let [(_, a), (_, b), (_, c), ..] = ranked[..] else {
                let found = ranked.len();
                return Err(Error::Job(format!(
                    "a plane goes through three models with a score, found {found}"
                )));
            };
            Ok([a, b, c])
        }
    }
}

fn through(workshop: &Workshop<'_>, spec: &Spec, models: [&RunModel; 3]) -> Result<Plane, Error> {
    let models = models.iter().map(|model| model.open(workshop)).collect::<Result<_, _>>()?;
    let form = Model::new(spec, workshop.device, 0)?;
    Ok(Plane::through(Ingredients::new(models)?, |name| is_trained(&form, name))?)
}

/// The plane that is a job's first input, and its record.
fn found(workshop: &Workshop<'_>, job: &Job, spec: &Spec) -> Result<(PlaneRecord, Plane), Error> {
    let input = workshop.input(job, 0)?;
    let Record { finished: Finished::Plane(record), .. } = workshop.runs.done(input)? else {
        return Err(Error::Job(format!("job `{}` is not a plane", input.label)));
    };
    let is_run = |id: &&String| workshop.jobs.find(id).is_some_and(|job| job.recipe.training().is_some());
    let models = Models::of(workshop, job.inputs.iter().filter(is_run), Diverged::Keep)?;
    let [w0, w2, w1] = &record.corners;
    let chosen = [models.get(&w0.model)?, models.get(&w2.model)?, models.get(&w1.model)?];
    let plane = through(workshop, spec, chosen)?;
    Ok((record, plane))
}
