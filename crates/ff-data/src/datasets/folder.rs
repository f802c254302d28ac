//! Images in class folders, with or without split folders above them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split, Target, Task};
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::class_order::class_order;
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{entries, has_image_extension, is_hidden, is_image, walk};
use crate::error::Error;

/// Images in class folders: `PATH/<class>/*` or, with a split, `PATH/{train,val,test}/<class>/*`.
///
/// The split folders may also be called `training` or `Testing`, `valid`, `validation` and the like,
/// in any case; `val` and `test` may be missing. Classes are sorted by name, or by value if all
/// names are integers. Class folders are read with their subfolders. Hidden files are ignored. Files
/// without an image's extension are left out and counted in a note, except for images whose names
/// have no extension or a numeric one, as those of DICOM files do. A sample's id is its path below
/// PATH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Folder of the class or split folders: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Folder {
    const KIND: &'static str = "folder";
    const TITLE: &'static str = "images in class folders";
    const PATH: &'static str = ".";
    const ACCESS: Access = Access::Own;

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

const FORM: &str = "ROOT/<class>/<image> or ROOT/{train,val,test}/<class>/<image>";

/// An image file, before classes have indices.
struct FolderListing {
    split: Option<Split>,
    class: String,
    path: PathBuf,
}

/// The images found so far, and the numbers of other files by extension.
#[derive(Default)]
struct Found {
    images: Vec<FolderListing>,
    /// Files in class folders that are no images.
    others: BTreeMap<String, usize>,
    /// Images beside the class folders.
    outside: BTreeMap<String, usize>,
}

/// Lists the images below `root`; see [`Folder`] for the form.
fn read(root: &Path) -> Result<Listed, Error> {
    let mut found = Found::default();
    let splits = split_folders(root)?;
    if splits.is_empty() {
        found.add_classes(root, None)?;
    } else {
        found.add_outside(root)?;
    }
    for (&split, folder) in &splits {
        let before = found.images.len();
        found.add_classes(folder, Some(split))?;
        if found.images.len() == before {
            let hint = format!("remove the {} folder, or fill it with class folders", split.name());
            return Err(Error::dataset(folder.display(), "at least one image", "none").hint(hint));
        }
    }
    let notes = found.notes();
    let found = found.images;
    if found.is_empty() {
        let expected = format!("images in the form {FORM}");
        return Err(Error::dataset(root.display(), expected, "no image"));
    }
    let classes = class_order(found.iter().map(|image| image.class.clone()).collect());
    check_classes(root, &found, &classes)?;
    let (samples, paths) = samples(root, found, &classes)?;
    Ok(Listed { task: Task::Multiclass { classes }, samples, paths, notes, attributes: Vec::new() })
}

fn samples(
    root: &Path,
    found: Vec<FolderListing>,
    classes: &[String],
) -> Result<(Vec<Sample>, Vec<PathBuf>), Error> {
    let index: BTreeMap<&str, usize> =
        classes.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let mut stems: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut samples = Vec::with_capacity(found.len());
    let mut paths = Vec::with_capacity(found.len());
    for FolderListing { split, class, path } in found {
        // A number at the end of a DICOM file's name is part of it.
        let stem = if has_image_extension(&path) { path.with_extension("") } else { path.clone() };
        if let Some(other) = stems.insert(stem, path.clone()) {
            let names = format!("{} and {}", other.display(), path.display());
            let hint = "remove one of them: an image in two formats would count twice";
            return Err(Error::dataset(root.display(), "one file for each id", names).hint(hint));
        }
        let id = relative_id(root, &path)?;
        samples.push(Sample { id, target: Target::Class(index[class.as_str()]), group: None, split });
        paths.push(path);
    }
    Ok((samples, paths))
}

