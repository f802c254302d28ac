//! The numbers in `docs/guide/which-method.md`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{GENERATED, methods};
use crate::evidence::findings::Findings;
use crate::files;

const END: &str = "<!-- End of what is generated. -->\n";

/// The rows that the guide tells of.
const ROWS: [&str; 9] = [
    "FGG minimal (best)",
    "GoG minimal",
    "FGG minimal ensemble",
    "GoG",
    "Greedy",
    "Learned by layer",
    "EMA (best)",
    "Ensemble",
    "Uniform",
];

/// Replaces the generated table of the guide.
pub fn update(path: &Path, findings: &Findings) -> Result<()> {
    let name = || path.display().to_string();
    let page = fs::read_to_string(path).with_context(name)?;
    let page = with_table(&page, &methods::shares(findings, &ROWS))
        .with_context(|| format!("{}: expected {GENERATED}and {END}", path.display()))?;
    files::write(path, &page)
}

fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(GENERATED)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{GENERATED}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("text\n\n{GENERATED}old\n{END}\nmore\n");
        let once = with_table(&page, "| new |\n").unwrap();
        assert_eq!(once, format!("text\n\n{GENERATED}\n| new |\n\n{END}\nmore\n"));
        assert_eq!(with_table(&once, "| new |\n").as_ref(), Some(&once));
        assert_eq!(with_table("text\n", "| new |\n"), None);
    }
}
