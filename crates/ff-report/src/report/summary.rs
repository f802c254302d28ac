//! The first screen: what to take for each data set, how it does on test and shifted images, and what it costs.

use ff_eval::Shown;
use itertools::Itertools;
use maud::{Markup, html};

use crate::format;
use crate::report::advice::{Advice, Dot, ImageSet};
use crate::report::data::ExperimentReport;
use crate::report::recommend::DataSet;
use crate::report::terms::Terms;
use crate::report::{costs, dots, grid};

/// The summary of one experiment; `anchor` names the panel of a data set by its index.
pub(super) fn of_experiment(
    experiment: &ExperimentReport,
    sets: &[DataSet<'_>],
    anchor: impl Fn(usize) -> String,
    terms: &mut Terms,
) -> Markup {
    let advice: Vec<&Advice<'_>> = sets.iter().flat_map(|set| &set.networks).collect();
    let (done, jobs) =
        experiment.progress.iter().fold((0, 0), |(done, jobs), of| (done + of.done, jobs + of.jobs));
    let cost = costs::sentence(experiment, &advice);
    let many = advice.len() > 1;
    let spelt = if many { terms.note([cost.as_str()]) } else { None };
    let of_one = if many { None } else { Some(cost.as_str()) };
    let cards = sets.iter().enumerate().map(|(nth, set)| card(set, &anchor(nth), of_one, terms));
    let cards: Vec<Markup> = cards.collect();
    html! {
        @if done < jobs {
            p.warning { "Not finished: " (done) " of " (jobs) " jobs are done. The results below are preliminary." }
        }
        @if many { p { (counts(&advice)) } p { (cost) } (spelt.unwrap_or_default()) }
        div.cards { @for card in cards { (card) } }
        @if advice.iter().any(|of| !of.dots.is_empty()) { p.note { (dots::READING) } }
        @for why in &experiment.missing { p.warning { "Missing: " (why) } }
        (costs::section(experiment, &advice, terms))
    }
}

/// What to take for a data set, and the picture of each of its networks.
fn card(set: &DataSet<'_>, anchor: &str, cost: Option<&str>, terms: &mut Terms) -> Markup {
    let ranked = set.ranked();
    let Some((first, others)) = ranked.split_first() else { return html! {} };
    let rows = ranked.iter().flat_map(|of| of.dots.iter().map(|(name, _)| name.as_str()));
    let used = ranked.iter().flat_map(|of| of.sentence.iter().map(String::as_str)).chain(rows).chain(cost);
    let spelt = terms.note(used);
    html! {
        article.card {
            div {
                h4 {
                    a href=(format!("#{anchor}")) { (set.name) }
                    span.note { " " (first.column.backbone) ", " (first.metric.title()) }
                }
                p { strong { (first.sentence[0]) } ": " (first.sentence[1]) }
                (scores(first))
                @if let Some(said) = on_images(first) { p { (said) } }
                @if let Some(cost) = cost { p { (cost) } }
                @for other in others { p { (with_network(other)) } }
                @for warning in ranked.iter().flat_map(|of| &of.warnings).unique() { p.warning { (warning) } }
                @for (name, all) in ranked.iter().map(|of| (&of.column.backbone, &of.column.missing)) {
                    @if let Some(one) = all.first() {
                        p.warning { "Missing (" (name) "): " (one) @if all.len() > 1 { ", and " (all.len() - 1) " more" } "." }
                    }
                }
                (spelt.unwrap_or_default())
            }
            div.pictures { @for of in &ranked { (dots::picture(of).unwrap_or_default()) } }
        }
    }
}

/// The scores of the model to take; before there are test scores, that on validation images.
fn scores(advice: &Advice<'_>) -> Markup {
    let validation = advice.worth.and_then(|of| of.validation).filter(|_| advice.sets.is_empty());
    let scores = itertools::izip!(&advice.sets, &advice.scores, &advice.chances);
    let scores = scores.filter_map(|(set, score, chance)| Some((set, score.as_ref()?, chance)));
    html! {
        dl.scores {
            @if let Some(score) = validation { div { dt { "Validation" } dd { (format::value(score)) } } }
            @for (set, score, chance) in scores {
                div {
                    dt { (set.title()) @if let Some(level) = chance { ", chance " (format::value(*level)) } }
                    dd { (grid::value(score)) }
                }
            }
        }
    }
}

/// What to take with another network, in one sentence.
fn with_network(advice: &Advice<'_>) -> String {
    let scores = advice.sets.iter().zip(&advice.scores);
    let mut scores =
        scores.filter_map(|(set, score)| Some(format!("{} on {}", score.as_ref()?, set.images())));
    let said = advice.take.as_ref().map_or("no model to take".to_owned(), |take| format!("take {take}"));
    let scores = scores.join(", ");
    format!("With {}, {said}{}{scores}.", advice.column.backbone, if scores.is_empty() { "" } else { ": " })
}

/// What test and shifted images say of the model to take.
fn on_images(advice: &Advice<'_>) -> Option<String> {
    let (take, baseline) = (advice.take.as_ref()?, advice.baseline.as_ref()?);
    let of = |(set, dot): (&ImageSet, &Dot)| {
        let images = set.images();
        let said = match dot.shown {
            Shown::Higher => "better",
            Shown::Lower => "worse",
            Shown::Neither if dot.ends.is_none() && dot.value == 0.0 => {
                return format!("the same on {images}");
            }
            Shown::Neither => "no difference shown",
        };
        format!("{said} on {images} ({})", advice.said(dot))
    };
    let said = advice.differences().map(of).join("; ");
    // A row may be called by what it is.
    let is = match advice.baseline_is.ends_with(&baseline.to_lowercase()) {
        true => String::new(),
        false => format!(", {}", advice.baseline_is),
    };
    (!said.is_empty()).then(|| format!("{take} against {baseline}{is}: {said}."))
}

/// Counts what test and shifted images say of the models to take.
fn counts(advice: &[&Advice<'_>]) -> String {
    let same = advice.iter().filter(|of| of.is_baseline()).count();
    let none = advice.iter().filter(|of| of.take.is_none()).count();
    let is = advice.first().map_or("", |of| of.baseline_is);
    let on = |shifted: bool| {
        let differences = advice.iter().filter(|of| !of.is_baseline()).flat_map(|of| of.differences());
        let of_set = differences.filter(|(set, _)| set.is_shifted() == shifted);
        let shown: Vec<Shown> = of_set.map(|(_, dot)| dot.shown).collect();
        let [better, worse, neither] = [Shown::Higher, Shown::Lower, Shown::Neither]
            .map(|wanted| shown.iter().filter(|of| **of == wanted).count());
        let images = if shifted { "shifted" } else { "test" };
        let said = format!(
            "on {images} images {better} better, {worse} worse, {neither} without a difference shown"
        );
        (!shown.is_empty()).then_some(said)
    };
    let said = [on(false), on(true)].into_iter().flatten().join("; ");
    let mut text =
        format!("Of {} data sets with a network, the model to take is {is} in {same}", advice.len());
    if none > 0 {
        text += &format!("; in {none} there is no model to take");
    }
    match (said.is_empty(), same + none == advice.len()) {
        (true, true) => text + ".",
        (true, false) => text + ". The others are not compared on test images yet.",
        (false, _) => format!("{text}. The others against it: {said}."),
    }
}
