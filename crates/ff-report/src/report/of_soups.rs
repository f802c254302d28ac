//! Soups and single models of a data set with a network: the advice, and the table of scores.

use ff_eval::{Score, Shown};

use crate::format;
use crate::published::FISSIONFUSION;
use crate::rank::{rankable, ranks};
use crate::report::advice::{Advice, Dot, ImageSet, Worth};
use crate::report::data::{ColumnReport, Comparison};
use crate::section::{Field, Section, marked};
use crate::table::{Cell, Column, Table, few_images, notes};
use crate::verdict::ColumnVerdict;

/// What validation images alone say, or why they say nothing.
pub(super) fn verdict(column: &ColumnReport, table: &Table) -> Option<String> {
    table.columns()[place(column, table)?].said()
}

/// The index of a column of the report in the table.
fn place(column: &ColumnReport, table: &Table) -> Option<usize> {
    table.columns().iter().position(|of| of.backbone == column.backbone && of.dataset == column.dataset)
}

pub(super) fn advice<'a>(column: &'a ColumnReport, table: &Table) -> Advice<'a> {
    let at = place(column, table);
    let head = at.map(|at| &table.columns()[at]);
    let row = table.rows().iter().find(|row| Some(&row.method) == column.best.as_ref());
    let cell = row.and_then(|row| row.cells.get(at?));
    let verdict = head.and_then(|head| head.verdict.as_ref());
    let sets = sets(at, table);
    let single = column.comparisons.first().map(|of| &of.single).or(verdict.map(|of| &of.single));
    let level =
        |set: &ImageSet| table.rows().iter().find_map(|row| score(row.cells.get(at?)?, set)?.chance.level);
    let baseline = single.and_then(|single| table.rows().iter().find(|row| row.method == *single));
    let chance_less =
        |set: &ImageSet| Some(level(set)? - score(baseline?.cells.get(at?)?, set)?.value.value()?);
    let mut advice = Advice {
        column,
        metric: column.metric,
        take: column.best.clone(),
        sentence: sentence(column, verdict, cell, head),
        worth: cell.map(|of| Worth { validation: of.validation, cross_fitted: of.cross_fitted }),
        scores: sets.iter().map(|set| format::score(score(cell?, set)?)).collect(),
        chances: sets.iter().map(level).collect(),
        chances_less: sets.iter().map(chance_less).collect(),
        cost: row.map(|row| row.cost),
        baseline: single.cloned(),
        baseline_is: "the best single model",
        dots: dots(column, table, &sets),
        sets,
        warnings: Vec::new(),
    };
    advice.warnings = worse(&advice).chain(column.warnings.iter().cloned()).collect();
    let few = head.and_then(few_images);
    advice.warnings.extend(few.map(|few| few.replacen("Fewer than", "Validation: fewer than", 1)));
    advice
}

/// The sets of images that rows are scored on.
fn sets(at: Option<usize>, table: &Table) -> Vec<ImageSet> {
    let Some(at) = at else { return Vec::new() };
    let scored = |set: &ImageSet| table.rows().iter().any(|row| score(&row.cells[at], set).is_some());
    let shifted = table.columns()[at].ood.iter().cloned().map(ImageSet::Shifted);
    [ImageSet::Test].into_iter().chain(shifted).filter(scored).collect()
}

fn score<'a>(cell: &'a Cell, set: &ImageSet) -> Option<&'a Score> {
    match set {
        ImageSet::Test => cell.test.as_ref(),
        ImageSet::Shifted(name) => cell.ood.iter().find(|(of, _)| of == name)?.1.as_ref(),
    }
}

fn sentence(
    column: &ColumnReport,
    verdict: Option<&ColumnVerdict>,
    cell: Option<&Cell>,
    head: Option<&Column>,
) -> [String; 2] {
    let Some(best) = &column.best else {
        let why = match head {
            Some(Column { collapsed: true, .. }) => "each predicts one class for all validation images",
            Some(Column { no_verdict: Some(why), .. }) => why,
            _ => "no row is recommended on validation images",
        };
        return ["No model to take".to_owned(), format!("{why}.")];
    };
    if let Some(verdict) = verdict.filter(|of| of.taken() == Some(best))
        && let Some((take, why)) = verdict.sentence(column.metric).split_once(": ")
    {
        return [take.to_owned(), why.to_owned()];
    }
    let fitted = if cell.is_some_and(|cell| cell.cross_fitted.is_some()) { "cross-fitted " } else { "" };
    let apart = verdict.filter(|of| of.taken().is_none()).map_or(String::new(), |of| {
        let images = format::count(of.of.samples as u64);
        format!(", but {} and {} cannot be told apart on {images} of them", of.soup, of.single)
    });
    let why = format!("it has the best {fitted}{} on validation images{apart}.", column.metric.title());
    [format!("Take {best}"), why]
}

