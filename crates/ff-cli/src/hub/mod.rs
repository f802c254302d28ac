//! Weights from the Hugging Face Hub, by way of the cache that its Python library shares; [`push`]
//! uploads models to it.
//!
//! An id is `owner/name`, or `owner/name@revision` for a branch, a tag or a commit.

mod blob;
mod cache;
mod metadata;
pub mod push;
mod refusal;
mod repository;
mod settings;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use ff_checkpoint::MODEL_FILES;
use ureq::http::StatusCode;

use crate::fetch::{Client, Download, Meter};
pub use blob::Blob;
use cache::Cache;
use metadata::{Metadata, ask};
use refusal::{code, refusal};
use repository::Repository;
pub use settings::{Settings, Token};

/// Returns a model's file from the cache; downloads nothing.
///
/// # Errors
/// The file is not in the cache.
pub fn find_cached(id: &str) -> Result<PathBuf, String> {
    find(&Settings::from_env(), id)
}

/// Finds models' files for runs in a folder: downloads those that are not in the cache, and checks
/// those that are. The checks are noted in the runs folder once it exists.
///
/// # Errors
/// Those of [`get`].
pub fn find_or_download(runs: &Path) -> impl Fn(&str) -> Result<PathBuf, String> {
    let notes = runs.is_dir().then(|| runs.join("cache/hub"));
    move |id| get(&Settings::from_env(), id, notes.as_deref(), &mut Meter::new())
}

/// [`find_cached`] with other settings than those of the environment.
///
/// # Errors
/// The file is not in the cache.
pub fn find(settings: &Settings, id: &str) -> Result<PathBuf, String> {
    let cache = Cache::new(&settings.cache, &Repository::parse(id)?);
    cache.find().ok_or_else(|| match settings.offline {
        true => offline(settings, id),
        false => format!(
            "{id}: not in the Hugging Face cache ({}); `ff-grid run` downloads it",
            settings.cache.display()
        ),
    })
}

/// Says that a model is not in the cache and may not be downloaded.
fn offline(settings: &Settings, id: &str) -> String {
    let cache = settings.cache.display();
    let why = format!("{id}: not in the Hugging Face cache ({cache}), and HF_HUB_OFFLINE is set");
    let hint = format!(
        "unset HF_HUB_OFFLINE; or run `hf download {id}` on a machine with a network, and copy its cache to {cache}"
    );
    format!("{why}\nhint: {hint}\n{OTHER_WEIGHTS}")
}

/// What can be given in place of a repository of the hub.
const OTHER_WEIGHTS: &str = "hint: without the hub, weights are `random`, `pretrain` (with a [pretrain] section), a file, \
    or a folder of a Hugging Face repository; `ff-models list` names the repository of each network's \
    ImageNet weights";

/// Returns a model's file, from the cache if it is there. A file in the cache is checked against its
/// SHA-256 as [`Blob::check`] says; a download is, too.
///
/// # Errors
/// The hub cannot be reached or refuses the file, or downloads are forbidden. A download that
/// breaks off keeps what has arrived, and the next call resumes. The file is damaged.
pub fn get(
    settings: &Settings,
    id: &str,
    notes: Option<&Path>,
    meter: &mut Meter,
) -> Result<PathBuf, String> {
    let repository = Repository::parse(id)?;
    let cache = Cache::new(&settings.cache, &repository);
    if let Some(path) = cache.find() {
        let checked = Blob::at(&path).map_or(Ok(()), |blob| blob.check(notes));
        return checked.map(|()| path).map_err(|error| format!("{error:#}"));
    }
    if settings.offline {
        return Err(offline(settings, id));
    }
    download(settings, &repository, &cache, meter).map_err(|error| format!("{error:#}\n{OTHER_WEIGHTS}"))
}

/// Downloads the first file of weights that a repository has.
fn download(
    settings: &Settings,
    repository: &Repository,
    cache: &Cache,
    meter: &mut Meter,
) -> anyhow::Result<PathBuf> {
    settings.check()?;
    let Settings { endpoint, token, patience, .. } = settings;
    let mut refused = String::new();
    for name in MODEL_FILES {
        let mut client = Client::new(*patience).with_token(token.as_ref().map(|token| token.text.clone()));
        let (url, head) = ask(&mut client, repository.url(endpoint, name))?;
        if !head.status.is_client_error() && !head.status.is_server_error() {
            let Metadata { commit, etag, bytes, sha256 } = Metadata::of(&url, &head)?;
            let wanted = Download { url, file_name: name.to_owned(), bytes, checksum: sha256 };
            let (blob, part) = cache.create(&etag)?;
            let _lock = cache.lock(&etag);
            client.download_to(&wanted, &blob, part, meter)?;
            return cache.enter(&etag, &commit, name);
        }
        refused = refusal(settings, repository, &head);
        // Mirrors may give no code.
        if head.status != StatusCode::NOT_FOUND || !matches!(code(&head), None | Some("EntryNotFound")) {
            break;
        }
    }
    Err(anyhow!(refused))
}
