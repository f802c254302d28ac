//! The images of a data set: how many in each split and class, and what is wrong with them.

use maud::{Markup, html};

use crate::format;
use crate::report::data::{ColumnReport, ImagesReport};
use crate::report::grid;

const SPLITS: [&str; 3] = ["Training", "Validation", "Test"];

/// The table of images, from the first of the columns on a data set that knows them.
pub(super) fn section(columns: &[&ColumnReport]) -> Markup {
    let found = columns.iter().find_map(|column| Some((*column, column.images.as_ref()?)));
    html! {
        h3 { "Images" }
        @match found {
            Some((column, images)) => (table(column, images)),
            None => p.note { "The images are not at hand, so their numbers in each split are not shown." },
        }
    }
}

fn table(column: &ColumnReport, images: &ImagesReport) -> Markup {
    let row = |name: String, counts: [usize; 3], of: Option<[usize; 3]>| {
        let field = |split: usize| {
            let count = format::count(counts[split] as u64);
            match of.map(|of| of[split]).filter(|all| *all > 0) {
                Some(all) => format!("{count} ({:.1} %)", 100.0 * counts[split] as f64 / all as f64),
                None => count,
            }
        };
        [name].into_iter().chain((0..3).map(field)).collect::<Vec<_>>()
    };
    let mut rows = vec![row("All images".to_owned(), images.images, None)];
    rows.extend(images.groups.map(|groups| row("Patients or other groups".to_owned(), groups, None)));
    let classes = images.classes.iter().enumerate();
    rows.extend(classes.map(|(at, counts)| row(column.class(at), *counts, Some(images.images))));
    if images.skipped.iter().any(|&of| of > 0) {
        rows.push(row("Unreadable, left out".to_owned(), images.skipped, None));
    }
    let head: Vec<&str> = [""].into_iter().chain(SPLITS).collect();
    html! {
        (grid::long(&format!("{}: images", column.dataset), 1, &head, rows))
        @for said in &images.notes { p.note { (said) } }
    }
}
