//! Finds the images that a user's table names by path.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::datasets::images::{Images, entries, has_image_extension, inside};
use crate::error::Error;
use crate::table::Row;

/// The images of a table, by their paths.
pub struct TablePaths {
    /// The folder that no path leaves: the data root, or that of a table outside it.
    top: PathBuf,
    /// The table's folder, below `top`.
    folder: PathBuf,
    /// Absolute paths that lead to `top`.
    spellings: Vec<PathBuf>,
    /// The table's folder as the caller names it, where images may be anywhere.
    shown: Option<PathBuf>,
    /// The names of the images in each folder below `top`, by their names without extension.
    names: HashMap<PathBuf, HashMap<OsString, Vec<OsString>>>,
}

impl TablePaths {
    /// Of the table at `path`. An empty data root does not count.
    pub fn of(path: &Path, data_root: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        let below = folder.strip_prefix(data_root).ok().filter(|_| !data_root.as_os_str().is_empty());
        let (top, folder) = below.map_or((folder, Path::new("")), |below| (data_root, below));
        let on_disk = openable(top);
        let spellings = [std::path::absolute(on_disk), on_disk.canonicalize()];
        Self {
            top: top.to_owned(),
            folder: folder.to_owned(),
            spellings: spellings.into_iter().flatten().collect(),
            shown: None,
            names: HashMap::new(),
        }
    }

    /// Of the table at `path`, whose images may be anywhere.
    ///
    /// # Errors
    /// [`Error::Read`] if the table's folder cannot be found.
    pub fn anywhere(path: &Path) -> Result<Self, Error> {
        let folder = openable(path.parent().unwrap_or(Path::new("")));
        let real = folder.canonicalize().map_err(Error::read(folder))?;
        let mut paths = Self::of(&real.join("table"), Path::new("/"));
        paths.shown = Some(path.parent().unwrap_or(Path::new("")).to_owned());
        Ok(paths)
    }

