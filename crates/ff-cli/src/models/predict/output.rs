//! Where rows go: a file that can be resumed, or stdout.

use std::io::Write;
use std::path::Path;

use anyhow::anyhow;
use ff_checkpoint::StateDict;
use ff_train::Classifier;

use super::images::Images;
use super::row_file::RowFile;
use super::rows::Rows;

/// Where rows go.
pub(super) struct Output {
    /// `None`: stdout.
    file: Option<RowFile>,
    /// The number of rows of images that cannot be read.
    pub unreadable: usize,
}

impl Output {
    /// Opens a file, with the rows that an earlier run with the same weights and labels wrote; or stdout
    /// for `-`.
    pub fn open(
        path: &Path,
        weights: &StateDict,
        rows: &Rows<'_>,
        images: &Images,
        batch: usize,
    ) -> anyhow::Result<Self> {
        let header = rows.header();
        if path.as_os_str() == "-" {
            let mut output = Self { file: None, unreadable: 0 };
            output.append(&header, 0)?;
            return Ok(output);
        }
        let spec = rows.classifier.model.spec();
        let Classifier { classes, decision, kind, .. } = rows.classifier;
        let identity =
            format!("{} {spec:?} {classes:?} {kind} {decision:?} {batch} {header}", weights.digest());
        let mut code = crc32c::crc32c(identity.as_bytes());
        for truth in (0..images.len()).filter_map(|at| images.truth(at)) {
            code = crc32c::crc32c_append(code, truth.text().as_bytes());
        }
        let mut unreadable = 0;
        let starts = |at: usize| (at < images.len()).then(|| rows.start(&images.path(at)));
        let file = RowFile::open(path, code, &header, batch, starts, |line| {
            unreadable += usize::from(rows.is_unreadable(line));
        })?;
        Ok(Self { file: Some(file), unreadable })
    }

    /// Returns the number of rows so far.
    pub fn rows(&self) -> usize {
        self.file.as_ref().map_or(0, RowFile::rows)
    }

    /// Writes rows. A reader that closes the pipe ends the program without an error.
    pub fn append(&mut self, text: &str, rows: usize) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => file.append(text, rows),
            None => match std::io::stdout().lock().write_all(text.as_bytes()) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
                result => result.map_err(|error| anyhow!("stdout: cannot be written: {error}")),
            },
        }
    }

    /// The error of an interrupted run.
    pub fn interrupted(&self, total: usize) -> anyhow::Error {
        match &self.file {
            None => anyhow!("interrupted"),
            Some(file) => anyhow!(
                "interrupted: {} has the rows of {} of {total} images; run the same command again to resume",
                file.partial().display(),
                file.rows()
            ),
        }
    }

    /// Removes a file whose rows are of no use.
    pub fn discard(self) {
        if let Some(file) = self.file {
            file.discard();
        }
    }

    /// Gives the complete file its name.
    pub fn finish(self) -> anyhow::Result<()> {
        self.file.map_or(Ok(()), RowFile::finish)
    }
}
