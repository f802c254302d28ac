//! A picture of differences: a dot and its interval for each row, one panel for each set of images.

use ff_eval::Shown;
use maud::{Markup, html};

use crate::figure::Scale;
use crate::report::advice::{Advice, Dot};

/// Draws each row of a data set with a network against its baseline, all panels on one scale.
///
/// Positions are shares of the width, so the picture fits a phone as well as a page.
pub(super) fn picture(advice: &Advice<'_>) -> Option<Markup> {
    let Advice { baseline, metric, sets, dots, .. } = advice;
    let baseline = baseline.as_deref()?;
    let of = |dot: &Dot| [dot.value, dot.ends.map_or(dot.value, |ends| ends.0), dot.ends.map_or(dot.value, |ends| ends.1)];
    let drawn = || dots.iter().flat_map(|(_, dots)| dots).flatten();
    drawn().next()?;
    let unit = if advice.in_points() { 100.0 } else { 1.0 };
    let numbers = drawn().flat_map(of).chain([0.0]).map(|number| number * unit);
    let scale = Scale::around(numbers, 3.0);
    let at = |number: f64| format!("{:.2}%", 100.0 * scale.share(number * unit));
    let axis = html! {
        svg.axis aria-hidden="true" {
            @for (place, name) in &scale.ticks {
                text x=(format!("{:.2}%", 100.0 * scale.share(*place))) y="11" { @if *place > 0.0 { "+" } (name) }
            }
        }
    };
    let row = |dot: &Dot| html! {
        svg role="img" aria-label=(advice.said(dot)) class=(kind(dot.shown)) {
            line.zero x1=(at(0.0)) x2=(at(0.0)) y1="0" y2="100%" {}
            @if let Some((low, high)) = dot.ends { line x1=(at(low)) x2=(at(high)) y1="50%" y2="50%" {} }
            circle cx=(at(dot.value)) cy="50%" r="4.5" {}
        }
    };
    Some(html! {
        figure.dots {
            table {
                caption.hidden { (advice.column.name()) ": differences from " (baseline) }
                thead {
                    tr { th scope="col" { span.hidden { "Method" } } @for set in sets { th scope="col" { (set.title()) } } }
                    tr.ticks aria-hidden="true" { td {} @for _ in sets { td { (axis) } } }
                }
                tbody { @for (name, dots) in dots {
                    tr class=[(advice.take.as_deref() == Some(name)).then_some("taken")] {
                        th scope="row" { (name) }
                        @for dot in dots { td { @match dot { Some(dot) => (row(dot)), None => span.note { "no result" } } } }
                    }
                } }
            }
            figcaption {
                "Difference from " (baseline) ", " (advice.baseline_is) ", in " (metric.title())
                @if advice.in_points() { " points" }
                ", with 95 % interval. Right of the line is better; a full dot is one whose interval excludes 0."
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
