//! The error surface on the plane through three models.
//!
//! The origin is the best model, as in the caption of FissionFusion's Fig. 1, and the one of the
//! other two that is further from it is at (1, 0). Where the angle at the origin is wide, the third
//! may be left of the square [−0.2, 1.2]²; the legend still names it. Distances count trained
//! weights only, since running statistics are on the scale of activations.

use ff_eval::Roughness;
use ff_models::{Model, Spec};
use ff_soup::{Ingredient, Ingredients, Place, Plane};

use super::evaluator::{ErrorEvaluator, is_trained};
use crate::error::Error;
use crate::job::{
    Anchors, Averages, Corner, Cost, Diverged, Job, JobId, JobOutput, JobSpec, PlaneRecord, PlaneSpec,
    Record, RowSpec, SoupPlace, SurfaceRecord, SurfaceSpec,
};
use crate::run::context::JobContext;
use crate::run::models::{Models, RunModel};

/// Selects the three models, and computes their coordinates.
pub(in crate::run) fn plane(
    context: &JobContext<'_>,
    job: &Job,
    spec: &PlaneSpec,
) -> Result<(JobOutput, Cost), Error> {
    let models = Models::of(context, job.runs(), Diverged::Keep, Averages::Without)?;
    let chosen = choose(&models, &spec.models)?;
    let plane = through(context, &spec.model, chosen)?;
    let corners = plane.corners().map(|(model, x, y)| {
        let error = chosen.iter().find(|of| of.id == model).and_then(|of| of.error());
        Corner { model: model.to_owned(), x, y, error }
    });
    let record = PlaneRecord { corners, lengths: plane.lengths(), left_out: models.left_out };
    Ok((JobOutput::Plane(record), Cost::default()))
}

/// Evaluates the points of one row.
pub(in crate::run) fn row(
    context: &JobContext<'_>,
    job: &Job,
    spec: &RowSpec,
) -> Result<(JobOutput, Cost), Error> {
    let (_, plane) = found(context, job, &spec.evaluation.model)?;
    let mut evaluator = ErrorEvaluator::new(context, job, &spec.evaluation)?;
    let places = spec.axis.places();
    let y = places[spec.row];
    let errors = places.iter().map(|&x| evaluator.error(&plane.weights(x, y))).collect::<Result<_, _>>()?;
    Ok((JobOutput::PlaneRow(errors), evaluator.cost()))
}

/// Joins the rows, and computes the positions of the soups.
pub(in crate::run) fn surface(
    context: &JobContext<'_>,
    job: &Job,
    spec: &SurfaceSpec,
) -> Result<(JobOutput, Cost), Error> {
    let (record, plane) = found(context, job, &spec.model)?;
    let (mut errors, mut soups) = (Vec::new(), Vec::new());
    for id in job.runs() {
        let input = context.planned(id)?;
        let record = context.runs.done(input)?;
        match &record.output {
            JobOutput::PlaneRow(row) => errors.push(row.clone()),
            JobOutput::Soup(soup) => {
                let weights = context.runs.open(input, record.weights()?)?;
                let fields = Default::default();
                let Place { x, y, height } =
                    plane.place(&Ingredient { id: input.label.clone(), weights, fields })?;
                let JobSpec::Soup(spec) = &record.spec else { return Err(record.not("a soup")) };
                let error = spec.metric.error(soup.validation());
                soups.push(SoupPlace { soup: input.label.clone(), x, y, height, error });
            }
            _ => {}
        }
    }
    let (axis, roughness) = (spec.axis, Roughness::of(&errors));
    let record = SurfaceRecord { plane: record, axis, errors, roughness, soups };
    Ok((JobOutput::Surface(record), Cost::default()))
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
                    "expected at least three models with a score for a plane, found {found}"
                )));
            };
            Ok([a, b, c])
        }
    }
}

fn through(context: &JobContext<'_>, spec: &Spec, models: [&RunModel; 3]) -> Result<Plane, Error> {
    let models = models.iter().map(|model| model.open(context)).collect::<Result<_, _>>()?;
    let form = Model::new(spec, context.device, 0)?;
    Ok(Plane::through(Ingredients::new(models)?, |name| is_trained(&form, name))?)
}

/// Returns the plane that is a job's first input, and its record.
fn found(context: &JobContext<'_>, job: &Job, spec: &Spec) -> Result<(PlaneRecord, Plane), Error> {
    let input = context.planned(job.plane()?)?;
    let Record { output: JobOutput::Plane(record), .. } = context.runs.done(input)? else {
        return Err(Error::Job(format!("job `{}` is not a plane", input.label)));
    };
    let is_run = |id: &&JobId| context.jobs.find(id).is_some_and(|job| job.spec.metric_of_models().is_some());
    let runs = job.runs().iter().filter(is_run);
    let models = Models::of(context, runs, Diverged::Keep, Averages::Without)?;
    let [w0, w2, w1] = &record.corners;
    let chosen = [models.get(&w0.model)?, models.get(&w2.model)?, models.get(&w1.model)?];
    let plane = through(context, spec, chosen)?;
    Ok((record, plane))
}
