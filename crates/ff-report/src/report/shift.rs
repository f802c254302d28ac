//! Out-of-distribution scores over in-distribution scores (FissionFusion, Fig. 3).

use ff_eval::Score;
use itertools::Itertools;
use maud::{Markup, html};

use crate::figure::{Curve, CurveKind, Curves, Span, Spot};
use crate::report::data::{ColumnReport, Scored};
use crate::report::picture;

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let plots = plots(column);
    plots.first()?;
    Some(html! {
        p {
            "The x axis is the score on the test split, the y axis that on shifted images. Whiskers are 95 % bootstrap \
             intervals. Large markers are soups and ensembles, small ones single models. Below the dashed line the score on \
             shifted images is lower."
        }
        div.plots { @for plot in &plots { (picture::curves(plot, &plot.title)) } }
    })
}

fn plots(column: &ColumnReport) -> Vec<Curves> {
    let names = column.scored.iter().flat_map(|of| of.ood.iter().map(|of| of.0.as_str())).unique();
    let plot = |name: &str| {
        let curves: Vec<Curve> = column.scored.iter().filter_map(|of| curve(of, name)).collect();
        (!curves.is_empty()).then(|| Curves {
            title: format!("{} and {name}", column.name()),
            x_label: format!("test {}", column.metric.title()),
            y_label: format!("shifted {}", column.metric.title()),
            x: Span::Data,
            y: Span::Data,
            curves,
            diagonal: Some("equal scores".to_owned()),
            height: 320,
            legend: true,
        })
    };
    names.filter_map(plot).collect()
}

fn curve(of: &Scored, ood: &str) -> Option<Curve> {
    let (_, shifted) = of.ood.iter().find(|(name, _)| name == ood)?;
    let ends = |score: &Score| score.interval.as_ref().map(|of| (of.low, of.high));
    let spot = Spot {
        x: of.test.value.value()?,
        y: shifted.value.value()?,
        x_ends: ends(&of.test),
        y_ends: ends(shifted),
        mark: true,
    };
    let kind = if of.single { CurveKind::Marks } else { CurveKind::Emphasis };
    Some(Curve { name: of.name.clone(), spots: vec![spot], kind })
}
