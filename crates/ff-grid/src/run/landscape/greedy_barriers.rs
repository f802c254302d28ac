//! Error barriers between a greedy soup and its candidates.

use std::collections::BTreeMap;

use ff_checkpoint::StateDict;
use ff_soup::{Ingredient, Ingredients, distances};

use super::evaluator::ErrorEvaluator;
use super::path::between;
use crate::error::Error;
use crate::job::{Cost, Diverged, GreedyBarrier, Job, JobOutput, JobSpec, PathSpec, steps};
use crate::run::context::JobContext;
use crate::run::models::Models;

/// Evaluates, for each candidate of a greedy soup, the path from the soup to it, and the distances.
pub(in crate::run) fn greedy_barriers(
    context: &JobContext<'_>,
    job: &Job,
    spec: &PathSpec,
) -> Result<(JobOutput, Cost), Error> {
    let record = context.runs.done(context.planned(job.greedy_soup()?)?)?;
    let soup = &record.soup()?.soup;
    let probe = context.model_of(job.probe()?)?;
    let JobSpec::Soup(of) = &record.spec else { return Err(record.not("a soup")) };
    let (averages, metric) = (of.averages, of.metric);
    let models = Models::of(context, job.runs(), Diverged::Keep, averages)?.models;
    let models = models.iter().map(|model| model.open(context)).collect::<Result<_, _>>()?;
    let models = Ingredients::new(models)?;
    let mut evaluator = ErrorEvaluator::new(context, job, &spec.evaluation)?;
    let mut found = Vec::new();
    for step in soup.greedy_steps() {
        let candidate = named(&step.decision.candidate, models.weights(&step.candidate)?);
        let before = named("the soup before", models.weights(&step.before)?);
        let share = 1.0 / (step.parts + 1) as f64;
        let mut lambdas = steps(spec.points);
        if !lambdas.contains(&share) {
            lambdas.push(share);
            lambdas.sort_by(f64::total_cmp);
        }
        let from_probe = distances(&Ingredients::new(vec![before.clone(), probe.clone()])?, |name| {
            evaluator.trained(name)
        })[0];
        // Scores of another metric tell nothing of the errors.
        let error =
            |score: Option<f64>| score.filter(|_| of.select_by.is_none()).map(|score| metric.error(score));
        let known = [step.decision.alone, step.decision.before].map(error);
        let path = between(&mut evaluator, [candidate, before], known, lambdas)?;
        let at = path.lambdas.iter().position(|lambda| *lambda == share).expect("it was added");
        found.push(GreedyBarrier {
            decision: step.decision.clone(),
            share,
            with: metric.error(path.errors[at]), // the score of the error, by the same formula
            from_probe,
            relative_distance: (from_probe > 0.0).then(|| path.distance / from_probe),
            path,
        });
    }
    Ok((JobOutput::GreedyBarriers(found), evaluator.cost()))
}

fn named(id: &str, weights: StateDict) -> Ingredient {
    Ingredient { id: id.to_owned(), weights, fields: BTreeMap::new() }
}
