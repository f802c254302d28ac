//! Finds image files below a folder by name.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use crate::decode::{START, starts_an_image};
use crate::error::Error;

const EXTENSIONS: [&str; 18] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "bmp", "dib", "gif", "webp", "pbm", "pgm", "ppm",
    "pnm", "pam", "dcm", "dicom",
];

/// Image files below a folder, by their names in lower case without extension.
///
/// One walk replaces a system call for each row of a table, and `IM1.jpg` in the table matches
/// `IM1.JPG` on disk. A name from a table is never used as a path, so it cannot leave the folder.
pub struct Images {
    root: PathBuf,
    files: HashMap<String, Vec<PathBuf>>,
}

impl Images {
    /// Walks all folders below `root` except hidden ones; links are followed.
    pub fn below(root: &Path) -> Result<Self, Error> {
        Ok(Self::among(walk(root)?, root))
    }

    /// Takes the images among the files below `root` that [`walk`] returned.
    pub fn among(paths: Vec<PathBuf>, root: &Path) -> Self {
        let mut files: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for path in paths {
            if let (true, Some(stem)) = (has_image_extension(&path), path.file_stem()) {
                files.entry(stem.to_string_lossy().to_ascii_lowercase()).or_default().push(path);
            }
        }
        Self { root: root.to_owned(), files }
    }

    /// Returns the file of an image, named with or without its extension.
    ///
    /// # Errors
    /// [`Error::Dataset`] if two files have the name.
    pub fn find(&self, name: &str) -> Result<Option<PathBuf>, Error> {
        let lower = name.to_ascii_lowercase();
        let bare = Path::new(&lower);
        let stem = match has_image_extension(bare) {
            true => bare.file_stem().map_or(lower.clone(), |stem| stem.to_string_lossy().into_owned()),
            false => lower.clone(),
        };
        // A name with folders in it matches no file, whatever its last part is.
        let found = if lower.contains(['/', '\\']) { None } else { self.files.get(&stem) };
        match found.map_or(&[][..], Vec::as_slice) {
            [] => Ok(None),
            [path] => Ok(Some(path.clone())),
            several => {
                let exact = several.iter().filter(|path| {
                    path.file_name().is_some_and(|file| file.to_string_lossy().eq_ignore_ascii_case(name))
                });
                match exact.collect::<Vec<_>>()[..] {
                    [path] => Ok(Some(path.clone())),
                    _ => {
                        let found = format!("{} and {}", several[0].display(), several[1].display());
                        let expected = format!("one file for the image `{name}`");
                        Err(Error::dataset(self.root.display(), expected, found).hint("remove one of them"))
                    }
                }
            }
        }
    }
}

/// Walks what is below a folder except for hidden entries, sorted by name; links are followed.
pub fn entries_below(root: &Path) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> {
    let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
    WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible)
}

/// Returns all files below a folder except hidden ones, sorted by path.
pub fn walk(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in entries_below(root) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            // The walk's own text names the path a second time.
            let text = error.to_string();
            Error::Read { path, source: error.into_io_error().unwrap_or_else(|| io::Error::other(text)) }
        })?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

/// Returns the accepted entries of a folder, sorted by name.
pub fn entries(folder: &Path, accept: impl Fn(&Path, &OsStr) -> bool) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let entry = entry.map_err(Error::read(folder))?;
        if accept(&entry.path(), &entry.file_name()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the files of a folder whose lower-case name is accepted, sorted by name.
pub fn named(folder: &Path, accept: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    entries(folder, |path, name| accept(&name.to_string_lossy().to_ascii_lowercase()) && path.is_file())
}

/// Returns the file of a folder that has one of these names, ignoring case; earlier names win.
pub fn find_file(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>, Error> {
    let rank = |file: &str| names.iter().position(|name| file.eq_ignore_ascii_case(name));
    let found = named(folder, |file| rank(file).is_some())?;
    // The first of equal rank, in the order of names.
    Ok(found.into_iter().min_by_key(|path| path.file_name().and_then(|name| rank(&name.to_string_lossy()))))
}

/// Returns the same file, which must exist; `what` describes it in the error.
pub fn require_file(folder: &Path, names: &[&str], what: &str) -> Result<PathBuf, Error> {
    find_file(folder, names)?.ok_or_else(|| {
        let expected = format!("{what} ({})", names.join(" or "));
        Error::dataset(folder.display(), expected, "no such file")
    })
}

/// Normalizes a relative path to one without `.` and `..`.
///
/// `None` if it leaves the folder that it starts from, or is empty.
pub fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!inside.as_os_str().is_empty()).then_some(inside)
}

pub fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

pub fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Returns whether a file is an image by its extension or, without one, by its content. DICOM files
/// are often named by their UID, which ends in a number: this counts as no extension.
pub fn is_image(path: &Path) -> Result<bool, Error> {
    if has_image_extension(path) {
        return Ok(true);
    }
    let extension = path.extension().map_or(&[][..], OsStr::as_encoded_bytes);
    // The table of contents of a medium.
    let contents = path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR"));
    if contents || !extension.iter().all(u8::is_ascii_digit) {
        return Ok(false);
    }
    let mut start = Vec::with_capacity(START);
    let file = File::open(path).map_err(Error::read(path))?;
    file.take(START as u64).read_to_end(&mut start).map_err(Error::read(path))?;
    Ok(starts_an_image(&start))
}
