//! The pools of a column, and the files of those that were trained elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ff_checkpoint::{StateDict, map_on_cores};
use ff_eval::Metric;
use ff_models::{Identity, Spec};
use ff_soup::Ingredient;
use itertools::Itertools;

use super::config::SoupsConfig;
use super::pool_config::PoolConfig;
use crate::job::{Cost, DataIdentity, FILE, ImportSpec, JobId, JobSpec, Pool, file_fields};
use crate::plan::{ColumnBase, Graph};
use crate::store::{OTHER_SPLIT_HINT, other_split, trained_on};

/// The jobs of a column whose models are selected, by pool.
#[derive(Default)]
pub(super) struct Pools {
    /// The start of the models that are trained here; `None` without such models.
    pub probe: Option<JobId>,
    pub grid: Vec<JobId>,
    pub fgg: Vec<JobId>,
    pub fgg_all: Vec<JobId>,
    pub fgg_also: Vec<JobId>,
    /// The pools with files: name, the pool of trained models beside them, and the jobs.
    pub files: Vec<(String, Option<Pool>, FileJobs)>,
}

/// The jobs of a pool's files.
#[derive(Default)]
pub(super) struct FileJobs {
    pub models: Vec<JobId>,
    pub base: Option<JobId>,
}

impl Pools {
    /// Returns the jobs of a pool: the runs first, then the files.
    pub fn of(&self, pool: &Pool) -> Vec<JobId> {
        match pool {
            Pool::Grid | Pool::Ema | Pool::GridEma => self.grid.clone(),
            Pool::Fgg => self.fgg.clone(),
            Pool::FggAll => self.fgg_all.clone(),
            Pool::FggAlso => self.fgg_also.clone(),
            Pool::Named(_) => {
                let Some((_, with, files)) = self.named(pool) else { return Vec::new() };
                let trained = with.iter().flat_map(|with| self.of(with));
                trained.chain(files.models.iter().cloned()).collect()
            }
        }
    }

    /// Returns the number of models of a pool that are from files.
    pub fn count_of_files(&self, pool: &Pool) -> usize {
        self.named(pool).map_or(0, |(_, _, files)| files.models.len())
    }

    /// Returns the job whose model those of a pool were fine-tuned from, if it is known.
    pub fn start(&self, pool: &Pool) -> Option<&JobId> {
        match self.named(pool) {
            None => self.probe.as_ref(),
            Some((_, with, files)) => files.base.as_ref().or(self.probe.as_ref().filter(|_| with.is_some())),
        }
    }

    fn named(&self, pool: &Pool) -> Option<&(String, Option<Pool>, FileJobs)> {
        self.files.iter().find(|(name, ..)| *pool == Pool::Named(name.clone()))
    }
}

/// A model from a file, before its job is planned.
struct Found {
    path: PathBuf,
    spec: ImportSpec,
}

/// A pool's files, before their jobs are planned.
pub(super) struct OpenedFiles<'a> {
    config: &'a PoolConfig,
    models: Vec<Found>,
    base: Option<Found>,
}

/// Notes on files for a reader of the results: each text once, with the files that it is about.
#[derive(Default)]
struct Notes(Vec<(String, Vec<String>)>);

impl Notes {
    fn add(&mut self, file: &str, text: String) {
        match self.0.iter_mut().find(|(other, _)| *other == text) {
            Some((_, files)) => files.push(file.to_owned()),
            None => self.0.push((text, vec![file.to_owned()])),
        }
    }

    fn into_texts(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(text, files)| match files.as_slice() {
            [] | [_] => format!("{}: {text}", files.concat()),
            [first, rest @ ..] => format!("{first} and {} more: {text}", rest.len()),
        })
    }
}

/// Reads the files of all pools that a column needs, and checks that they fit it.
///
/// Notes for a reader of the results are added to those of `shared`.
///
/// # Errors
/// The reason, with the file: one that cannot be read, or that is not of the column's architecture,
/// classes, normalisation or image size, or lacks a field that a row groups by.
pub(super) fn open<'a>(
    config: &'a SoupsConfig,
    shared: &mut ColumnBase,
    metric: Metric,
    classes: &[String],
    allow_other_split: bool,
) -> Result<Vec<OpenedFiles<'a>>, String> {
    let needed = config.pools();
    let mut opened = Vec::new();
    for entry in &config.pool {
        let pool = Pool::Named(entry.name.clone());
        if !needed.contains(&pool) {
            continue;
        }
        let named = |why: String| format!("pool {}: {why}", entry.name);
        shared.spec.check().map_err(|error| named(error.to_string()))?;
        let data = shared.identity.clone();
        let column = Column { spec: shared.spec, data, metric, classes, entry, allow_other_split };
        let mut notes = Notes::default();
        let models = column.models(&mut notes).map_err(named)?;
        let base = entry.base.as_ref().map(|path| column.base(path, &mut notes)).transpose();
        let base = base.map_err(|why| named(format!("base: {why}")))?;
        let rows = config.method.iter().filter(|row| row.pool == pool);
        for field in rows.filter_map(|row| row.select.hierarchy()).flat_map(|hierarchy| hierarchy.levels) {
            check_field(&models, &field).map_err(named)?;
        }
        shared.remarks.extend(notes.into_texts().map(named));
        opened.push(OpenedFiles { config: entry, models, base });
    }
    Ok(opened)
}

