//! DeLong's test of rows against the best single model.

use ff_eval::DeLong;
use maud::{Markup, html};

use crate::format::{self, NOTHING};
use crate::report::data::{ColumnReport, Comparison};
use crate::report::grid;

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let with_areas = || column.comparisons.iter().filter(|of| !of.delong.is_empty());
    with_areas().next()?;
    Some(html! { @for of in with_areas() { (delong(column, of)) } })
}

fn delong(column: &ColumnReport, of: &Comparison) -> Markup {
    let on = of.ood.as_deref().unwrap_or("test");
    let name = format!("{}: {} compared with {} on {on}", column.name(), of.method, of.single);
    let rows = of.delong.iter().map(|output| {
        let mut row = vec![column.class(output.output)];
        row.extend(match &output.outcome {
            DeLong::Undefined(why) => {
                let none = NOTHING.to_owned();
                [none.clone(), none.clone(), why.clone(), none]
            }
            DeLong::Defined(of) => {
                let (low, high) = of.interval;
                let ends = format!("[{}, {}]", format::value(low), format::value(high));
                let p = of.p.map_or(NOTHING.to_owned(), |p| format!("{p:.3}"));
                let difference = format!("{} {ends}", format::difference(of.difference));
                [format::value(of.baseline), format::value(of.other), difference, p]
            }
        });
        row
    });
    html! {
        h5 { (name) }
        (grid::plain(&name, 1, &["Output", &of.single, &of.method, "Difference and interval", "p"], rows.collect()))
    }
}
