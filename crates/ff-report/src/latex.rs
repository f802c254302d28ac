//! LaTeX tables, with the packages booktabs and graphicx.

use std::fmt::Write as _;

use itertools::Itertools;

use crate::rank::Rank;
use crate::section::{Field, Footnotes, Section};

/// Writes the sections, each as a `table` float.
pub(crate) fn document(title: &str, sections: &[Section]) -> String {
    let title = title.replace(['\n', '\r'], " ");
    let mut text = format!("% {title}\n% \\usepackage{{booktabs}}\n% \\usepackage{{graphicx}}\n");
    for section in sections {
        write_section(&mut text, section);
    }
    text
}

/// Shrinks a table that is wider than the text to its width.
const SHRINK: &str = "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%";

/// The number of characters from which a field of words is a paragraph, so that its table is not
/// shrunk until it is illegible.
const LONG: usize = 60;

/// The alignments of a section's columns.
fn form(section: &Section) -> String {
    let long = |at: usize| section.rows.iter().any(|row| row[at].text.chars().count() >= LONG);
    let of = |at: usize| match at < section.words {
        true if long(at) => "p{0.6\\linewidth}",
        true => "l",
        false => "r",
    };
    (0..section.head.len()).map(of).collect()
}

fn write_section(text: &mut String, section: &Section) {
    let (form, footnotes) = (form(section), section.footnotes());
    // Writing to a String cannot fail.
    let _ = write!(text, "\n\\begin{{table}}\n\\centering\n\\caption{{{}}}\n", escape(&section.heading));
    let _ = writeln!(text, "{SHRINK}\n\\begin{{tabular}}{{{form}}}\n\\toprule");
    write_row(text, section.head.iter().map(|head| escape(head)));
    text.push_str("\\midrule\n");
    for row in &section.rows {
        write_row(text, row.iter().map(|field| write_field(field, &footnotes)));
    }
    let _ = writeln!(text, "\\bottomrule\n\\end{{tabular}}}}");
    for (nth, footnote) in footnotes.0.iter().enumerate() {
        let _ = writeln!(text, "\\par\\footnotesize\\textsuperscript{{{}}} {}", nth + 1, escape(footnote));
    }
    for remark in &section.remarks {
        let _ = writeln!(text, "\\par\\footnotesize {}", escape(remark));
    }
    text.push_str("\\end{table}\n");
}

fn write_row(text: &mut String, mut fields: impl Iterator<Item = String>) {
    text.push_str(&fields.join(" & "));
    text.push_str(" \\\\\n");
}

fn write_field(field: &Field, footnotes: &Footnotes) -> String {
    let text = escape(&field.text);
    let text = match field.mark {
        Some(Rank::Best) => format!("\\textbf{{{text}}}"),
        Some(Rank::Second) => format!("\\underline{{{text}}}"),
        None => text,
    };
    match footnotes.number(field) {
        Some(note) => format!("{text}\\textsuperscript{{{note}}}"),
        None => text,
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', letter]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            // After `\\`, LaTeX would read a bracket as its argument.
            '[' => escaped.push_str("{[}"),
            '–' => escaped.push_str("--"),
            '−' => escaped.push_str("$-$"),
            '±' => escaped.push_str("$\\pm$"),
            'α' => escaped.push_str("$\\alpha$"),
            'τ' => escaped.push_str("$\\tau$"),
            '→' => escaped.push_str("$\\rightarrow$"),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(
            escape(r"a_b & 5 % {c} $d# ~^\"),
            r"a\_b \& 5 \% \{c\} \$d\# \textasciitilde{}\textasciicircum{}\textbackslash{}"
        );
        assert_eq!(escape("[0.1, 0.2] – A → B"), "{[}0.1, 0.2] -- A $\\rightarrow$ B");
        assert_eq!(escape("α = 0.8 ± 0"), "$\\alpha$ = 0.8 $\\pm$ 0");
        assert_eq!(escape("HAM10000 (−log loss)"), "HAM10000 ($-$log loss)");
    }

    #[test]
    fn long_words_are_paragraphs() {
        let row = vec![Field::from("a"), Field::from("b ".repeat(30)), Field::from("0.5")];
        let section = Section::new("", 2, &["Column", "Verdict", "Test"], vec![row]);
        assert_eq!(form(&section), "lp{0.6\\linewidth}r");
    }
}