/// Checks that all models have a field to group by.
fn check_field(models: &[Found], field: &str) -> Result<(), String> {
    match models.iter().find(|found| !found.spec.fields.contains_key(field)) {
        None => Ok(()),
        Some(found) => Err(format!(
            "{}: expected a field `{field}` to group by, found {}\nhint: group by folder",
            found.spec.name(),
            found.spec.fields.keys().join(", ")
        )),
    }
}

/// What is read of a file before its job is planned. The weights are not kept in memory.
struct Read {
    identity: Identity,
    digest: String,
    not_finite: Option<String>,
    seen: Vec<DataIdentity>,
    fields: BTreeMap<String, String>,
}

impl Read {
    fn of(name: &str, path: &Path) -> Result<Self, String> {
        let weights = StateDict::open(path).map_err(|error| error.to_string())?;
        Ok(Self {
            identity: Identity::of(&weights, None).map_err(|error| error.to_string())?,
            digest: weights.digest().to_string(),
            not_finite: weights.first_not_finite().map(str::to_owned),
            seen: trained_on(&weights),
            fields: fields(name, path, weights),
        })
    }
}

/// Returns the fields of a file: those of its provenance, its name and that of its folder.
fn fields(name: &str, path: &Path, weights: StateDict) -> BTreeMap<String, String> {
    let mut fields = file_fields(&Ingredient::of(path, weights));
    fields.insert(FILE.to_owned(), name.to_owned());
    fields
}

/// What the files of a pool must fit.
struct Column<'a> {
    spec: Spec,
    data: DataIdentity,
    metric: Metric,
    classes: &'a [String],
    entry: &'a PoolConfig,
    allow_other_split: bool,
}

