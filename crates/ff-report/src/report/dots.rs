//! A picture of differences: a dot and its interval for each row, one panel for each set of images.

use ff_eval::Shown;
use maud::{Markup, html};

use crate::figure::Scale;
use crate::report::advice::{Advice, Dot};

/// Explains the pictures.
pub(super) const READING: &str = "Pictures: the difference of each row from the best single model or the \
                                  baseline, on all sets of images at one scale, with its 95 % interval. Right \
                                  of the line is better. A full dot is one whose interval excludes 0. A dotted \
                                  line is chance, where it is in range.";

/// The unit of the scale, its narrowest range to each side of 0, and its most intervals.
const POINTS: (f64, f64, f64) = (100.0, 2.0, 5.0);
const LOG_LOSS: (f64, f64, f64) = (1.0, 0.02, 3.0);

/// Draws each row of a data set with a network against its baseline, all panels on one scale.
///
/// Positions are shares of the width, so the picture fits a phone as well as a page.
pub(super) fn picture(advice: &Advice<'_>) -> Option<Markup> {
    let Advice { column, baseline, metric, sets, dots, .. } = advice;
    let baseline = baseline.as_deref()?;
    let drawn = || dots.iter().flat_map(|(_, dots)| dots).flatten();
    drawn().next()?;
    let (unit, least, intervals) = if advice.in_points() { POINTS } else { LOG_LOSS };
    let numbers = drawn().flat_map(|dot| {
        let (low, high) = dot.ends.unwrap_or((dot.value, dot.value));
        [low * unit, dot.value * unit, high * unit]
    });
    let scale = Scale::around(numbers.chain([-least, least]), intervals);
    let place = |number: f64| format!("{:.2}%", 100.0 * scale.share(number));
    let at = |number: f64| place(number * unit);
    // Names of ticks at the ends would leave the panel.
    let ticks = || scale.ticks.iter().filter(|(number, _)| (0.05..0.95).contains(&scale.share(*number)));
    let chance = |set: usize| {
        let less = (*advice.chances_less.get(set)?)?;
        (0.0..1.0).contains(&scale.share(less * unit)).then(|| at(less))
    };
    let svg = |set: usize, dot: &Dot| {
        html! {
            svg role="img" aria-label=(advice.said(dot)) class=(kind(dot.shown)) {
                line.zero x1=(at(0.0)) x2=(at(0.0)) y1="0" y2="100%" {}
                @if let Some(level) = chance(set) { line.chance x1=(level) x2=(level) y1="0" y2="100%" {} }
                @if let Some((low, high)) = dot.ends { line x1=(at(low)) x2=(at(high)) y1="50%" y2="50%" {} }
                circle cx=(at(dot.value)) cy="50%" r="4.5" {}
            }
        }
    };
    let in_points = if advice.in_points() { " points" } else { "" };
    Some(html! {
        figure.dots {
            figcaption { strong { (column.backbone) } " less " (baseline) ", in " (metric.title()) (in_points) }
            table {
                thead {
                    tr { th scope="col" { span.hidden { "Method" } } @for set in sets { th scope="col" { (set.title()) } } }
                    tr aria-hidden="true" {
                        td {}
                        @for _ in sets { td { svg.axis {
                            @for (number, name) in ticks() { text x=(place(*number)) y="11" { @if *number > 0.0 { "+" } (name) } }
                        } } }
                    }
                }
                tbody { @for (name, dots) in dots {
                    tr class=[(advice.take.as_ref() == Some(name)).then_some("taken")] {
                        th scope="row" { (name) }
                        @for (set, dot) in dots.iter().enumerate() { td { @match dot { Some(dot) => (svg(set, dot)), None => span.note { "no result" } } } }
                    }
                } }
            }
        }
    })
}

fn kind(shown: Shown) -> &'static str {
    match shown {
        Shown::Higher => "better",
        Shown::Lower => "worse",
        Shown::Neither => "neither",
    }
}