/// Says on which images the model to take is worse than the best single model.
fn worse(advice: &Advice<'_>) -> impl Iterator<Item = String> {
    let of = |(set, dot): (&ImageSet, &Dot)| {
        let (take, single) = (advice.take.as_ref()?, advice.baseline.as_ref()?);
        let said = || format!("On {} {take} is worse than {single}: {}.", set.images(), advice.said(dot));
        (dot.shown == Shown::Lower).then(said)
    };
    advice.differences().filter_map(of).collect::<Vec<_>>().into_iter()
}

fn comparison<'a>(column: &'a ColumnReport, method: &str, set: &ImageSet) -> Option<&'a Comparison> {
    let is_of = |ood: &Option<String>| match set {
        ImageSet::Test => ood.is_none(),
        ImageSet::Shifted(name) => ood.as_ref() == Some(name),
    };
    column.comparisons.iter().find(|of| of.method == method && is_of(&of.ood))
}

fn dots(column: &ColumnReport, table: &Table, sets: &[ImageSet]) -> Vec<(String, Vec<Option<Dot>>)> {
    let dot = |method: &str, set: &ImageSet| {
        let of = comparison(column, method, set)?;
        match of.same {
            true => Some(Dot { value: 0.0, ends: None, shown: Shown::Neither }),
            false => of.difference.as_ref().map(Dot::of),
        }
    };
    let rows = table.rows().iter().filter(|row| column.comparisons.iter().any(|of| of.method == row.method));
    rows.map(|row| (row.method.clone(), sets.iter().map(|set| dot(&row.method, set)).collect())).collect()
}

/// The table of every score of a data set with a network: on validation, test and shifted images, the
/// difference from the best single model, and the paper's number.
pub(super) fn scores(column: &ColumnReport, table: &Table) -> Option<Section> {
    let at = place(column, table)?;
    let head = &table.columns()[at];
    let cells = || table.rows().iter().map(|row| &row.cells[at]);
    let numbers = |of: fn(&Cell) -> Option<f64>| -> Vec<Field> {
        cells().map(|cell| Field::from(of(cell).map(format::value))).collect()
    };
    let validation =
        cells().map(|cell| Field::from(cell.validation.map(|of| format::marked(of, cell.chance))));
    let mut columns = vec![("Validation".to_owned(), validation.collect())];
    let mut chances = vec![cells().find_map(|cell| cell.chance.level)];
    if cells().any(|cell| cell.cross_fitted.is_some()) {
        columns.push(("Cross-fitted".to_owned(), numbers(|cell| cell.cross_fitted)));
    }
    let sets = sets(Some(at), table);
    for set in &sets {
        let values: Vec<_> = cells().map(|cell| rankable(score(cell, set))).collect();
        let fields = cells().map(|cell| {
            let score = score(cell, set);
            Field::because(score.and_then(format::score), notes(cell, score))
        });
        chances.resize(columns.len(), None);
        chances.push(cells().find_map(|cell| score(cell, set)?.chance.level));
        columns.push((set.title(), marked(fields, ranks(&values))));
        if let Some(first) = column.comparisons.first() {
            let of = |row: &crate::table::Row| Field::from(difference(comparison(column, &row.method, set)));
            columns.push((format!("less {}", first.single), table.rows().iter().map(of).collect()));
        }
    }
    if sets.is_empty() {
        let why = cells().map(|cell| Field::because(None, notes(cell, None))).collect();
        columns.push(("Test".to_owned(), why));
    }
    if head.paper {
        columns.push(("Paper".to_owned(), numbers(|cell| cell.paper)));
        let less = cells().map(|cell| Field::from(cell.difference().map(format::difference)));
        columns.push(("Test − paper".to_owned(), less.collect()));
    }
    let samples = sets.iter().filter_map(|set| {
        let score = cells().find_map(|cell| score(cell, set))?;
        Some(format!("{} {}", format::samples(score), set.images()))
    });
    let samples = Some(samples.collect::<Vec<_>>().join(", ") + ".").filter(|said| said.len() > 1);
    let paper = head.paper.then(|| FISSIONFUSION.remarks(&head.backbone, &head.dataset));
    let heading = format!("{}: scores", column.name());
    chances.resize(columns.len(), None);
    Some(
        Section::of_methods(heading, table.rows().iter().map(|row| row.method.as_str()), columns)
            .remarks(samples)
            .remarks(head.paper.then(|| format!("Paper: {}.", FISSIONFUSION.source)))
            .remarks(paper.into_iter().flatten())
            .chance(chances.into_iter())
            .about_collapsed(),
    )
}

/// Formats a comparison: the difference, its interval and what it shows.
fn difference(of: Option<&Comparison>) -> Option<String> {
    let of = of?;
    if of.same {
        return Some("same weights".to_owned());
    }
    let Some(difference) = &of.difference else { return Some("undefined".to_owned()) };
    let value = format::difference(difference.value);
    let Some(interval) = &difference.interval else { return Some(format!("{value} [no interval]")) };
    let shown = match difference.shown() {
        Shown::Higher => " better",
        Shown::Lower => " worse",
        Shown::Neither => "",
    };
    Some(format!("{value} {}{shown}", format::interval(interval)))
}
