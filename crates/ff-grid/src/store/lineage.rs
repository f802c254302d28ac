//! Where weights come from, as far back as it goes.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ff_checkpoint::{Digest, Error as CheckpointError, Parent, Provenance, StateDict, entries};

use super::runs::read_record;
use crate::error::Error;
use crate::job::Job;

/// Weights, or the optimizer state beside them, that other weights were made from.
#[derive(Clone, Debug)]
pub struct Ancestor {
    /// How far back: 0 for the file itself, 1 for its parents.
    pub depth: usize,
    /// What its child calls it.
    pub id: String,
    /// Its share of the child, if that is an average.
    pub weight: Option<f64>,
    /// Its content.
    pub digest: Digest,
    /// Whether it is there.
    pub found: FileStatus,
    /// How it came to be, if the file is there and says it.
    pub provenance: Option<Provenance>,
    /// Whether doing its job again would be the same job; `None` for what no job of a grid made.
    pub job: Option<SameJob>,
    /// Its own ancestors stand further up already.
    pub repeated: bool,
}

impl FileStatus {
    /// Where it is, if it is intact.
    pub fn intact(&self) -> Option<PathBuf> {
        match self {
            Self::Intact(path) => Some(path.clone()),
            Self::Damaged(_) | Self::Missing => None,
        }
    }
}

/// Whether a file is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// There, and its content is what it says it is.
    Intact(PathBuf),
    /// There, but damaged.
    Damaged(PathBuf),
    /// In none of the places that were looked in.
    Missing,
}

/// What the record beside a file says of its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SameJob {
    /// This version of the software gives the job's recipe and inputs the same identity.
    Same(String),
    /// It would be another job now, or the record is damaged: why.
    Other(String),
}

/// The ancestors of a file, itself first, each followed by its own; looked for by content below
/// `places`.
///
/// # Errors
/// The file itself cannot be read or does not say how it came to be; a place that cannot be listed.
pub fn lineage(file: &Path, places: &[PathBuf]) -> Result<Vec<Ancestor>, Error> {
    let weights = StateDict::open(file)?;
    weights.verify()?;
    let mut known = Known::new();
    for place in places {
        look(place, &mut known)?;
    }
    let provenance = weights.provenance()?.clone();
    let parents = provenance.parents.clone();
    let mut ancestors = vec![Ancestor {
        depth: 0,
        id: file.display().to_string(),
        weight: None,
        digest: *weights.digest(),
        found: FileStatus::Intact(file.to_owned()),
        provenance: Some(provenance),
        job: same_job(file),
        repeated: false,
    }];
    let mut told = HashSet::new();
    parents.iter().for_each(|parent| trace(parent, 1, &known, &mut told, &mut ancestors));
    Ok(ancestors)
}

/// What was found of each content, and how it came to be. A file that a record names and that is
/// another now counts as damaged, wherever else there is a copy.
type Known = HashMap<Digest, (FileStatus, Option<Provenance>)>;

fn trace(
    parent: &Parent,
    depth: usize,
    known: &Known,
    told: &mut HashSet<Digest>,
    ancestors: &mut Vec<Ancestor>,
) {
    let (found, provenance) = known.get(&parent.digest).cloned().unwrap_or((FileStatus::Missing, None));
    let job = match &found {
        FileStatus::Intact(path) => same_job(path),
        _ => None,
    };
    let parents = provenance.as_ref().map_or(Vec::new(), |made| made.parents.clone());
    let repeated = !told.insert(parent.digest) && !parents.is_empty();
    let Parent { id, digest, weight } = parent.clone();
    ancestors.push(Ancestor { depth, id, weight, digest, found, provenance, job, repeated });
    if !repeated {
        parents.iter().for_each(|parent| trace(parent, depth + 1, known, told, ancestors));
    }
}

/// Every file of weights below a place, by content. Of a damaged one that is what it should be.
fn look(place: &Path, known: &mut Known) -> Result<(), Error> {
    if !place.is_dir() {
        look_at(place, None, known);
        return Ok(());
    }
    let record = read_record(&place.join("record.json")).ok();
    let recorded: HashMap<PathBuf, Digest> = record
        .iter()
        .flat_map(|record| record.files())
        .filter_map(|file| Some((place.join(&file.path), file.digest?)))
        .collect();
    for path in entries(place)? {
        match path.is_dir() {
            true => look(&path, known)?,
            false => look_at(&path, recorded.get(&path), known),
        }
    }
    Ok(())
}

/// A file, and the content that the record beside it says it has.
fn look_at(path: &Path, recorded: Option<&Digest>, known: &mut Known) {
    if path.extension().is_none_or(|extension| extension != "safetensors") {
        return;
    }
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
                // What a record names and is not there is not made up for by a copy elsewhere.
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
        // What it should be cannot be known.
        Err(_) => {}
    }
}

/// Which of several files of the same content says most of where it comes from: not a soup of one,
/// which is a copy of its ingredient; and one that a record stands beside.
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
            id => SameJob::Other(format!("it was job {} then, and would be {id} now", record.id)),
        },
        Err(error) => SameJob::Other(error.to_string()),
    })
}
