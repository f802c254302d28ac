//! Downloads and uploads files, and is `ff-data fetch`, which knows the open datasets and how to get
//! access to the others.

mod answer;
mod archive;
mod checksum;
mod download;
mod head;
mod meter;
mod offer;
mod part;
mod patience;
mod sources;
mod upload;

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
pub(crate) use upload::{Body, Reply, Upload};

/// A dataset to download, and its destination.
#[derive(Args, Clone, Debug)]
pub struct Request {
    /// Dataset to download
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    pub kind: String,
    /// Folder to download to
    #[arg(long, value_name = "DIR")]
    pub root: PathBuf,
    /// Side of MedMNIST's images, in pixels: 28, 64, 128 or 224; 28 without it
    #[arg(long, alias = "px", value_name = "PX")]
    pub image_size: Option<u32>,
    /// Version of CIFAR-10.1: v4 or v6; both without it
    #[arg(long)]
    pub version: Option<String>,
    /// Download the files from below this URL, by their published names
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The files and folders of the dataset.
    Files(Vec<PathBuf>),
    /// How to get access to a restricted dataset.
    Access(String),
}

/// Downloads a dataset, or says how to get access to it.
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

/// Downloads the files of a dataset and unpacks them.
///
/// If the unpacked folder exists, nothing is downloaded and the folder is not checked.
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
