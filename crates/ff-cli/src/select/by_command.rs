//! `ff-soup select --score-command`: selects models of any architecture by a command that scores weights.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use ff_checkpoint::StateDict;
use ff_eval::{Chance, Folds, Metric, Note, Predictions, Verdict, verdict};
use ff_grid::run::{cross_fit, folds};
use ff_grid::{CrossFit, Error, Selection, ValidationScorer, file_fields};
use ff_soup::{Ingredient, Ingredients, Needs, NthBest, Soup};
use serde_json::json;

use super::options::{AcceptRule, SelectOptions};
use super::printed::{RESAMPLES, Selected, Worth};
use crate::merge::{say_of_statistics, with_base};
use crate::output::say;
use crate::score::{CommandScorer, ScoreCommand, default_metric, folder_of};
use crate::signals::stop_on_signals;

/// Selects, writes the soup, and prints every decision.
pub(super) fn make(
    options: &SelectOptions,
    select: &Selection,
    command: &ScoreCommand,
) -> anyhow::Result<()> {
    check(options, select, command)?;
    let files = options.candidates()?;
    let ingredients = with_base(usable(&files)?, options.base.as_deref())?.with_fields(file_fields);
    if let Some(hierarchy) = select.hierarchy() {
        hierarchy.check(&ingredients)?;
    }
    // All models have the same tensors.
    if let Some(first) = ingredients.iter().next() {
        let hint = "the command can recompute them before it scores, as examples/python/eval_timm.py does";
        say_of_statistics(&first.weights, hint);
    }
    let scorer = CommandScorer::new(command, &files, &options.output, stop_on_signals()?)?;
    let selected = match command.predicts() {
        true => by_predictions(options, select, &ingredients, scorer),
        false => by_scores(select, &ingredients, scorer),
    };
    let selected = selected.map_err(|error| explained(error, &options.output))?;
    let mut built = ingredients.build(&selected.soup.average)?;
    if let Some(recipe) = built.provenance.recipe.as_object_mut() {
        let metric = selected.worth.as_ref().map(|worth| worth.metric);
        let made = [
            ("method", json!("select")),
            ("select", json!(select)),
            ("score_command", json!(command.text)),
            ("metric", json!(metric)),
            ("select_by", json!(options.select_by)),
        ];
        recipe.extend(made.map(|(name, value)| (name.to_owned(), value)));
    }
    built.save(&options.output)?;
    selected.print(options)
}

/// Opens the candidates. Those that are not finite, and repeated ones, are left out with a note, as in a
/// table.
fn usable(files: &[PathBuf]) -> anyhow::Result<Ingredients> {
    let mut models: Vec<Ingredient> = Vec::new();
    for (path, weights) in files.iter().zip(StateDict::open_all(files)?) {
        let same = models.iter().find(|other| other.weights.digest() == weights.digest());
        let why = match (weights.first_not_finite(), same) {
            (Some(tensor), _) => format!("`{tensor}` holds a value that is not finite"),
            (None, Some(same)) => format!("it has the same weights as {}", same.id),
            (None, None) => {
                models.push(Ingredient::of(path, weights));
                continue;
            }
        };
        say(&format!("note: {}: left out, since {why}", path.display()));
    }
    Ok(Ingredients::new(models)?)
}

/// Refuses what a command cannot give.
fn check(options: &SelectOptions, select: &Selection, command: &ScoreCommand) -> anyhow::Result<()> {
    let needs_network =
        matches!(select, Selection::Learned(_)) || matches!(select.needs(), Needs::Statistics(_));
    if needs_network {
        bail!(
            "--method: expected a method that needs scores only, found one that needs the network and its \
             images\nhint: such as --method greedy; or of networks that this software has, --images DATA"
        );
    }
    let given = [
        ("--accept one-se", matches!(options.accept, Some(AcceptRule::OneSe))),
        ("--select-by", options.select_by.is_some()),
        ("--metric", options.metric.is_some()),
        ("--folds", options.folds.is_some_and(|folds| folds > 0)),
    ];
    match given.iter().find(|(_, given)| *given && !command.predicts()) {
        Some((option, _)) => bail!(
            "{option}: expected a command that writes predictions, found one without {{predictions}}\n\
             hint: such as --score-command 'python eval.py {{weights}} --predictions {{predictions}}'"
        ),
        None => Ok(()),
    }
}

/// Says that the scores so far are kept, or what a command found in place of a score.
fn explained(error: Error, output: &Path) -> anyhow::Error {
    if error.is_stop() {
        let folder = folder_of(output);
        return anyhow!(
            "interrupted: the scores so far are kept in {}; run the same command again to resume",
            folder.display()
        );
    }
    match error {
        Error::Soup(ff_soup::Error::Score { source, .. }) if source.is::<Error>() => anyhow!("{source}"),
        other => other.into(),
    }
}

