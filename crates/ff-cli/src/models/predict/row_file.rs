//! A file of rows that is written over hours and may be interrupted.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use crate::lock::Lock;

/// A file of rows, each a line. Until it is complete, it has a name of its own, and whole
/// rows; the next run with the same rows appends the others.
pub(super) struct RowFile {
    path: PathBuf,
    partial: PathBuf,
    file: Lock,
    /// Bytes and number of the whole rows, the header not counted.
    bytes: u64,
    rows: usize,
}

impl RowFile {
    /// Opens a file that will be called `path`, with the rows that an earlier run wrote. `identity` is a
    /// checksum of what the rows depend on besides the images; rows with another are in another file.
    /// `starts` returns how the row of a number starts, or `None` after the last. Rows that start so are
    /// kept, in whole batches of `batch`, and passed to `seen`.
    ///
    /// # Errors
    /// The file exists, another process is writing it, or it cannot be written.
    pub fn open(
        path: &Path,
        identity: u32,
        header: &str,
        batch: usize,
        starts: impl FnMut(usize) -> Option<String>,
        seen: impl FnMut(&str),
    ) -> anyhow::Result<Self> {
        let shown = path.display();
        match path.metadata() {
            Ok(found) if found.is_dir() => {
                bail!("--output: expected the name of a file, found a folder, {shown}")
            }
            Ok(found) if !found.is_file() => {
                bail!("--output: expected a new file, found a device or a pipe, {shown}\nhint: - is stdout")
            }
            Ok(_) => bail!(
                "--output: expected the name of a new file, found {shown}\nhint: remove it, or give another name"
            ),
            Err(_) => {}
        }
        let name = path
            .file_name()
            .with_context(|| format!("--output: expected the name of a file, found {shown}"))?;
        let partial = path.with_file_name(format!("{}.{identity:08x}.partial", name.to_string_lossy()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&partial);
        let file = file.map_err(|error| anyhow!("{}: cannot be written: {error}", partial.display()))?;
        let Some(file) = Lock::of(file) else {
            bail!("{}: another process is writing this file", partial.display());
        };
        let (bytes, rows, foreign) = whole_rows(&file, header, batch, starts, seen)
            .with_context(|| format!("{}: cannot be read", partial.display()))?;
        if foreign {
            bail!(
                "{}: expected the rows of these images, found those of others from row {} on\n\
                 hint: remove this file to start over, or give another --output",
                partial.display(),
                rows + 1
            );
        }
        let mut opened = Self { path: path.to_owned(), partial, file, bytes, rows };
        opened.cut()?;
        if bytes == 0 {
            opened.append(header, 0)?;
        }
        Ok(opened)
    }

    /// Returns the number of rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns where the rows are until the file is complete.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Appends rows. If that fails, the file keeps the rows of before.
    pub fn append(&mut self, text: &str, rows: usize) -> anyhow::Result<()> {
        if let Err(error) = (&*self.file).write_all(text.as_bytes()) {
            self.cut()?;
            bail!(
                "{}: cannot be written: {error}\nhint: {} rows are in this file; the same command appends the others",
                self.partial.display(),
                self.rows
            );
        }
        self.bytes += text.len() as u64;
        self.rows += rows;
        Ok(())
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// There is a file of that name by now, or it cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let Self { path, partial, file, .. } = self;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A hard link, unlike a rename, does not replace a file that another run has written.
        let named = file.sync_all().and_then(|()| match std::fs::hard_link(&partial, &path) {
            Ok(()) => std::fs::remove_file(&partial),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            Err(_) => std::fs::rename(&partial, &path),
        });
        named.map_err(|error| {
            anyhow!("{}: cannot be written: {error}; the rows are in {}", path.display(), partial.display())
        })?;
        // Not every file system can.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// Removes the file. Rows that stay do no harm.
    pub fn discard(self) {
        let _ = std::fs::remove_file(&self.partial);
    }

    /// Removes what follows the whole rows, and goes to their end.
    fn cut(&mut self) -> anyhow::Result<()> {
        let cut =
            self.file.set_len(self.bytes).and_then(|()| (&*self.file).seek(SeekFrom::Start(self.bytes)));
        cut.map_err(|error| anyhow!("{}: cannot be written: {error}", self.partial.display()))?;
        Ok(())
    }
}

/// Returns the bytes and the number of the rows at the start of a file that are whole and expected, and
/// whether a whole row of other images follows.
fn whole_rows(
    file: &File,
    header: &str,
    batch: usize,
    mut starts: impl FnMut(usize) -> Option<String>,
    mut each: impl FnMut(&str),
) -> std::io::Result<(u64, usize, bool)> {
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    let mut next = |line: &mut String| {
        line.clear();
        // A line that is not UTF-8 is none of ours.
        let read = reader.read_line(line);
        if matches!(&read, Err(error) if error.kind() == ErrorKind::InvalidData) { Ok(0) } else { read }
    };
    let (mut read, mut bytes, mut rows) = (0, 0, 0);
    let mut seen = 0;
    if !header.is_empty() {
        if next(&mut line)? == 0 || line != header {
            return Ok((0, 0, false));
        }
        bytes = line.len() as u64;
        read = bytes;
    }
    let mut of_batch: Vec<String> = Vec::new();
    while next(&mut line)? > 0 && line.ends_with('\n') {
        if !starts(seen).is_some_and(|start| line.starts_with(&start)) {
            return Ok((bytes, rows, true));
        }
        read += line.len() as u64;
        seen += 1;
        of_batch.push(line.clone());
        if seen % batch == 0 || starts(seen).is_none() {
            (bytes, rows) = (read, seen);
            of_batch.drain(..).for_each(|row| each(&row));
        }
    }
    Ok((bytes, rows, false))
}
