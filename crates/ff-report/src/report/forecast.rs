//! Which models of a pool average, as foreseen, and how right that was.

use maud::{Markup, html};

use crate::format::{self, NOTHING};
use crate::report::data::{ColumnReport, ForecastReport, ModelForecast};
use crate::report::grid;

const INTRODUCTION: &str = "Before soups are made, a forecast says which models of a pool are worth trying \
                            with its best one. The barrier is the validation error halfway between two \
                            models less the mean of their own errors. Angle and distance are those of what \
                            training changed since the start of the models: the linear probe, or the base of \
                            models from files. The distance from the best model is given in its distances \
                            from the start. Whether a model is worth trying is a rule of thumb, so compare \
                            it with what selections then took.";

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let forecasts = &column.forecasts;
    (!forecasts.is_empty())
        .then(|| html! { p { (INTRODUCTION) } @for of in forecasts { (of_pool(column, of)) } })
}

fn of_pool(column: &ColumnReport, of: &ForecastReport) -> Markup {
    let name = format!("{}: {}", column.name(), of.pool);
    html! {
        h5 { "Pool " (of.pool) }
        p { (foreseen(of)) }
        @if let Some(said) = other_starts(of) { p { (said) } }
        @if of.no_start {
            p { "The start of these models is unknown, so distances and angles are those of the weights." }
        }
        @if !of.outcomes.is_empty() {
            ul { @for (row, counts) in &of.outcomes { li { (outcome(row, *counts)) } } }
        }
        (models(&name, of))
    }
}

/// Says how many models are worth trying.
fn foreseen(of: &ForecastReport) -> String {
    let others = || of.models.iter().filter(|model| model.name != of.best);
    match (others().filter(|model| model.worth).count(), others().count()) {
        (_, 0) => format!("{} is the only model.", of.best),
        (worth, 1) => format!(
            "The other model is {}worth trying with {}.",
            if worth == 1 { "" } else { "not " },
            of.best
        ),
        (worth, others) => {
            let are = if worth == 1 { "is" } else { "are" };
            format!("Of {others} other models, {worth} {are} worth trying with the best one, {}.", of.best)
        }
    }
}

/// Says which models are of another start than the best one; `None` if none is.
fn other_starts(of: &ForecastReport) -> Option<String> {
    let mut names = of.models.iter().filter(|model| model.other_start).map(|model| model.name.as_str());
    let first = names.next()?;
    let (is, more) = match names.count() {
        0 => ("was", String::new()),
        more => ("were", format!(" and {more} more")),
    };
    Some(format!(
        "{first}{more} {is} not fine-tuned from the weights that {} was: the cosine between their weights is below \
         0.5. The mean of such models is rarely better than chance. In ResNets and VGGs, a row with the method \
         rebasin first puts their units in the same order.",
        of.best
    ))
}

/// Says how many models of either kind a row took.
fn outcome(row: &str, [worth, others]: [[usize; 2]; 2]) -> String {
    let said = |[taken, left]: [usize; 2], kind: &str| format!("{taken} of {} {kind}", taken + left);
    format!(
        "{row} took {} and {}.",
        said(worth, "models that were called worth trying"),
        said(others, "that were not")
    )
}

/// The table of the models, by score.
fn models(name: &str, of: &ForecastReport) -> Markup {
    let barriers = of.models.iter().any(|model| model.barrier.is_some());
    let from = if of.no_start { "From 0" } else { "From the start" };
    let mut head = vec!["Model", "Worth trying", "Score alone", from, "Angle", "From the best"];
    head.extend(barriers.then_some("Barrier"));
    let mut models: Vec<&ModelForecast> = of.models.iter().collect();
    let score = |model: &ModelForecast| model.score.unwrap_or(f64::NEG_INFINITY);
    models.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let number = |value: Option<f64>| value.map_or(NOTHING.to_owned(), format::value);
    let row = |model: &ModelForecast| {
        let worth = match model.worth {
            _ if model.name == of.best => "the best",
            _ if model.other_start => "no, of another start",
            true => "yes",
            false => "no",
        };
        let mut row = vec![
            model.name.clone(),
            worth.to_owned(),
            number(model.score),
            format::value(model.from_start),
            model.angle.map_or(NOTHING.to_owned(), |angle| format!("{angle:.0}°")),
            number(model.distance),
        ];
        row.extend(barriers.then(|| number(model.barrier)));
        row
    };
    grid::long(name, 2, &head, models.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(worth: &[bool]) -> ForecastReport {
        let model = |(at, &worth): (usize, &bool)| ModelForecast {
            name: format!("m{at}"),
            score: Some(0.5),
            from_start: 1.0,
            other_start: false,
            angle: None,
            distance: None,
            barrier: None,
            worth,
        };
        let models = worth.iter().enumerate().map(model).collect();
        ForecastReport { pool: "grid".into(), no_start: false, best: "m0".into(), models, outcomes: vec![] }
    }

    #[test]
    fn the_best_model_is_not_counted() {
        for (worth, said) in [
            (&[true][..], "m0 is the only model."),
            (&[true, true], "The other model is worth trying with m0."),
            (&[true, false], "The other model is not worth trying with m0."),
            (&[true, false, true], "Of 2 other models, 1 is worth trying with the best one, m0."),
            (&[true, false, false, false], "Of 3 other models, 0 are worth trying with the best one, m0."),
        ] {
            assert_eq!(foreseen(&forecast(worth)), said);
        }
    }

    #[test]
    fn models_of_another_start_are_named() {
        let mut found = forecast(&[true, false, false]);
        assert_eq!(other_starts(&found), None);
        found.models[2].other_start = true;
        assert!(
            other_starts(&found).unwrap().starts_with("m2 was not fine-tuned from the weights that m0 was")
        );
        found.models[1].other_start = true;
        assert!(other_starts(&found).unwrap().starts_with("m1 and 1 more were not"));
    }

    #[test]
    fn outcomes_are_a_table_in_words() {
        assert_eq!(
            outcome("Greedy", [[3, 5], [0, 4]]),
            "Greedy took 3 of 8 models that were called worth trying and 0 of 4 that were not."
        );
    }
}