/// Selects by scores that a command prints.
fn by_scores(
    select: &Selection,
    ingredients: &Ingredients,
    mut scorer: CommandScorer<'_>,
) -> Result<Selected, Error> {
    let models = ingredients.len();
    let soup = select.selector(models).select(ingredients, &mut scorer)?;
    Ok(Selected { soup, by: "score", models, worth: None })
}

/// Selects by a metric of the predictions that a command writes.
fn by_predictions(
    options: &SelectOptions,
    select: &Selection,
    ingredients: &Ingredients,
    mut scorer: CommandScorer<'_>,
) -> Result<Selected, Error> {
    // The metric depends on the targets, which the first predictions tell.
    let (alone, cross_fits) = (ingredients.alone(), options.folds() > 0);
    let first = if select.compares() || cross_fits { &alone[..] } else { &alone[..1] };
    ingredients.announce(first, &mut scorer)?;
    let kind = scorer.kind().ok_or_else(|| Error::Job("no model was predicted with".to_owned()))?;
    let metric = options.metric.unwrap_or_else(|| default_metric(kind));
    let by = options.select_by.unwrap_or(metric);
    if let Some(wrong) = [metric, by].into_iter().find(|metric| !metric.applies_to(kind)) {
        let option = if wrong == metric { "metric" } else { "select-by" };
        let name = kind.name();
        let why =
            format!("--{option}: {wrong} does not apply to {name} targets\nhint: choose log-loss or auroc");
        return Err(Error::Job(why));
    }
    let mut scorer = ValidationScorer::new(scorer, by, HashMap::new());
    if cross_fits {
        scorer = scorer.for_parts();
    }
    let models = ingredients.len();
    let soup = select.selector(models).select(ingredients, &mut scorer)?;
    let found = scorer.predictions(&soup.average, || ingredients.weights(&soup.average))?;
    for note in metric.notes(&found) {
        say(&format!("note: validation: {}", note.describe(&[])));
    }
    let validation = metric.evaluate(&found).value().filter(|_| by != metric);
    let chance = Chance::of(metric, &found);
    let mut worth = Worth { metric, validation, chance, cross_fitted: None, verdict: None };
    if cross_fits {
        let score = validation.unwrap_or(soup.score);
        let divided = folds(&found, by, options.folds());
        let of = cross_fitted(select, ingredients, &mut scorer, &divided, (metric, score, &soup, &found))?;
        (worth.cross_fitted, worth.verdict) = (Some(of.0), of.1);
    }
    Ok(Selected { soup, by: by.name(), models, worth: Some(worth) })
}

/// Cross-fits the choice that has this score and these predictions, and compares it with the best file.
fn cross_fitted(
    select: &Selection,
    ingredients: &Ingredients,
    scorer: &mut ValidationScorer<CommandScorer<'_>>,
    divided: &Result<Folds, String>,
    (metric, score, soup, found): (Metric, f64, &Soup, &Predictions),
) -> Result<(CrossFit, Option<(Verdict, bool)>), Error> {
    let (record, predictions) = match divided {
        _ if !select.chooses() => (CrossFit::of_no_choice(score), None),
        Err(why) => (CrossFit::impossible(why.clone()), None),
        Ok(folds) => {
            let before = scorer.evaluations();
            let selector = select.selector(ingredients.len());
            let of = cross_fit(&*selector, ingredients, scorer, folds, |_, _| Ok(()))?;
            let evaluations = scorer.evaluations() - before;
            let note = Note::in_one_fold(found, folds);
            let record = CrossFit {
                folds: folds.count(),
                score: metric.evaluate(&of.predictions),
                same: Some(of.same(soup)),
                notes: note.into_iter().map(|note| note.describe(&[])).collect(),
                evaluations,
                evaluated_images: evaluations * found.len() as u64,
                ..CrossFit::of_no_choice(score)
            };
            (record, Some(of.predictions))
        }
    };
    let (Some(_), Ok(folds)) = (record.score.value(), divided) else { return Ok((record, None)) };
    let single = cross_fit(&NthBest(1), ingredients, scorer, folds, |_, _| Ok(()))?.predictions;
    let chosen = predictions.as_ref().unwrap_or(found);
    let same = single.logits() == chosen.logits();
    let said = verdict(metric, &single, std::slice::from_ref(chosen), RESAMPLES, 0)?;
    Ok((record, said.map(|verdict| (verdict, same))))
}
