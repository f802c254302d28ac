//! What lay between a greedy soup and the candidates that it tried.

use std::collections::BTreeMap;

use ff_checkpoint::StateDict;
use ff_soup::{Ingredient, Ingredients, distances};

use super::judge::Judge;
use super::path::between;
use super::{TriesRecipe, TryRecord, steps};
use crate::perform::Workshop;
use crate::pool::Models;
use crate::record::Finished;
use crate::{Cost, Diverged, Error, Job};

/// For each candidate that a soup tried: the path to it, and the distances.
pub(crate) fn tries(
    workshop: &Workshop<'_>,
    job: &Job,
    recipe: &TriesRecipe,
) -> Result<(Finished, Cost), Error> {
    let record = workshop.runs.done(workshop.input(job, 0)?)?;
    let soup = &record.soup()?.soup;
    let probe = workshop.input(job, 1)?;
    let probe = named("θ₀", workshop.runs.open(probe, workshop.runs.done(probe)?.weights()?)?);
    let models = Models::of(workshop, job.inputs.iter().skip(2), Diverged::Keep)?.models;
    let models = models.iter().map(|model| model.open(workshop)).collect::<Result<_, _>>()?;
    let models = Ingredients::new(models)?;
    let mut judge = Judge::new(workshop, job, &recipe.judging)?;
    let mut found = Vec::new();
    for tried in soup.tries() {
        let candidate = named(&tried.decision.candidate, models.weights(&tried.candidate)?);
        let before = named("the soup before", models.weights(&tried.before)?);
        let share = 1.0 / (tried.parts + 1) as f64;
        let mut lambdas = steps(recipe.points);
        if !lambdas.contains(&share) {
            lambdas.push(share);
            lambdas.sort_by(f64::total_cmp);
        }
        let from_probe =
            distances(&Ingredients::new(vec![before.clone(), probe.clone()])?, |name| judge.trained(name))[0];
        let known = [tried.decision.alone, tried.decision.before].map(|score| score.map(|score| 1.0 - score));
        let path = between(&mut judge, [candidate, before], known, lambdas)?;
        let at = path.lambdas.iter().position(|lambda| *lambda == share).expect("it was added");
        found.push(TryRecord {
            decision: tried.decision.clone(),
            share,
            with: 1.0 - path.errors[at],
            from_probe,
            relative_distance: (from_probe > 0.0).then(|| path.distance / from_probe),
            path,
        });
    }
    Ok((Finished::Tries(found), judge.cost()))
}

fn named(id: &str, weights: StateDict) -> Ingredient {
    Ingredient { id: id.to_owned(), weights, fields: BTreeMap::new() }
}