    /// Returns the file that a cell names, whether it is there or not.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn file(&mut self, row: Row<'_>, column: usize) -> Result<PathBuf, Error> {
        let (id, found) = self.find(row, column)?;
        Ok(match Path::new(row.cell(column)).is_absolute() {
            true => found.unwrap_or_else(|| row.cell(column).into()),
            false => self.shown.clone().unwrap_or_default().join(id),
        })
    }

    /// Returns the id of the image that a cell names, which is its path below the table's folder,
    /// and its file if there is one.
    ///
    /// The path may be absolute, have backslashes, or lack the extension.
    ///
    /// # Errors
    /// [`Error::Dataset`] if the path leaves the folder or the data root, is blank, or lacks the
    /// extension and fits several images.
    pub fn find(&mut self, row: Row<'_>, column: usize) -> Result<(String, Option<PathBuf>), Error> {
        let cell = row.cell(column);
        let path = if cell.is_empty() { None } else { self.below_top(cell) };
        let mut path = path.ok_or_else(|| {
            let expected = "the path of an image inside the CSV's folder";
            let hint = match self.elsewhere(cell) {
                Some(path) => format!("the folder has `{}`: write this path", path.display()),
                None => "move the CSV to a folder that holds all images".to_owned(),
            };
            Error::dataset(row.place(), expected, format!("`{cell}`")).hint(hint)
        })?;
        if !has_image_extension(&path) && !self.top.join(&path).is_file() {
            match self.of_stem(&path) {
                [] => {}
                [name] => path.set_file_name(name),
                [one, other, ..] => {
                    let found = format!("{} and {}", one.display(), other.display());
                    let error = Error::dataset(row.place(), format!("one image `{cell}`"), found);
                    return Err(error.hint("write the name with its extension"));
                }
            }
        }
        let file = self.top.join(&path);
        Ok((self.id(&path), file.is_file().then_some(file)))
    }

    /// Returns a path below `top` without `.` and `..`; `None` if it leaves `top`.
    fn below_top(&mut self, cell: &str) -> Option<PathBuf> {
        // A file's name may have a backslash, except on Windows.
        let literal = self.folder.join(cell);
        if cell.contains('\\') && self.top.join(&literal).is_file() {
            return inside(&literal);
        }
        let cell = cell.replace('\\', "/");
        let path = Path::new(&cell);
        if !path.is_absolute() {
            return inside(&self.folder.join(path));
        }
        if let Some(below) = self.spellings.iter().find_map(|top| path.strip_prefix(top).ok()) {
            return inside(below);
        }
        // A link may lead to the folder.
        let is_top = |path: &&Path| path.canonicalize().is_ok_and(|path| self.spellings.contains(&path));
        let top = path.ancestors().find(is_top)?;
        self.spellings.push(top.to_owned());
        inside(path.strip_prefix(top).ok()?)
    }

    /// Returns the images of this name without extension.
    fn of_stem(&mut self, path: &Path) -> &[OsString] {
        let (Some(folder), Some(stem)) = (path.parent(), path.file_name()) else { return &[] };
        let at = self.top.join(folder);
        let list = || {
            let mut names: HashMap<OsString, Vec<OsString>> = HashMap::new();
            let images = entries(openable(&at), |path, _| has_image_extension(path) && path.is_file());
            for image in images.unwrap_or_default() {
                if let (Some(stem), Some(name)) = (image.file_stem(), image.file_name()) {
                    names.entry(stem.to_owned()).or_default().push(name.to_owned());
                }
            }
            names
        };
        let names = self.names.entry(folder.to_owned()).or_insert_with(list);
        names.get(stem).map_or(&[][..], Vec::as_slice)
    }

    /// Returns a path below `top` as one below the table's folder, with `..` if it is not in it.
    fn id(&self, path: &Path) -> String {
        let climbs = self.folder.ancestors().position(|folder| path.starts_with(folder)).unwrap_or(0);
        let folder = self.folder.ancestors().nth(climbs).unwrap_or(Path::new(""));
        "../".repeat(climbs) + &path.strip_prefix(folder).unwrap_or(path).to_string_lossy()
    }

    /// Returns what to do about an id without a file.
    pub fn hint(&self, id: &str) -> String {
        let folder = self.top.join(&self.folder);
        let folder = openable(&folder);
        let found = folder.join(id);
        if found.is_dir() {
            return format!("{} is a folder: name an image in each row", found.display());
        }
        if let Some(path) = in_other_case(folder, Path::new(id)) {
            return format!("the file is `{}`: write names in the case of the files", path.display());
        }
        let rule = "write paths relative to the folder of the CSV";
        match self.elsewhere(id) {
            Some(path) => format!("the folder has `{}`: {rule}", path.display()),
            None => format!("{rule}; no image in it has this name"),
        }
    }

    /// Returns the path of an image below the table's folder that a wrong path may mean: one that
    /// the path ends with, or the only one of the name.
    fn elsewhere(&self, cell: &str) -> Option<PathBuf> {
        let folder = self.top.join(&self.folder);
        let folder = openable(&folder);
        let cell = cell.replace('\\', "/");
        let mut ends = cell.match_indices('/').filter_map(|(at, _)| inside(Path::new(&cell[at + 1..])));
        if let Some(end) = ends.find(|end| folder.join(end).is_file()) {
            return Some(end);
        }
        let image = Images::below(folder).ok()?.find(cell.rsplit('/').next()?).ok()??;
        image.strip_prefix(folder).ok().map(Path::to_owned)
    }
}

/// Returns the path of a folder, or `.` for an empty one, which cannot be read.
fn openable(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Returns the file below a folder whose path differs only in case.
fn in_other_case(folder: &Path, path: &Path) -> Option<PathBuf> {
    let lower = |name: &OsStr| name.to_string_lossy().to_lowercase();
    let mut found = PathBuf::new();
    for part in path {
        let same = entries(&folder.join(&found), |_, name| lower(name) == lower(part)).ok()?;
        found.push(same.first()?.file_name()?);
    }
    folder.join(&found).is_file().then_some(found)
}
