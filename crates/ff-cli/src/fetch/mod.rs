//! Gets datasets: downloads what is open, says how to come by the rest.

mod answer;
mod archive;
mod checksum;
mod download;
mod meter;
mod offer;
mod part;
mod patience;
mod sources;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

pub use archive::unpack;
pub use checksum::Checksum;
pub use download::{Client, Download};
pub use meter::Meter;
pub use offer::{Offer, find, names};
pub use patience::Patience;
pub use sources::Open;

/// What to get, and where to put it.
#[derive(Args, Clone, Debug)]
pub struct Request {
    /// The dataset
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    pub kind: String,
    /// Folder for its files
    #[arg(long)]
    pub root: PathBuf,
    /// Side of the images (MedMNIST: 28, 64, 128 or 224; 28 if not given)
    #[arg(long, alias = "px")]
    pub image_size: Option<u32>,
    /// Version (CIFAR-10.1: v4 or v6; both if not given)
    #[arg(long)]
    pub version: Option<String>,
    /// Take the files from below this URL, under the names that the publisher gave them
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// These files and folders are there now
    Files(Vec<PathBuf>),
    /// How to come by a dataset that is not handed out to everyone
    Access(String),
}

/// Gets a dataset, or says how to come by it.
///
/// # Errors
/// Those of [`find`], [`Client::download`] and [`unpack`].
pub fn fetch(request: &Request) -> anyhow::Result<Fetched> {
    let mut open = match find(&request.kind, request.image_size, request.version.as_deref())? {
        Offer::Open(open) => open,
        Offer::Closed(text) => return Ok(Fetched::Access(text)),
    };
    if let Some(mirror) = &request.mirror {
        for file in &mut open.files {
            file.url = format!("{}/{}", mirror.trim_end_matches('/'), file.file_name);
        }
    }
    get(&open, &request.root, &Client::new(Patience::default()), &mut Meter::new()).map(Fetched::Files)
}

/// Downloads the files of a dataset and unpacks them. An unpacked folder that is there stays as it
/// is, and nothing is sent.
///
/// # Errors
/// Those of [`Client::download`] and [`unpack`].
pub fn get(open: &Open, root: &Path, client: &Client, meter: &mut Meter) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(folder) = open.folder.map(|folder| root.join(folder)).filter(|folder| folder.is_dir()) {
        return Ok(vec![folder]);
    }
    let files = open.files.iter().map(|file| client.download(file, root, meter));
    let files = files.collect::<anyhow::Result<Vec<_>>>()?;
    match (open.folder, files.as_slice()) {
        (Some(folder), [archive]) => Ok(vec![unpack(archive, root, folder)?]),
        _ => Ok(files),
    }
}
