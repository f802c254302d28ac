//! The details of a column of a table of soups, for a report.

mod comparisons;
mod forecasts;
mod in_use;
mod mistakes;
mod model;
mod test_images;

use ff_eval::{Decision, Metric};
use ff_report::report::{Choice, ColumnReport, Rule, Scored, Step};

use self::model::Model;

use crate::catalog::Catalog;
use crate::config::DatasetEntry;
use crate::error::Error;
use crate::experiment::soups::coefficients::coefficients;
use crate::experiment::soups::columns::{SoupsColumn, SoupsTable};
use crate::experiment::soups::decision::recorded_classes;
use crate::job::{GreedyBarrier, JobId, Selection, SoupRecord};
use crate::plan::Records;
use crate::results::{add_images, empty_column, per_class};

pub(super) fn column(
    table: &SoupsTable,
    column: &SoupsColumn,
    records: Records<'_>,
    catalog: &Catalog,
) -> Result<ColumnReport, Error> {
    let config = &table.config;
    let dataset = &column.head.dataset;
    let mut report = empty_column(&column.head);
    let mut models = Vec::new();
    for (method, jobs) in config.method.iter().zip(&column.methods) {
        match records.of(&jobs.soup)? {
            Some(record) => models.push(Model { method, jobs, soup: config.soup_of(&record)? }),
            None => report.missing.push(format!("{} has no record yet", method.name)),
        }
    }
    if report.classes.is_empty() {
        report.classes = models.iter().find_map(|model| classes(model, records)).unwrap_or_default();
    }
    let name = |model: Option<&Model<'_>>| model.map(|model| model.method.name.clone());
    let single = best(models.iter().filter(|model| model.is_single()).rev());
    let delivered = best(models.iter().filter(|model| model.method.select.is_soup()));
    report.delivered = name(delivered);
    report.best = table.recommended(records, column)?;
    let all = config.methods_and_singles();
    let mut singles = Vec::new();
    for (method, jobs) in all.iter().skip(config.method.len()).zip(&column.singles) {
        if let Some(record) = records.of(&jobs.soup)? {
            singles.push(Model { method, jobs, soup: config.soup_of(&record)? });
        }
    }
    for model in models.iter().filter(|model| model.method.select.is_ensemble()) {
        report.ensembles.push((model.method.name.clone(), model.soup.candidates));
    }
    report.scored = scored(dataset, models.iter().chain(&singles), records)?;
    report.runs = records.training_runs(column.methods.iter().flat_map(|jobs| &jobs.pool))?;
    for model in models.iter().filter(|model| model.method.select.is_soup()) {
        let greedy_barriers = table.greedy_barriers(column, &model.method.name, records)?;
        let selected_by = config.select_by(model.method, dataset.metric);
        report.choices.push(choice(model, selected_by, &greedy_barriers));
    }
    report.forecasts = forecasts::of(&config.method, column, &models, records)?;
    let album = table.album(column, records)?;
    report.figures = album.plots.into_iter().map(|(_, plot)| plot).collect();
    let skipped = skipped(column, &models, records)?;
    add_images(&mut report, dataset, catalog, skipped);
    if let Some(single) = single {
        let others = models.iter().filter(|model| model.method.name != single.method.name);
        let (found, missing) = comparisons::of(config, dataset, (others, single), records)?;
        report.comparisons = found;
        report.missing.extend(missing);
    }
    // The same weights are shown once.
    let other = single.filter(|single| delivered.is_none_or(|soup| soup.soup.digest != single.soup.digest));
    for model in delivered.into_iter().chain(other) {
        match model.jobs.test.as_deref().map(|id| records.scored_predictions(id)) {
            None => report.missing.push("the dataset has no test split".to_owned()),
            Some(Err(why)) => report.missing.push(format!("{}: {why}", model.method.name)),
            Some(Ok(predictions)) => {
                let name = match single {
                    Some(single) if other.is_none() => {
                        format!("{}, the same weights as {}", model.method.name, single.method.name)
                    }
                    _ => model.method.name.clone(),
                };
                report.per_class_reports.push(per_class(&name, &predictions));
            }
        }
    }
    // Fitted once, for both chapters.
    let mut decision = None;
    if let Some(model) = delivered {
        let found = decision_of(table, model, records).and_then(|found| {
            let found = decision.insert(found);
            in_use::of(table, column, records, catalog, model, found)
        });
        match found {
            Ok(found) => report.in_use = found,
            Err(error) => report.missing.push(format!("{}, in use: {error}", model.method.name)),
        }
    }
    report.missing.dedup();
    report.mistakes = delivered.and_then(|model| {
        let calibrator = decision.as_ref().map(|(decision, _)| &decision.calibrator);
        mistakes::of(records, catalog, model, calibrator, &report.classes)
    });
    Ok(report)
}

