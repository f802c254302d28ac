//! The lineage of weights: the files that they were made from, back to the first.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ff_checkpoint::{
    Digest, Error as CheckpointError, Parent, Provenance, StateDict, entries, is_index_name, is_weights_name,
};

use super::runs::read_record;
use crate::error::Error;
use crate::job::Job;

/// A file of weights, or of optimizer state, that other weights were made from.
#[derive(Clone, Debug)]
pub struct Ancestor {
    /// Generations back: 0 for the file itself, 1 for its parents.
    pub depth: usize,
    /// Its name in the provenance of its child.
    pub id: String,
    /// Its share in the child, if the child is an average.
    pub weight: Option<f64>,
    /// The digest of its content.
    pub digest: Digest,
    /// The state of the file.
    pub found: FileStatus,
    /// Its provenance, if the file was found and has one.
    pub provenance: Option<Provenance>,
    /// A check of the job that made it; `None` if there is no record beside the file.
    pub job: Option<SameJob>,
    /// True if its ancestors are listed already.
    pub repeated: bool,
}

impl FileStatus {
    /// Returns the path of an intact file.
    pub fn intact(&self) -> Option<PathBuf> {
        match self {
            Self::Intact(path) => Some(path.clone()),
            Self::Damaged(_) | Self::NotSearched | Self::Missing => None,
        }
    }
}

/// The state of a file of a lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// Found, and its content matches its digest.
    Intact(PathBuf),
    /// Found, but damaged.
    Damaged(PathBuf),
    /// Imported, and in none of the searched folders: such a file may be anywhere.
    NotSearched,
    /// In none of the searched folders.
    Missing,
}

/// A check of the identity of the job whose record is beside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SameJob {
    /// This version computes the same identity of the job, which is given.
    Same(String),
    /// This version computes another identity, or the record is damaged: the reason.
    Other(String),
}

/// Finds the ancestors of a file by the digests of their content, in files below `places`.
///
/// The file itself comes first, and each ancestor is followed by its own ancestors.
///
/// # Errors
/// The file cannot be read or has no provenance; a folder cannot be listed.
pub fn lineage(file: &Path, places: &[PathBuf]) -> Result<Vec<Ancestor>, Error> {
    let weights = StateDict::open(file)?;
    weights.verify()?;
    let mut known = Known::new();
    for place in places {
        collect(place, &mut known)?;
    }
    let provenance = weights.provenance()?.clone();
    let mut ancestors = vec![Ancestor {
        depth: 0,
        id: file.display().to_string(),
        weight: None,
        digest: *weights.digest(),
        found: FileStatus::Intact(file.to_owned()),
        provenance: Some(provenance.clone()),
        job: same_job(file),
        repeated: false,
    }];
    trace(&provenance, 1, &known, &mut HashSet::new(), &mut ancestors);
    Ok(ancestors)
}

/// File state and provenance by digest. A file that a record names and whose content has changed
/// counts as damaged, even if there is a copy in another place.
type Known = HashMap<Digest, (FileStatus, Option<Provenance>)>;

/// Adds the parents of weights that were made so, each followed by its ancestors.
fn trace(
    made: &Provenance,
    depth: usize,
    known: &Known,
    listed: &mut HashSet<Digest>,
    ancestors: &mut Vec<Ancestor>,
) {
    let absent = if made.kind == "import" { FileStatus::NotSearched } else { FileStatus::Missing };
    for Parent { id, digest, weight } in made.parents.iter().cloned() {
        let (found, provenance) = known.get(&digest).cloned().unwrap_or_else(|| (absent.clone(), None));
        let job = match &found {
            FileStatus::Intact(path) => same_job(path),
            _ => None,
        };
        let above = provenance.clone().filter(|made| !made.parents.is_empty());
        let repeated = !listed.insert(digest) && above.is_some();
        ancestors.push(Ancestor { depth, id, weight, digest, found, provenance, job, repeated });
        if let Some(above) = above.filter(|_| !repeated) {
            trace(&above, depth + 1, known, listed, ancestors);
        }
    }
}

/// Adds every file of weights below a folder. A damaged file has the digest of the content that it
/// should have.
fn collect(place: &Path, known: &mut Known) -> Result<(), Error> {
    if !place.is_dir() {
        collect_file(place, None, known);
        return Ok(());
    }
    let record = read_record(&place.join("record.json")).ok();
    let recorded: HashMap<PathBuf, Digest> = record
        .iter()
        .flat_map(|record| record.files())
        .filter_map(|file| Some((place.join(&file.path), file.digest?)))
        .collect();
    for path in entries(place)? {
        if path.is_dir() {
            collect(&path, known)?;
        } else if is_weights_name(&path) || is_index_name(&path) {
            collect_file(&path, recorded.get(&path), known);
        }
    }
    Ok(())
}

/// Adds a file. `recorded` is its digest in the record beside it.
fn collect_file(path: &Path, recorded: Option<&Digest>, known: &mut Known) {
    let opened = StateDict::open(path).and_then(|file| file.verify().map(|()| file));
    if let Some(recorded) = recorded
        && opened.as_ref().is_ok_and(|file| file.digest() != recorded)
    {
        known.insert(*recorded, (FileStatus::Damaged(path.to_owned()), None));
    }
    match opened {
        Ok(file) => {
            let found = (FileStatus::Intact(path.to_owned()), file.provenance().ok().cloned());
            match known.get(file.digest()) {
                // A copy in another place does not replace a damaged file that a record names.
                Some((FileStatus::Damaged(path), _)) if path.with_file_name("record.json").exists() => {}
                Some(before) if rank(before, file.digest()) >= rank(&found, file.digest()) => {}
                _ => drop(known.insert(*file.digest(), found)),
            }
        }
        Err(
            CheckpointError::Damaged { expected, .. }
            | CheckpointError::DamagedBlock { digest: expected, .. },
        ) => {
            known.entry(expected).or_insert_with(|| (FileStatus::Damaged(path.to_owned()), None));
        }
        // The digest that it should have is unknown.
        Err(_) => {}
    }
}

/// Ranks files of the same content by their provenance. A soup of one model, which is a copy of its
/// ingredient, ranks last; a file beside a record ranks first.
fn rank((found, provenance): &(FileStatus, Option<Provenance>), digest: &Digest) -> (bool, bool) {
    let of_itself = |made: &Provenance| made.parents.iter().any(|parent| parent.digest == *digest);
    let FileStatus::Intact(path) = found else { return (false, false) };
    (provenance.as_ref().is_some_and(|made| !of_itself(made)), path.with_file_name("record.json").exists())
}

fn same_job(file: &Path) -> Option<SameJob> {
    let path = file.with_file_name("record.json");
    if !path.exists() {
        return None;
    }
    Some(match read_record(&path) {
        Ok(record) => match Job::identity(&record.spec, &record.inputs) {
            id if id == record.id => SameJob::Same(id.to_string()),
            id => SameJob::Other(format!("recorded as job {}, and job {id} in this version", record.id)),
        },
        Err(error) => SameJob::Other(error.to_string()),
    })
}
