//! Paths of a table's files.

use std::path::{Path, PathBuf};

use ff_checkpoint::write_atomic;

use crate::error::Error;
use crate::plan::{ColumnHead, Records};

/// Writes a text file atomically, and returns its path.
pub(crate) fn write_text(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    write_atomic(&path, |file| std::io::Write::write_all(file, text.as_bytes()))?;
    Ok(path)
}

/// Returns the folder of a column's files: with one column the table's folder, else
/// `<backbone>/<dataset>` below it.
pub(crate) fn place(records: Records<'_>, columns: usize, head: &ColumnHead) -> PathBuf {
    let folder = records.plan.folder(records.runs);
    if columns == 1 { folder } else { folder.join(&head.backbone.name).join(&head.dataset.name) }
}
