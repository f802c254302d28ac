//! Where files of a table go.

use std::path::{Path, PathBuf};

use ff_checkpoint::write_atomic;

use crate::error::Error;
use crate::plan::{ColumnHead, Records};

pub(crate) fn write_text(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    write_atomic(&path, |file| std::io::Write::write_all(file, text.as_bytes()))?;
    Ok(path)
}

/// Where a column's own files lie: with one column in the table's folder itself, else in
/// `<backbone>/<dataset>` below it.
pub(crate) fn place(records: Records<'_>, columns: usize, head: &ColumnHead) -> PathBuf {
    let folder = records.plan.folder(records.runs);
    if columns == 1 { folder } else { folder.join(&head.backbone.name).join(&head.dataset.name) }
}
