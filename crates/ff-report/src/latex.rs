//! LaTeX with booktabs.

use std::fmt::Write as _;

use crate::section::{Field, Section, sections};
use crate::{Rank, Table};

impl Table {
    /// The parts of [`Table::to_markdown`], each a `table` float. The document needs `\usepackage{booktabs}` and an
    /// engine or input encoding that reads UTF-8, which is LaTeX's default.
    pub fn to_latex(&self) -> String {
        let mut text = format!("% {}\n% \\usepackage{{booktabs}}\n", self.title().replace(['\n', '\r'], " "));
        for section in sections(self) {
            write_section(&mut text, &section);
        }
        text
    }
}

fn write_section(text: &mut String, section: &Section) {
    let columns = section.head.len();
    let form = "l".repeat(section.words.min(columns)) + &"r".repeat(columns.saturating_sub(section.words));
    // Writing to a String cannot fail.
    let _ = write!(text, "\n\\begin{{table}}\n\\centering\n\\caption{{{}}}\n", escape(&section.heading));
    let _ = writeln!(text, "\\begin{{tabular}}{{{form}}}\n\\toprule");
    write_row(text, section.head.iter().map(|head| escape(head)));
    text.push_str("\\midrule\n");
    for row in &section.rows {
        write_row(text, row.iter().map(write_field));
    }
    text.push_str("\\bottomrule\n\\end{tabular}\n");
    for (nth, footnote) in section.footnotes.iter().enumerate() {
        let _ = writeln!(text, "\\par\\footnotesize\\textsuperscript{{{}}} {}", nth + 1, escape(footnote));
    }
    for remark in &section.remarks {
        let _ = writeln!(text, "\\par\\footnotesize {}", escape(remark));
    }
    text.push_str("\\end{table}\n");
}

fn write_row(text: &mut String, fields: impl Iterator<Item = String>) {
    text.push_str(&fields.collect::<Vec<_>>().join(" & "));
    text.push_str(" \\\\\n");
}

fn write_field(field: &Field) -> String {
    let text = escape(&field.text);
    let text = match field.mark {
        Some(Rank::Best) => format!("\\textbf{{{text}}}"),
        Some(Rank::Second) => format!("\\underline{{{text}}}"),
        None => text,
    };
    match field.note {
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
            // After `\\` a bracket would be read as its argument.
            '[' => escaped.push_str("{[}"),
            '–' => escaped.push_str("--"),
            '−' => escaped.push_str("$-$"),
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
    fn escapes_what_latex_would_obey() {
        assert_eq!(
            escape(r"a_b & 5 % {c} $d# ~^\"),
            r"a\_b \& 5 \% \{c\} \$d\# \textasciitilde{}\textasciicircum{}\textbackslash{}"
        );
        assert_eq!(escape("[0.1, 0.2] – A → B"), "{[}0.1, 0.2] -- A $\\rightarrow$ B");
    }
}