/// Counts the unreadable training, validation and test images that were left out.
fn skipped(column: &SoupsColumn, models: &[Model<'_>], records: Records<'_>) -> Result<[usize; 3], Error> {
    let pool: Vec<JobId> = column.methods.iter().flat_map(|jobs| jobs.pool.iter().cloned()).collect();
    let mut test = 0;
    for model in models {
        test = test.max(model.jobs.test.as_deref().map_or(Ok(0), |id| records.skipped(id))?);
    }
    let val = models.iter().map(|model| model.soup.skipped.len()).max();
    Ok([records.skipped_in_training(&pool)?, val.unwrap_or(0), test])
}

/// Fits the decision of a model to its validation predictions. Returns it with notes on it.
fn decision_of(
    table: &SoupsTable,
    model: &Model<'_>,
    Records { plan, runs }: Records<'_>,
) -> Result<(Decision, Vec<String>), Error> {
    let SoupRecord { weights, .. } = &model.soup;
    let job = plan.job(&model.jobs.soup);
    let (Some(job), Some(weights)) = (job, weights) else {
        return Err(Error::Job("a delivered soup has weights".to_owned()));
    };
    let names = recorded_classes(&runs.open(job, weights)?).unwrap_or_default();
    table.decision(runs, job, &model.soup, &names)
}

/// Returns the names of a soup's outputs from its file, for a report without the data.
fn classes(model: &Model<'_>, Records { plan, runs }: Records<'_>) -> Option<Vec<String>> {
    let file = runs.open(plan.job(&model.jobs.soup)?, model.soup.weights.as_ref()?).ok()?;
    recorded_classes(&file)
}

/// Returns the model that is worth most ([`SoupRecord::most_worth`]).
fn best<'a, 'm>(models: impl Iterator<Item = &'a Model<'m>>) -> Option<&'a Model<'m>>
where
    'm: 'a,
{
    let models: Vec<&Model<'m>> = models.collect();
    let soups: Vec<&SoupRecord> = models.iter().map(|model| &model.soup).collect();
    SoupRecord::most_worth(&soups).map(|at| models[at])
}

/// Collects the models with a test score. Single models with equal weights count once.
fn scored<'a, 'm: 'a>(
    dataset: &DatasetEntry,
    models: impl Iterator<Item = &'a Model<'m>>,
    records: Records<'_>,
) -> Result<Vec<Scored>, Error> {
    let score = |id: &str| records.score(id);
    let (mut found, mut singles) = (Vec::new(), Vec::new());
    for model in models {
        if model.is_single() {
            if singles.contains(&model.soup.digest) {
                continue;
            }
            singles.push(model.soup.digest);
        }
        let Some(test) = model.jobs.test.as_deref().map(score).transpose()?.flatten() else { continue };
        let mut ood = Vec::new();
        for (other, job) in dataset.ood.iter().zip(&model.jobs.ood) {
            if let Ok(job) = job
                && let Some(score) = score(&job.score)?
            {
                ood.push((other.name.clone(), score));
            }
        }
        let (name, single) = (model.method.name.clone(), model.is_single());
        found.push(Scored { name, single, test, ood });
    }
    Ok(found)
}

fn choice(model: &Model<'_>, selected_by: Option<Metric>, greedy_barriers: &[GreedyBarrier]) -> Choice {
    let SoupRecord { soup, candidates, left_out, cross_fitted: of, .. } = &model.soup;
    let (of, folds) = (of.as_ref(), of.as_ref().map_or(0, |of| of.folds));
    let step = |decision: &ff_soup::Decision| {
        let path = greedy_barriers.iter().find(|step| step.decision == *decision).map(|step| &step.path);
        Step {
            group: decision.group.clone(),
            candidate: decision.candidate.clone(),
            alone: decision.alone,
            before: decision.before,
            tried: decision.tried,
            at_most: decision.at_most,
            standard_error: decision.standard_error,
            taken: decision.taken,
            barrier: path.map(|path| path.barrier),
            distance: path.map(|path| path.distance),
        }
    };
    let rule = match (coefficients(soup), &model.method.select) {
        (Some(coefficients), _) => Rule::Learned(coefficients),
        (None, Selection::Pruned { .. }) => Rule::Pruned,
        (None, select) if select.hierarchy().is_some() => Rule::Added,
        _ => Rule::Merged,
    };
    Choice {
        method: model.method.name.clone(),
        rule,
        candidates: *candidates,
        ingredients: soup
            .average
            .shares()
            .into_iter()
            .map(|(name, share)| (name.to_owned(), share))
            .collect(),
        steps: soup.decisions.iter().map(step).collect(),
        left_out: left_out.clone(),
        selected_by,
        validation: Some(model.soup.validation()),
        cross_fitted: model.soup.cross_fitted().filter(|_| folds > 0),
        folds,
        agreeing: of.and_then(|of| of.same),
    }
}
