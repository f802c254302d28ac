//! The pools of a column, and the files of those that were trained elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::{StateDict, models_below};
use ff_eval::Metric;
use ff_models::{Identity, Spec};
use ff_soup::Ingredient;
use itertools::Itertools;

use super::config::SoupsConfig;
use super::pool_config::PoolConfig;
use crate::job::{Cost, DataIdentity, FILE, FOLDER, ImportSpec, JobId, JobSpec, Pool, group_fields};
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
    /// Its name in soups: the file as the configuration gives it, or below its folder there.
    name: String,
    path: PathBuf,
    spec: ImportSpec,
    fields: BTreeMap<String, String>,
}

/// A pool's files, before their jobs are planned.
pub(super) struct OpenedFiles<'a> {
    config: &'a PoolConfig,
    models: Vec<Found>,
    base: Option<Found>,
}

/// Opens the files of all pools that a column needs, and checks that they fit it.
///
/// Notes for a reader of the results are added to those of `shared`.
///
/// # Errors
/// The reason, with the file: one that cannot be read, or that is not of the column's architecture,
/// classes, normalisation or image size.
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
        if !needed.contains(&Pool::Named(entry.name.clone())) {
            continue;
        }
        let named = |why: String| format!("pool {}: {why}", entry.name);
        let files = list(&entry.files).map_err(named)?;
        let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
        let weights = StateDict::open_all(&paths).map_err(|error| named(error.to_string()))?;
        let data = shared.identity.clone();
        let column = Column { spec: shared.spec, data, metric, classes, entry, allow_other_split };
        let (mut models, mut unknown): (Vec<Found>, Vec<String>) = Default::default();
        for ((name, path), weights) in files.into_iter().zip(&weights) {
            if let Some(tensor) = weights.first_not_finite() {
                shared.remarks.push(named(format!(
                    "{name} is left out: it holds a value that is not finite in `{tensor}`"
                )));
                continue;
            }
            let found = column.found(name, path, weights, &mut shared.remarks).map_err(named)?;
            if let Some(same) = models.iter().find(|other| other.spec.weights == found.spec.weights) {
                shared.remarks.push(named(format!(
                    "{} is left out: it has the same weights as {}",
                    found.name, same.name
                )));
                continue;
            }
            if found.spec.outputs.is_none() {
                unknown.push(found.name.clone());
            }
            models.push(found);
        }
        if models.is_empty() {
            return Err(named("expected a model in its files, found none that can be used".into()));
        }
        if let [first, rest @ ..] = unknown.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            shared.remarks.push(named(format!(
                "the order of the outputs is not recorded in {first}{more}, and taken as that of the data: {}",
                classes.join(", ")
            )));
        }
        let base = entry.base.as_ref().map(|path| {
            let weights = StateDict::open(path).map_err(|error| error.to_string())?;
            column.found(path.display().to_string(), path.clone(), &weights, &mut shared.remarks)
        });
        let base = base.transpose().map_err(|why| named(format!("base: {why}")))?;
        opened.push(OpenedFiles { config: entry, models, base });
    }
    Ok(opened)
}

/// Lists the models of files and folders with their names.
fn list(places: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    for place in places {
        let text = |path: &Path| path.display().to_string();
        match place.is_dir() {
            false => found.push((text(place), place.clone())),
            true => {
                let below = models_below(place).map_err(|error| error.to_string())?;
                let name = |path: &PathBuf| path.strip_prefix(place).map_or_else(|_| text(path), text);
                found.extend(below.into_iter().map(|path| (name(&path), path)));
            }
        }
    }
    // Two folders may have files of the same names.
    let twice: Vec<String> = found.iter().map(|(name, _)| name).duplicates().cloned().collect();
    for (name, path) in &mut found {
        if twice.contains(name) {
            *name = path.display().to_string();
        }
    }
    Ok(found)
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
    fn found(
        &self,
        name: String,
        path: PathBuf,
        weights: &StateDict,
        remarks: &mut Vec<String>,
    ) -> Result<Found, String> {
        let identity = Identity::of(weights, None).map_err(|error| error.to_string())?;
        self.check(&name, &identity)?;
        remarks.extend(identity.notes.iter().map(|note| format!("{name}: {note}")));
        if let Some(why) = other_split(&trained_on(weights), &self.data) {
            let why = format!("{name} was {why}");
            match self.allow_other_split {
                true => remarks.push(why),
                false => return Err(format!("{why}\n{OTHER_SPLIT_HINT}")),
            }
        }
        let recorded = identity.classes.as_ref().map(|(classes, place)| (classes.as_slice(), place.as_str()));
        let stated =
            (!self.entry.classes.is_empty()).then_some((self.entry.classes.as_slice(), "its [[pool]]"));
        let outputs = recorded.or(stated).map(|(classes, place)| self.order(&name, classes, place));
        let spec = ImportSpec {
            model: self.spec,
            data: self.data.clone(),
            metric: self.metric,
            weights: weights.digest().to_string(),
            outputs: outputs.transpose()?,
        };
        let mut fields = group_fields(&Ingredient::of(&path, weights.clone()));
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        fields.insert(FOLDER.to_owned(), folder.into_owned());
        fields.insert(FILE.to_owned(), name.clone());
        Ok(Found { name, path, spec, fields })
    }

    /// Checks that a file's model is one of the column's.
    fn check(&self, name: &str, identity: &Identity) -> Result<(), String> {
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
        if let Some(found) = identity.image_size.filter(|found| *found != spec.image_size) {
            return Err(format!(
                "{name}: expected a model for images of {} px, found one for {found} px\n\
                 hint: set model.image_size={found}, and give models of another size a table of their own",
                spec.image_size
            ));
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
            let Found { name, path, spec, fields } = found;
            let [_, val, _] = shared.sizes;
            let cost = Cost { evaluations: 1, evaluated_images: val, ..Cost::default() };
            let label = format!("{}: {name}", shared.prefix);
            let id = graph.add(shared, label, JobSpec::Import(spec), Vec::new(), cost, Some(path));
            graph.set_fields(&id, fields);
            id
        };
        let models = self.models.into_iter().map(&mut import).collect();
        let base = self.base.map(&mut import);
        (self.config.name.clone(), self.config.with.clone(), FileJobs { models, base })
    }
}
