//! Plots inside the page.
//!
//! They are drawn black on white, in a few fixed colours. The page's style maps each colour to
//! another one in dark mode. So the SVG text is the same in a file and on the page.

use maud::{Markup, PreEscaped, html};

use crate::error::Error;
use crate::figure::{Curves, Plot};

/// A plot of curves; in place of one that cannot be drawn, the reason.
pub(super) fn curves(plot: &Curves, caption: &str) -> Markup {
    figure(&plot.title, plot.to_svg(), caption, "plot")
}

/// A plot that may be wider than a phone's screen and then scrolls sideways.
pub(super) fn broad(plot: &Plot) -> Markup {
    figure(plot.title(), plot.to_svg(), "", "plot broad")
}

fn figure(title: &str, svg: Result<String, Error>, caption: &str, class: &str) -> Markup {
    html! {
        @match svg {
            Ok(svg) => figure class=(class) {
                div.wide { (PreEscaped(inline(&svg, title))) }
                @if !caption.is_empty() { figcaption { (caption) } }
            },
            Err(Error::NoPoint { .. }) => p.note { "No data to plot yet: " (title) "." },
            Err(error) => p.note { (error) },
        }
    }
}

/// The picture as an element of the page: with a text alternative, and without attributes that the
/// page's style sets.
fn inline(svg: &str, title: &str) -> String {
    let label = html! { span aria-label=(title) {} }.into_string();
    let label = label.trim_start_matches("<span ").trim_end_matches("></span>");
    svg.replacen("<svg ", &format!("<svg role=\"img\" {label} "), 1)
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" opacity=\"1\"", "")
        .replace("15.000000000000002", "15")
        .replace("17.000000000000004", "17")
        .replace(">\n", ">")
        .replace("\n</text>", "</text>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_escaped() {
        let svg = inline("<svg width=\"1\">\n</svg>", "a \"b\" <c>");
        assert_eq!(svg, "<svg role=\"img\" aria-label=\"a &quot;b&quot; &lt;c&gt;\" width=\"1\"></svg>");
    }
}