/// Returns the split folders of a root: the folders that are named like a split and hold class
/// folders. Empty if the root holds class folders.
fn split_folders(root: &Path) -> Result<BTreeMap<Split, PathBuf>, Error> {
    let mut splits = BTreeMap::new();
    let mut others = Vec::new();
    for folder in subfolders(root)? {
        let name = file_name(&folder)?;
        match Split::from_name(name) {
            None => others.push(name.to_owned()),
            Some(split) => {
                if let Some(other) = splits.insert(split, folder.clone()) {
                    let names = format!("{} and {}", other.display(), folder.display());
                    let hint = "merge them, or rename one of them";
                    let expected = format!("one {} folder", split.name());
                    return Err(Error::dataset(root.display(), expected, names).hint(hint));
                }
            }
        }
    }
    // A class may be called `test`; its folder then holds images and not folders.
    let mut holds_folders = false;
    for folder in splits.values() {
        holds_folders |= !subfolders(folder)?.is_empty();
    }
    if splits.is_empty() || !holds_folders && !others.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !splits.contains_key(&Split::Train) {
        let names: Vec<_> = splits.keys().map(|split| split.name()).collect();
        let found = format!("only {}", names.join(", "));
        let only = splits.values().next().map(|folder| folder.display().to_string()).unwrap_or_default();
        let hint = format!("to use images of one split without the others, give its folder: {only}");
        return Err(
            Error::dataset(root.display(), "a `train` folder beside the other splits", found).hint(hint)
        );
    }
    for name in others {
        tracing::warn!(root = %root.display(), folder = name, "folder beside the split folders is ignored");
    }
    Ok(splits)
}

impl Found {
    /// Adds the images of the class folders in `folder`.
    fn add_classes(&mut self, folder: &Path, split: Option<Split>) -> Result<(), Error> {
        self.add_outside(folder)?;
        for class_folder in subfolders(folder)? {
            let class = file_name(&class_folder)?.to_owned();
            let (before, mut others) = (self.images.len(), BTreeMap::new());
            for path in walk(&class_folder)? {
                match is_image(&path)? {
                    true => self.images.push(FolderListing { split, class: class.clone(), path }),
                    false => *others.entry(extension(&path)).or_insert(0) += 1,
                }
            }
            if self.images.len() == before {
                let hint = "remove the folder, or add images of the class";
                let found = if others.is_empty() { "none".into() } else { format!("only {}", list(&others)) };
                return Err(Error::dataset(class_folder.display(), "images of the class", found).hint(hint));
            }
            others.into_iter().for_each(|(kind, count)| *self.others.entry(kind).or_insert(0) += count);
        }
        Ok(())
    }

    /// Counts the images in `folder` itself, which belong to no class.
    fn add_outside(&mut self, folder: &Path) -> Result<(), Error> {
        for path in entries(folder, |path, name| path.is_file() && !is_hidden(name))? {
            if has_image_extension(&path) {
                *self.outside.entry(extension(&path)).or_insert(0) += 1;
            }
        }
        Ok(())
    }

    fn notes(&self) -> Vec<String> {
        let note = |what: &str, counts: &BTreeMap<String, usize>| {
            (!counts.is_empty()).then(|| format!("{what} are left out: {}", list(counts)))
        };
        let others = note("files in class folders that are not images by their name", &self.others);
        others.into_iter().chain(note("images outside class folders", &self.outside)).collect()
    }
}

/// Returns the extension in lower case, with its dot.
fn extension(path: &Path) -> String {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.map_or("without an extension".to_owned(), |extension| format!(".{extension}"))
}

fn list(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// Refuses a single class, and a class that is in val or test but not in train.
fn check_classes(root: &Path, found: &[FolderListing], classes: &[String]) -> Result<(), Error> {
    if found.iter().any(|image| image.split.is_some()) {
        let trained: BTreeSet<&str> =
            found.iter().filter(|i| i.split == Some(Split::Train)).map(|i| i.class.as_str()).collect();
        if let Some(class) = classes.iter().find(|class| !trained.contains(class.as_str())) {
            let splits: BTreeSet<_> =
                found.iter().filter(|i| &i.class == class).filter_map(|i| i.split).collect();
            let names: Vec<_> = splits.iter().map(|split| split.name()).collect();
            let found = format!("class `{class}` only in {}", names.join(" and "));
            let hint = "give class folders the same names, including case, in every split";
            return Err(Error::dataset(root.display(), "every class in train", found).hint(hint));
        }
    }
    if let [class] = classes {
        let found = format!("only `{class}`");
        return Err(Error::dataset(root.display(), format!("two classes or more ({FORM})"), found));
    }
    Ok(())
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    // `is_dir` follows links. macOS archives leave a __MACOSX folder of file forks.
    entries(folder, |path, name| path.is_dir() && !is_hidden(name) && name != "__MACOSX")
}

fn file_name(path: &Path) -> Result<&str, Error> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Error::dataset(path.display(), "a name in UTF-8", "other bytes"))
}

/// Returns the path below the root, with `/` on every system.
fn relative_id(root: &Path, path: &Path) -> Result<String, Error> {
    let below = path.strip_prefix(root).expect("found below the root");
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    let parts = parts.ok_or_else(|| Error::dataset(path.display(), "a path in UTF-8", "other bytes"))?;
    Ok(parts.join("/"))
}