impl Column<'_> {
    /// Reads the models of the pool's files. Those that cannot be used, and repeated ones, are left out
    /// with a note.
    fn models(&self, notes: &mut Notes) -> Result<Vec<Found>, String> {
        let files = self.entry.models().map_err(|error| error.to_string())?;
        let read = map_on_cores(&files, |(name, path)| Read::of(name, path));
        let mut models: Vec<Found> = Vec::new();
        let (mut names, mut size) = (HashMap::new(), None);
        for ((name, path), read) in files.into_iter().zip(read) {
            let read = read?;
            if let Some(tensor) = &read.not_finite {
                notes.add(&name, format!("left out, since `{tensor}` holds a value that is not finite"));
                continue;
            }
            if let Some(same) = names.insert(read.digest.clone(), name.clone()) {
                notes.add(&name, format!("left out, since it has the same weights as {same}"));
                names.insert(read.digest, same);
                continue;
            }
            self.check(&name, &read.identity, &mut size)?;
            models.push(self.found(&name, path, read, notes)?);
        }
        match (models.is_empty(), size.filter(|size| *size != self.spec.image_size)) {
            (true, _) => Err("expected a model in its files, found none that can be used".to_owned()),
            (false, Some(size)) if self.spec.architecture.has_fixed_image_size() => Err(format!(
                "expected models for images of {} px, found those for {size} px\n\
                 hint: set model.image_size={size}",
                self.spec.image_size
            )),
            (false, Some(size)) => {
                let seen = self.spec.image_size;
                let text = format!("trained on images of {size} px, and evaluated on images of {seen} px");
                notes.add("the models", text);
                Ok(models)
            }
            (false, None) => Ok(models),
        }
    }

    fn found(&self, name: &str, path: PathBuf, read: Read, notes: &mut Notes) -> Result<Found, String> {
        let Read { identity, digest, seen, fields, .. } = read;
        identity.notes.into_iter().for_each(|note| notes.add(name, note));
        if let Some(why) = other_split(&seen, &self.data) {
            match self.allow_other_split {
                true => notes.add(name, why.to_owned()),
                false => return Err(format!("{name} was {why}\n{OTHER_SPLIT_HINT}")),
            }
        }
        let recorded = identity.classes.as_ref().map(|(classes, place)| (classes.as_slice(), place.as_str()));
        let stated =
            (!self.entry.classes.is_empty()).then_some((self.entry.classes.as_slice(), "its [[pool]]"));
        let outputs =
            stated.or(recorded).map(|(classes, place)| self.order(name, classes, place)).transpose()?;
        if outputs.is_none() {
            let order = self.classes.join(", ");
            notes.add(
                name,
                format!("the order of the outputs is not recorded, and taken as that of the data: {order}"),
            );
        }
        Ok(Found { path, spec: ImportSpec { outputs, ..self.import(digest, fields) } })
    }

    /// Reads the weights that the models were fine-tuned from.
    fn base(&self, path: &Path, notes: &mut Notes) -> Result<Found, String> {
        let weights = StateDict::open(path).map_err(|error| error.to_string())?;
        let outputs = self.spec.architecture.outputs_of(&weights).unwrap_or(0);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if outputs != self.classes.len() {
            let text =
                format!("the base's classifier, of {outputs} outputs, is not theirs: theirs start from 0");
            notes.add(&name, text);
        }
        let digest = weights.digest().to_string();
        let spec = self.import(digest, fields(&name, path, weights));
        Ok(Found { path: path.to_owned(), spec: ImportSpec { is_base: true, ..spec } })
    }

    fn import(&self, weights: String, fields: BTreeMap<String, String>) -> ImportSpec {
        let (model, data, metric) = (self.spec, self.data.clone(), self.metric);
        ImportSpec { model, data, metric, weights, fields, outputs: None, is_base: false }
    }

    /// Checks that a file's model is one of the column's. `size` is the image size that the files before
    /// it are for, if one tells it.
    fn check(&self, name: &str, identity: &Identity, size: &mut Option<u32>) -> Result<(), String> {
        let (spec, expected) = (&self.spec, self.classes.len());
        if identity.architecture != spec.architecture {
            let (expected, found) = (spec.architecture, identity.architecture);
            return Err(format!(
                "{name}: expected weights of {expected}, the column's backbone, found those of {found}\n\
                 hint: give the models of each architecture a table of their own"
            ));
        }
        if identity.outputs != expected {
            return Err(format!(
                "{name}: expected {expected} outputs, one for each class of the data, found {}\n\
                 hint: leave it out, or use the data of its classes",
                identity.outputs
            ));
        }
        let own = spec.normalisation();
        if let Some(found) = identity.normalisation.filter(|found| *found != own) {
            return Err(format!(
                "{name}: expected images normalised by mean {:?} and deviation {:?}, found {:?} and {:?}\n\
                 hint: set model.normalisation, and give models of another normalisation a table of their own",
                own.mean, own.std, found.mean, found.std
            ));
        }
        if let Some(found) = identity.image_size {
            let before = *size.get_or_insert(found);
            if before != found {
                return Err(format!(
                    "{name}: expected a model for images of {before} px, like the others, found one for {found} px\n\
                     hint: give models of another size a table of their own"
                ));
            }
        }
        Ok(())
    }

    /// Returns, for each class of the data, the output that is for it.
    fn order(&self, name: &str, found: &[String], place: &str) -> Result<Vec<usize>, String> {
        let output = |class: &String| found.iter().position(|other| other == class);
        let order: Vec<usize> = self.classes.iter().filter_map(output).collect();
        if order.len() == self.classes.len() && found.len() == order.len() {
            return Ok(order);
        }
        Err(format!(
            "{name}: expected the data's classes ({}), found {} in {place}\n\
             hint: name the folders or labels of the data like the classes of the models",
            self.classes.join(", "),
            found.join(", ")
        ))
    }
}

impl OpenedFiles<'_> {
    /// Adds the jobs that import the files.
    pub fn plan(self, graph: &mut Graph<'_>, shared: &ColumnBase) -> (String, Option<Pool>, FileJobs) {
        let mut import = |found: Found| {
            let Found { path, spec } = found;
            let [_, val, _] = shared.sizes;
            let cost = Cost { evaluations: 1, evaluated_images: val, ..Cost::default() };
            let label = format!("{}: {}", shared.prefix, spec.name());
            graph.add(shared, label, JobSpec::Import(spec), Vec::new(), cost, Some(path))
        };
        let models = self.models.into_iter().map(&mut import).collect();
        let base = self.base.map(&mut import);
        (self.config.name.clone(), self.config.with.clone(), FileJobs { models, base })
    }
}
