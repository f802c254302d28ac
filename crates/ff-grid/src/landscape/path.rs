//! Errors on the straight path between two models.

use ff_eval::barrier;
use ff_soup::{Ingredient, Ingredients, distances};

use super::judge::Judge;
use super::{PathRecipe, PathRecord, steps};
use crate::perform::Workshop;
use crate::pool::Models;
use crate::record::Finished;
use crate::{Cost, Diverged, Error, Job};

/// The path between the models of a job's two runs, A and B.
pub(crate) fn path(
    workshop: &Workshop<'_>,
    job: &Job,
    recipe: &PathRecipe,
) -> Result<(Finished, Cost), Error> {
    let Models { models, left_out, .. } = Models::of(workshop, &job.inputs, Diverged::Keep)?;
    if let Some(run) = left_out.into_iter().next() {
        return Ok((Finished::Diverged { run }, Cost::default()));
    }
    let [a, b] = models.as_slice() else {
        return Err(Error::Job(format!("a path joins two models, found {}", models.len())));
    };
    let mut judge = Judge::new(workshop, job, &recipe.judging)?;
    let known = [a.score, b.score].map(|score| score.map(|score| 1.0 - score));
    let found = between(&mut judge, [a.open(workshop)?, b.open(workshop)?], known, steps(recipe.points))?;
    Ok((Finished::Path(found), judge.cost()))
}

/// The path between two models, A at λ = 1 and B at λ = 0, whose own errors may be known.
pub(super) fn between(
    judge: &mut Judge,
    ends: [Ingredient; 2],
    known: [Option<f64>; 2],
    lambdas: Vec<f64>,
) -> Result<PathRecord, Error> {
    let names = ends.each_ref().map(|end| end.id.clone());
    let ends = Ingredients::new(ends.into())?;
    let [of_a, of_b] = if judge.knows_models() { known } else { [None; 2] };
    let mut errors = Vec::new();
    for &lambda in &lambdas {
        let known = match lambda {
            0.0 => of_b,
            1.0 => of_a,
            _ => None,
        };
        let error = match known {
            Some(error) => Some(error),
            None => judge.error(&ends.combine(&[lambda, 1.0 - lambda]))?,
        };
        errors.push(error.ok_or_else(|| {
            let [a, b] = &names;
            Error::Job(format!("between `{a}` and `{b}`, at λ = {lambda}, the error is not defined"))
        })?);
    }
    let barrier = barrier(&lambdas, &errors);
    let distance = distances(&ends, |name| judge.trained(name))[0];
    Ok(PathRecord { lambdas, errors, barrier, distance })
}
