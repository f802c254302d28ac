//! A file of an upload.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, bail};

/// A file to upload.
pub struct LocalFile {
    /// Its path in the repository.
    pub name: String,
    /// Its path on this machine.
    pub path: PathBuf,
    /// The size of its content in bytes.
    pub bytes: u64,
    /// The text to upload in place of its own.
    pub text: Option<String>,
}

impl LocalFile {
    /// Opens a file of a name in the repository.
    ///
    /// # Errors
    /// The file cannot be read or is not a regular one, or the name is refused.
    pub fn open(name: String, path: PathBuf) -> anyhow::Result<Self> {
        if let Some(part) = name.split('/').find(|part| part.starts_with('.')) {
            bail!(
                "{}: expected a file without a dot at the start of its name, found `{part}`\n\
                 hint: such files are settings or secrets; name the files to upload one by one",
                path.display()
            );
        }
        let cannot = || format!("{}: cannot be read", path.display());
        // Not opened before, since to open a pipe is to wait for its writer.
        if !fs::metadata(&path).with_context(cannot)?.is_file() {
            bail!("{}: expected a regular file, found another kind", path.display());
        }
        let bytes = File::open(&path).and_then(|file| file.metadata()).with_context(cannot)?.len();
        Ok(Self { name, path, bytes, text: None })
    }

    /// Replaces the text to upload.
    pub fn with_text(self, text: String) -> Self {
        Self { bytes: text.len() as u64, text: Some(text), ..self }
    }

    /// Reads at most this number of bytes from the start.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, at_most: u64) -> anyhow::Result<Vec<u8>> {
        let read = |mut from: Box<dyn Read + '_>| -> io::Result<Vec<u8>> {
            let mut content = Vec::new();
            from.by_ref().take(at_most).read_to_end(&mut content)?;
            Ok(content)
        };
        let content = match &self.text {
            Some(text) => read(Box::new(text.as_bytes())),
            None => File::open(&self.path).and_then(|file| read(Box::new(file))),
        };
        content.with_context(|| format!("{}: cannot be read", self.path.display()))
    }
}
