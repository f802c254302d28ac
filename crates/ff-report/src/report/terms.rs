//! Abbreviations of methods, spelt out where the page first uses them.

use itertools::Itertools;
use maud::{Markup, html};

/// The papers' abbreviations, which names of rows hold.
const TERMS: [(&str, &str); 4] = [
    ("GS", "grid search"),
    ("FGG", "Fast Geometric Generation, a run with a cyclic learning rate that saves a model each cycle"),
    ("GoU", "Greedy of Uniform, a greedy soup of uniform soups"),
    ("GoG", "Greedy of Greedy, a greedy soup of greedy soups"),
];

/// The abbreviations that the page has not used yet.
pub(super) struct Terms(Vec<(&'static str, &'static str)>);

impl Terms {
    pub fn new() -> Terms {
        Terms(TERMS.to_vec())
    }

    /// A note on those that are used in these texts for the first time.
    pub fn note<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Option<Markup> {
        let words: Vec<&str> =
            texts.into_iter().flat_map(|text| text.split(|of: char| !of.is_alphanumeric())).collect();
        let (used, others) = self.0.iter().partition(|(term, _)| words.contains(term));
        self.0 = others;
        let used: Vec<(&str, &str)> = used;
        let said = used.iter().map(|(term, meaning)| format!("{term}: {meaning}")).join(". ");
        (!used.is_empty()).then(|| html! { p.note.terms { (said) "." } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_spelt_out_once() {
        let mut terms = Terms::new();
        let first = terms.note(["GS (best)", "Greedy Soup"]).unwrap().into_string();
        assert_eq!(first, "<p class=\"note terms\">GS: grid search.</p>");
        assert!(terms.note(["GS (best)", "GoGs"]).is_none());
        assert!(terms.note(["take GoG"]).unwrap().into_string().contains("GoG: Greedy of Greedy"));
    }
}
