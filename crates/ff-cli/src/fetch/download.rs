//! Downloads a file over HTTP, resumes a partial one, and checks the result.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use ureq::http::StatusCode;

use super::answer::{Answer, Failure, is_busy};
use super::checksum::Checksum;
use super::meter::Meter;
use super::part::PartialFile;
use super::patience::Patience;

/// A file to download.
#[derive(Clone, Debug)]
pub struct Download {
    /// Its address.
    pub url: String,
    /// Its name in the local folder.
    pub file_name: String,
    /// Its size in bytes, if one is published.
    pub bytes: Option<u64>,
    /// Its published checksum, if there is one.
    pub checksum: Option<Checksum>,
}

impl Download {
    /// Returns how a file differs from the published checksum, if it does.
    fn mismatch(&self, path: &Path) -> anyhow::Result<Option<String>> {
        self.checksum.as_ref().map_or(Ok(None), |checksum| checksum.mismatch(path))
    }
}

/// Downloads and uploads files.
pub struct Client {
    pub(super) agent: ureq::Agent,
    pub(super) patience: Patience,
    pub(crate) token: Option<String>,
}

impl Client {
    /// Creates a client that retries as `patience` says. It uses the proxy of the environment.
    pub fn new(patience: Patience) -> Self {
        // There is no limit on the total time: 12 GB over a slow line may take hours.
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(Duration::from_secs(30)))
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            .user_agent(concat!("ff-cli/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), patience, token: None }
    }

    /// Sends a token of access with every request. Redirects are followed without it.
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// Downloads a file into a folder and returns its path. Its partial file is `<file>.part`.
    ///
    /// # Errors
    /// The folder cannot be created, and those of [`Client::download_to`].
    pub fn download(&self, wanted: &Download, folder: &Path, meter: &mut Meter) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{}: cannot create this folder", folder.display()))?;
        let path = folder.join(&wanted.file_name);
        self.download_to(wanted, &path, folder.join(format!("{}.part", wanted.file_name)), meter)?;
        Ok(path)
    }

    /// Downloads a file to a path, by way of a partial file in the same folder, which exists.
    ///
    /// A file that exists with the right checksum is not downloaded again.
    ///
    /// # Errors
    /// The server answers otherwise, connections drop or the disk is full: the bytes so far are
    /// kept in the partial file, and the next call resumes from them. The size or the checksum is
    /// wrong: nothing is kept.
    pub fn download_to(
        &self,
        wanted: &Download,
        path: &Path,
        part: PathBuf,
        meter: &mut Meter,
    ) -> anyhow::Result<()> {
        if path.exists() {
            let Some(mismatch) = wanted.mismatch(path)? else { return Ok(()) };
            meter.line(&format!("warning: {}: {mismatch}; downloading it again", path.display()));
        }
        let mut part = PartialFile::open(part)?;
        let arrived = self.complete(wanted, &mut part, path, meter);
        meter.end();
        if arrived.is_err() && part.length == 0 {
            part.discard()?;
        }
        arrived?;
        if let Some(mismatch) = wanted.mismatch(&part.path)? {
            part.discard()?;
            bail!(
                "{}: {mismatch}; the file was deleted\n\
                 hint: run the same command again; if it fails the same way, the server has another version \
                 of the file",
                wanted.url
            );
        }
        part.finish(path)
    }

    /// Sends requests until every byte has arrived.
    fn complete(
        &self,
        wanted: &Download,
        part: &mut PartialFile,
        path: &Path,
        meter: &mut Meter,
    ) -> anyhow::Result<()> {
        if wanted.bytes.is_some_and(|bytes| part.length > bytes) {
            part.start_over()?;
        }
        let (mut failures, mut furthest) = (0, part.length);
        while wanted.bytes != Some(part.length) {
            let why = match self.attempt(wanted, part, meter) {
                Ok(()) => return Ok(()),
                Err(Failure::StartOver) => continue,
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Dropped(why)) => why,
            };
            // A server that starts over each time makes progress only if it gets further than
            // before.
            if part.length > furthest {
                (failures, furthest) = (0, part.length);
            }
            failures += 1;
            if failures >= self.patience.tries {
                let kept = match part.length {
                    0 => String::new(),
                    length => format!("; {length} bytes are kept in {}", part.path.display()),
                };
                bail!(
                    "{}: {why} ({failures} times in a row){kept}\n\
                     hint: run the same command again to resume; or download the file by other means and save \
                     it as {}, which is used if its checksum is right",
                    wanted.url,
                    path.display()
                );
            }
            meter.line(&format!("{}: {why}; retrying", wanted.file_name));
            self.patience.wait(failures);
        }
        Ok(())
    }

    /// Sends one request and appends the answer to the partial file. `Ok` if that completes it.
    fn attempt(&self, wanted: &Download, part: &mut PartialFile, meter: &mut Meter) -> Result<(), Failure> {
        let answer = Answer::to(&self.agent, &wanted.url, self.token.as_deref(), part.length)?;
        let offset = match answer.status {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if answer.offset == Some(part.length) => part.length,
            // Either every byte has arrived, or the partial file is of another file.
            StatusCode::RANGE_NOT_SATISFIABLE if part.length > 0 => {
                if wanted.checksum.is_some() && wanted.mismatch(&part.path)?.is_none() {
                    return Ok(());
                }
                part.start_over()?;
                return Err(Failure::StartOver);
            }
            StatusCode::PARTIAL_CONTENT if part.length > 0 => {
                part.start_over()?;
                return Err(Failure::StartOver);
            }
            status if is_busy(status) => {
                return Err(Failure::Dropped(format!("the server answers {status}")));
            }
            status => return Err(Failure::Fatal(anyhow!("{}: the server answers {status}", wanted.url))),
        };
        if let (Some(expected), Some(found)) = (wanted.bytes, answer.total)
            && expected != found
        {
            return Err(Failure::Fatal(wrong_size(wanted, expected, &format!("{found}"))));
        }
        if offset == 0 {
            part.start_over()?;
        }
        let total = wanted.bytes.or(answer.total);
        meter.begin(&wanted.file_name, &wanted.url, offset, total);
        let (mut body, mut buffer) = (answer.body, vec![0; 1 << 16]);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(Failure::Dropped(error.to_string())),
            };
            if let Some(total) = total.filter(|&total| part.length + count as u64 > total) {
                part.discard()?;
                return Err(Failure::Fatal(wrong_size(wanted, total, "more")));
            }
            part.append(&buffer[..count])?;
            meter.at(part.length);
        }
        match total.is_some_and(|total| part.length < total) {
            true => Err(Failure::Dropped("the connection ended early".to_owned())),
            false => Ok(()),
        }
    }
}

fn wrong_size(wanted: &Download, expected: u64, found: &str) -> anyhow::Error {
    anyhow!(
        "{}: expected {expected} bytes, found {found}\nhint: the server has another version of the file",
        wanted.url
    )
}
