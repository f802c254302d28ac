//! The forecast of which models of a pool average with its best one.

use ff_soup::{Average, Ingredient, Ingredients, geometry};

use super::evaluator::ErrorEvaluator;
use crate::error::Error;
use crate::job::{Cost, ForecastRecord, ForecastSpec, Forecasted, Job, JobOutput};
use crate::run::context::JobContext;
use crate::run::models::{Models, RunModel};

/// Computes the distances and angles of a pool's models, and evaluates the errors halfway from each
/// to the best one.
///
/// The errors of the models themselves are those of training, with their own BatchNorm statistics.
pub(in crate::run) fn forecast(
    context: &JobContext<'_>,
    job: &Job,
    spec: &ForecastSpec,
) -> Result<(JobOutput, Cost), Error> {
    let Models { models, left_out, .. } = Models::of(context, job.runs(), spec.diverged, spec.averages)?;
    let best = best(&models)?;
    let opened: Vec<Ingredient> = models.iter().map(|model| model.open(context)).collect::<Result<_, _>>()?;
    let of_best = opened[best].weights.clone();
    let mut ingredients = Ingredients::new(opened)?;
    let of_weights = ingredients.clone().with_zero_base();
    let is_matrix = |name: &str| of_best.get(name).is_some_and(|tensor| tensor.shape.len() > 1);
    // Of models whose start is unknown the weights themselves are compared.
    ingredients = match job.start_of_runs() {
        Some(start) => ingredients.with_base(context.model_of(start)?)?,
        None => of_weights.clone(),
    };
    let mut evaluator = ErrorEvaluator::new(context, job, &spec.evaluation)?;
    let from_start = geometry(&ingredients, Some(best), |name| evaluator.trained(name))?;
    let weights = geometry(&of_weights, Some(best), |name| evaluator.trained(name) && is_matrix(name))?;
    let best_from_start = from_start.from_base(best);
    let mut found = Vec::new();
    for (at, model) in models.iter().enumerate() {
        let barrier = match spec.barrier {
            true if at == best => Some(0.0),
            true => barrier(&mut evaluator, &ingredients, [&models[best], model])?,
            false => None,
        };
        found.push(Forecasted {
            model: model.id.clone(),
            score: model.score,
            from_start: from_start.from_base(at),
            cosine: weights.cosine(best, at),
            angle: from_start.angle(best, at),
            distance: (best_from_start > 0.0).then(|| from_start.distance(best, at) / best_from_start),
            barrier,
        });
    }
    let (best, no_start) = (models[best].id.clone(), spec.no_start);
    let record = ForecastRecord { best, models: found, left_out, no_start };
    Ok((JobOutput::Forecast(record), evaluator.cost()))
}

/// Returns the index of the model with the highest score; of equal scores, the first.
fn best(models: &[RunModel]) -> Result<usize, Error> {
    let scored = models.iter().enumerate().filter_map(|(at, model)| Some((at, model.score?)));
    let best = scored.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(at, _)| at).ok_or_else(|| {
        let found = models.len();
        Error::Job(format!(
            "forecast: expected a model with a validation score, found none in {found} models"
        ))
    })
}

/// Evaluates the error halfway between two models less the mean of theirs; `None` if one of the three
/// is undefined.
fn barrier(
    evaluator: &mut ErrorEvaluator,
    models: &Ingredients,
    ends: [&RunModel; 2],
) -> Result<Option<f64>, Error> {
    let [Some(a), Some(b)] = ends.map(RunModel::error) else { return Ok(None) };
    let halfway = Average::Mean(ends.map(|end| Average::Ingredient(end.id.clone())).into());
    let error = evaluator.error(&models.weights(&halfway)?)?;
    Ok(error.map(|error| error - (a + b) / 2.0))
}
