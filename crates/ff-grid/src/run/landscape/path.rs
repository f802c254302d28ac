//! Errors on the straight path between two models.

use ff_eval::barrier;
use ff_soup::{Ingredient, Ingredients, distances};

use super::evaluator::ErrorEvaluator;
use crate::error::Error;
use crate::job::{Averages, Cost, Diverged, Job, JobOutput, PathRecord, PathSpec, steps};
use crate::run::context::JobContext;
use crate::run::models::Models;

/// Evaluates the path between the models of a job's two runs, A and B.
pub(in crate::run) fn path(
    context: &JobContext<'_>,
    job: &Job,
    spec: &PathSpec,
) -> Result<(JobOutput, Cost), Error> {
    let Models { models, left_out, .. } = Models::of(context, job.runs(), Diverged::Keep, Averages::Without)?;
    if let Some(run) = left_out.into_iter().next() {
        return Ok((JobOutput::Diverged { run }, Cost::default()));
    }
    let [a, b] = models.as_slice() else {
        return Err(Error::Job(format!("expected two models for a path, found {}", models.len())));
    };
    let mut evaluator = ErrorEvaluator::new(context, job, &spec.evaluation)?;
    let known = [a.error(), b.error()];
    let found = between(&mut evaluator, [a.open(context)?, b.open(context)?], known, steps(spec.points))?;
    Ok((JobOutput::Path(found), evaluator.cost()))
}

/// Evaluates the path between two models, A at λ = 1 and B at λ = 0. `known` has their own errors,
/// if these are known.
pub(super) fn between(
    evaluator: &mut ErrorEvaluator,
    ends: [Ingredient; 2],
    known: [Option<f64>; 2],
    lambdas: Vec<f64>,
) -> Result<PathRecord, Error> {
    let names = ends.each_ref().map(|end| end.id.clone());
    let ends = Ingredients::new(ends.into())?;
    let [of_a, of_b] = if evaluator.knows_models() { known } else { [None; 2] };
    let mut errors = Vec::new();
    for &lambda in &lambdas {
        let known = match lambda {
            0.0 => of_b,
            1.0 => of_a,
            _ => None,
        };
        let error = match known {
            Some(error) => Some(error),
            None => evaluator.error(&ends.combine(&[lambda, 1.0 - lambda]))?,
        };
        errors.push(error.ok_or_else(|| {
            let [a, b] = &names;
            Error::Job(format!(
                "path between `{a}` and `{b}`: at λ = {lambda} an output is not finite or the metric is undefined"
            ))
        })?);
    }
    let barrier = barrier(&lambdas, &errors);
    let distance = distances(&ends, |name| evaluator.trained(name))[0];
    Ok(PathRecord { lambdas, errors, barrier, distance })
}
