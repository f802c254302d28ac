//! Addresses, sizes and checksums of the open datasets, as published.

use anyhow::{Context, bail};

use super::checksum::Checksum;
use super::download::Download;

/// Name, side in pixels and MD5 of MedMNIST's files in Zenodo's record 10519652, from the package
/// medmnist 3.0.2 (`info.py`). The package gives no file sizes.
const MEDMNIST: [(&str, u32, &str); 20] = [
    ("pathmnist", 28, "a8b06965200029087d5bd730944a56c1"),
    ("pathmnist", 64, "55aa9c1e0525abe5a6b9d8343a507616"),
    ("pathmnist", 128, "ac42d08fb904d92c244187169d1fd1d9"),
    ("pathmnist", 224, "2c51a510bcdc9cf8ddb2af93af1eadec"),
    ("dermamnist", 28, "0744692d530f8e62ec473284d019b0c7"),
    ("dermamnist", 64, "b70a2f5635c6199aeaa28c31d7202e1f"),
    ("dermamnist", 128, "2defd784463fa5243564e855ed717de1"),
    ("dermamnist", 224, "8974907d8e169bef5f5b96bc506ae45d"),
    ("bloodmnist", 28, "7053d0359d879ad8a5505303e11de1dc"),
    ("bloodmnist", 64, "2b94928a2ae4916078ca51e05b6b800b"),
    ("bloodmnist", 128, "adace1e0ed228fccda1f39692059dd4c"),
    ("bloodmnist", 224, "b718ff6835fcbdb22ba9eacccd7b2601"),
    ("octmnist", 28, "c68d92d5b585d8d81f7112f81e2d0842"),
    ("octmnist", 64, "e229e9440236b774d9f0dfef9d07bdaf"),
    ("octmnist", 128, "0a97e76651ace45c5d943ee3f65b63ae"),
    ("octmnist", 224, "abc493b6d529d5de7569faaef2773ba3"),
    ("chestmnist", 28, "02c8a6516a18b556561a56cbdd36c4a8"),
    ("chestmnist", 64, "9de6cd0b934ebb5b7426cfba5efbae16"),
    ("chestmnist", 128, "db107e5590b27930b62dbaf558aebee3"),
    ("chestmnist", 224, "45bd33e6f06c3e8cdb481c74a89152aa"),
];

/// Archive, folder in it, bytes, MD5. The MD5s are torchvision's (`datasets/cifar.py`); the sizes
/// are from the output of Keras's published examples.
const CIFAR: [(&str, &str, u64, &str); 2] = [
    ("cifar-10-python.tar.gz", "cifar-10-batches-py", 170_498_071, "c58f30108f718f92721af3b95e74349a"),
    ("cifar-100-python.tar.gz", "cifar-100-python", 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85"),
];

/// File, bytes, SHA-256, from TensorFlow Datasets 4.9.10 (`url_checksums/cifar10_1.txt`).
const CIFAR10_1: [(&str, u64, &str); 4] = [
    ("cifar10.1_v4_data.npy", 6_208_640, "5aaedc268df8f4cffca2ac0cf9e608ae1897a8cddb630c7a850a2ea8f6558e75"),
    ("cifar10.1_v4_labels.npy", 8_212, "1f9544300ded199539b6662364ce7fe6c2e1ea9f87408f06db4b1a6184cffb18"),
    ("cifar10.1_v6_data.npy", 6_144_128, "2997188e5816f5bd545dc77771b6227828c28146049fcecf3fa10775474cacc6"),
    ("cifar10.1_v6_labels.npy", 8_128, "ae40beda001693674edc94d925ee8268cfe68905f8f9aff800c8dcdfcd6c9448"),
];

/// The files of an open dataset.
#[derive(Clone, Debug)]
pub struct Open {
    /// The files to download.
    pub files: Vec<Download>,
    /// The folder in the archive, if the dataset is one archive.
    pub folder: Option<&'static str>,
}

/// Returns the file of a MedMNIST dataset, such as `pathmnist`; images have 28 pixels by default.
///
/// # Errors
/// There is no such size or name.
pub(super) fn medmnist(flag: &str, image_size: Option<u32>) -> anyhow::Result<Open> {
    let image_size = image_size.unwrap_or(28);
    if !MEDMNIST.iter().any(|(_, side, _)| *side == image_size) {
        bail!("{flag}: expected --image-size 28, 64, 128 or 224, found {image_size}");
    }
    let known = MEDMNIST.iter().find(|(name, side, _)| *name == flag && *side == image_size);
    let (_, _, md5) = known.with_context(|| format!("{flag}: no file of this name is known"))?;
    let file_name = match image_size {
        28 => format!("{flag}.npz"),
        _ => format!("{flag}_{image_size}.npz"),
    };
    let url = format!("https://zenodo.org/records/10519652/files/{file_name}?download=1");
    let checksum = Some(Checksum::Md5((*md5).to_owned()));
    Ok(Open { files: vec![Download { url, file_name, bytes: None, checksum }], folder: None })
}

/// Returns the archive of CIFAR-10 or CIFAR-100, in the Python version.
pub(super) fn cifar(hundred: bool) -> Open {
    let (file_name, folder, bytes, md5) = CIFAR[usize::from(hundred)];
    let url = format!("https://www.cs.toronto.edu/~kriz/{file_name}");
    let (file_name, checksum) = (file_name.to_owned(), Some(Checksum::Md5(md5.to_owned())));
    Open { files: vec![Download { url, file_name, bytes: Some(bytes), checksum }], folder: Some(folder) }
}

/// Returns the files of CIFAR-10.1: of one version, or of both.
///
/// # Errors
/// There is no such version.
pub(super) fn cifar10_1(version: Option<&str>) -> anyhow::Result<Open> {
    let start = match version {
        None => String::new(),
        Some(known @ ("v4" | "v6")) => format!("cifar10.1_{known}_"),
        Some(other) => bail!("cifar10.1: expected --version v4 or v6, found `{other}`"),
    };
    let chosen = CIFAR10_1.iter().filter(|(name, ..)| name.starts_with(&start));
    let files = chosen.map(|&(name, bytes, sha256)| Download {
        url: format!("https://github.com/modestyachts/CIFAR-10.1/blob/master/datasets/{name}?raw=true"),
        file_name: name.to_owned(),
        bytes: Some(bytes),
        checksum: Some(Checksum::Sha256(sha256.to_owned())),
    });
    Ok(Open { files: files.collect(), folder: None })
}
