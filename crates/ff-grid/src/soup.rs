//! The soup job: ingredients from runs, scores from validation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::StateDict;
use ff_eval::Metric;
use ff_models::{Model, Spec};
use ff_soup::{Ingredient, Ingredients, Ranked, Selector};
use ff_train::{Kept, load_predictions, save_predictions};

use crate::perform::{VERSION, Workshop};
use crate::record::{Finished, SoupRecord};
use crate::scorer::ValidationScorer;
use crate::{Cost, Error, Job, Opened, Part, Recipe, Selection};

/// Chooses among the models of a job's inputs and writes the average, its validation predictions, and why.
pub(crate) fn make(
    workshop: &Workshop<'_>,
    job: &Job,
    (spec, recalibrate): (&Spec, Option<usize>),
    data: &Opened,
    metric: Metric,
    select: &Selection,
) -> Result<(Finished, Cost), Error> {
    let validation = workshop.catalog.eval_set(data, Part::Validation, spec.px);
    let Gathered { ingredients, known, best, left_out } = gather(workshop, job)?;
    let candidates = ingredients.len();
    let ingredients = Ingredients::new(ingredients)?;
    let model = Model::new(spec, workshop.device, 0)?;
    let mut scorer = ValidationScorer::new(model, &validation, metric, known);
    if let Some(batch_size) = recalibrate {
        scorer = scorer.recalibrated_on(workshop.catalog.recalibration(data, spec.px, batch_size));
    }
    let soup = match select.hierarchy() {
        Some(hierarchy) => {
            if let Some((_, path)) = best {
                scorer = scorer.knowing(load_predictions(&path)?);
            }
            hierarchy.select(&ingredients, &mut scorer)?
        }
        None => Ranked(select.rank()).select(&ingredients, &mut scorer)?,
    };
    let mut weights = ingredients.weights(&soup.mix)?;
    let (evaluations, images) = (scorer.evaluations(), scorer.images());
    let predictions = scorer.predict(&weights, &soup.mix)?;
    let recipe = serde_json::to_value(&job.recipe).map_err(|error| Error::Job(error.to_string()))?;
    let mut recipe = recipe.as_object().cloned().unwrap_or_default();
    // Whoever gets the file alone must know what its outputs mean.
    recipe.insert("classes".into(), data.dataset.task().names().into());
    let recomputed = scorer.recomputed(&soup.mix);
    if !recomputed.is_empty() {
        weights = scorer.weights();
        recipe.insert("recomputed".into(), recomputed.into());
    }
    let provenance =
        ingredients.provenance(&soup.mix, recipe, Some(data.identity.digest.clone()), VERSION)?;
    let folder = workshop.runs.folder(job);
    let file = PathBuf::from("soup.safetensors");
    weights.save(&folder.join(&file), Some(&provenance))?;
    save_predictions(&folder.join("soup.val.safetensors"), &predictions, Some(&provenance))?;

    let skipped = validation.skipped().to_vec();
    let cost = Cost { evaluations, evaluated_images: images, ..Cost::default() };
    let digest = *weights.digest();
    Ok((Finished::Soup(SoupRecord { soup, candidates, left_out, skipped, weights: file, digest }), cost))
}

/// The models of a soup job's inputs.
#[derive(Default)]
struct Gathered {
    ingredients: Vec<Ingredient>,
    /// Validation scores that training already found, by ingredient.
    known: HashMap<String, f64>,
    /// The best of these, and the file of its validation predictions.
    best: Option<(f64, PathBuf)>,
    /// Runs that diverged, by label.
    left_out: Vec<String>,
}

fn gather(workshop: &Workshop<'_>, job: &Job) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    for id in &job.inputs {
        let input = workshop.planned(id)?;
        let record = workshop.runs.done(input)?;
        let outcome = record.training()?;
        if outcome.diverged.is_some() {
            gathered.left_out.push(input.label.clone());
            continue;
        }
        let folder = workshop.runs.folder(input);
        // Of a cyclic run the models are the captures; its best epoch is just one more point on the way.
        let captured = matches!(input.recipe, Recipe::Fgg(_));
        let models: Vec<(Option<usize>, &Kept)> = match captured {
            true => outcome.captures.iter().enumerate().map(|(i, kept)| (Some(i + 1), kept)).collect(),
            false => outcome.kept.iter().map(|kept| (None, kept)).collect(),
        };
        for (number, kept) in models {
            let (ingredient, score) = ingredient(input, number, kept, &folder)?;
            if let Some(score) = score {
                gathered.known.insert(ingredient.id.clone(), score);
                if gathered.best.as_ref().is_none_or(|(best, _)| score > *best) {
                    gathered.best = Some((score, folder.join(&kept.predictions)));
                }
            }
            gathered.ingredients.push(ingredient);
        }
    }
    Ok(gathered)
}

fn ingredient(
    input: &Job,
    number: Option<usize>,
    kept: &Kept,
    folder: &Path,
) -> Result<(Ingredient, Option<f64>), Error> {
    let field = |name: &str| input.fields.get(name).map_or("?", String::as_str);
    let recipe = format!("lr {} {} seed {}", field("learning_rate"), field("augmentation"), field("seed"));
    let id = match number {
        Some(number) => format!("{recipe} capture {number}"),
        None => recipe,
    };
    let mut fields = input.fields.clone();
    fields.insert("capture".into(), number.unwrap_or(0).to_string());
    let weights = StateDict::open(&folder.join(&kept.weights))?;
    Ok((Ingredient { id, weights, fields }, kept.validation.value()))
}
