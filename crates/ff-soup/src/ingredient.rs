//! The models that a soup is made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::StateDict;
use itertools::Itertools;

use crate::average::{Average, Merged};
use crate::error::Error;
use crate::merge::mean::{Node, mean};
use crate::merge::{MergeKind, MergeMethod, Needs, Parts, Statistics, kind, method};

/// A trained model that a soup may be made from.
#[derive(Clone, Debug)]
pub struct Ingredient {
    /// The name, unique among the ingredients of a soup.
    pub id: String,
    /// The weights, usually memory-mapped.
    pub weights: StateDict,
    /// The recipe fields that a hierarchy may group by: `learning_rate`, `augmentation`, `seed`, ….
    pub fields: BTreeMap<String, String>,
}

/// Models that can be averaged: they have the same keys, shapes and types, finite values, and
/// distinct names. Ties between scores keep their order.
///
/// ```
/// use ff_soup::{Ingredient, Ingredients, OwnedTensor, StateDict};
///
/// let model = |id: &str, values: [f32; 2]| {
///     let tensors = [("fc.weight".to_owned(), OwnedTensor::f32([2], &values))];
///     let weights = StateDict::from_tensors(tensors.into());
///     Ingredient { id: id.to_owned(), weights, fields: Default::default() }
/// };
/// let models = Ingredients::new(vec![model("a", [1.0, 2.0]), model("b", [3.0, 4.0])])?;
/// let mean = models.average()?.weights;
/// let values = mean.get("fc.weight").and_then(|tensor| tensor.to_f32());
/// assert_eq!(values, Some(vec![2.0, 3.0]));
/// # Ok::<(), ff_soup::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ingredients {
    models: Vec<Ingredient>,
    base: Option<Ingredient>,
    /// Statistics with their names, for methods that need them.
    statistics: Vec<(String, StateDict)>,
    /// What they are, if there is one of each model, in order.
    statistics_of_models: Option<Statistics>,
    methods: Vec<MergeKind>,
}

impl Ingredients {
    /// Opens files of weights, as many at a time as there are cores.
    ///
    /// The id of an ingredient is its path as given: file names alone repeat, since every run
    /// writes its weights under one name. Its fields are those that the file's provenance records;
    /// a file without provenance has none.
    ///
    /// ```no_run
    /// use ff_soup::Ingredients;
    ///
    /// let paths = ["runs/a/kept.safetensors", "runs/b/kept.safetensors"];
    /// Ingredients::open(paths)?.average()?.save("soup.safetensors")?;
    /// # Ok::<(), ff_soup::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Duplicate`] for a path that is given twice, before any file is opened;
    /// [`Error::Checkpoint`] for a file that cannot be read; those of [`new`](Self::new).
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, Error> {
        let paths: Vec<PathBuf> = paths.into_iter().map(|path| path.as_ref().to_owned()).collect();
        if let Some(twice) = paths.iter().duplicates().next() {
            return Err(Error::Duplicate(twice.display().to_string()));
        }
        let opened = paths.iter().zip(StateDict::open_all(&paths)?);
        Self::new(opened.map(|(path, weights)| Ingredient::of(path, weights)).collect())
    }

    /// Takes models that are in memory or already open, and checks that they can be averaged.
    ///
    /// # Errors
    /// [`Error::Empty`] without models, [`Error::Duplicate`] for two of one name,
    /// [`Error::Mismatch`] for other keys, shapes or types than the first one's,
    /// [`Error::NotFinite`] for a NaN or an infinity.
    pub fn new(ingredients: Vec<Ingredient>) -> Result<Self, Error> {
        let first = ingredients.first().ok_or(Error::Empty)?;
        if let Some(twice) = ingredients.iter().map(|ingredient| &ingredient.id).duplicates().next() {
            return Err(Error::Duplicate(twice.clone()));
        }
        ingredients.iter().try_for_each(|ingredient| ingredient.fits(first))?;
        let (base, statistics, statistics_of_models, methods) = (None, Vec::new(), None, Vec::new());
        Ok(Self { models: ingredients, base, statistics, statistics_of_models, methods })
    }

    /// Adds the base: the model that the ingredients were fine-tuned from, for the merge methods
    /// that need it. A selector does not select it.
    ///
    /// # Errors
    /// [`Error::Duplicate`], [`Error::Mismatch`] and [`Error::NotFinite`], as for the models.
    pub fn with_base(self, base: Ingredient) -> Result<Self, Error> {
        if self.get(&base.id).is_some() {
            return Err(Error::Duplicate(base.id));
        }
        base.fits(&self.models[0])?;
        Ok(Self { base: Some(base), ..self })
    }

    /// Sets a base that is 0 everywhere, for models whose start is unknown: distances and angles from it
    /// ([`geometry`](crate::geometry())) are those of the weights themselves.
    pub fn with_zero_base(self) -> Self {
        // The closure leaves the zeroed bytes as they are.
        let weights = self.models[0].weights.refilled(|_| {});
        let base = Ingredient { id: "0".to_owned(), weights, fields: BTreeMap::new() };
        Self { base: Some(base), ..self }
    }

    /// Replaces the fields of every model by those that `fields` returns for it.
    pub fn with_fields(mut self, fields: impl Fn(&Ingredient) -> BTreeMap<String, String>) -> Self {
        for model in &mut self.models {
            model.fields = fields(model);
        }
        self
    }

    /// Adds statistics of every model, in order, with a name for each.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for a name that is used, [`Error::Method`] for another number of them
    /// than of models.
    pub fn with_statistics(
        self,
        kind: Statistics,
        of_models: Vec<(String, StateDict)>,
    ) -> Result<Self, Error> {
        if of_models.len() != self.models.len() {
            let reason = format!(
                "expected statistics of each of {} models, found {}",
                self.models.len(),
                of_models.len()
            );
            return Err(Error::Method { name: format!("{kind:?}").to_lowercase(), reason });
        }
        let names = self.models.iter().chain(&self.base).map(|one| &one.id);
        match names.chain(of_models.iter().map(|(id, _)| id)).duplicates().next() {
            Some(twice) => Err(Error::Duplicate(twice.clone())),
            None => Ok(Self { statistics_of_models: Some(kind), ..self.and_statistics(of_models) }),
        }
    }

    /// Adds statistics that an average names.
    pub(crate) fn and_statistics(self, statistics: Vec<(String, StateDict)>) -> Self {
        Self { statistics, ..self }
    }

    /// Adds a merge method from outside this crate, so that averages can name it.
    pub fn with_method(mut self, kind: MergeKind) -> Self {
        self.methods.push(kind);
        self
    }

    /// Returns the number of models, without the base; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one model")]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Returns the models, in order, without the base.
    pub fn iter(&self) -> std::slice::Iter<'_, Ingredient> {
        self.models.iter()
    }

    /// Returns each model alone, in order, without the base.
    pub fn alone(&self) -> Vec<Average> {
        self.iter().map(|one| Average::Ingredient(one.id.clone())).collect()
    }

    /// Returns the base, if there is one.
    pub fn base(&self) -> Option<&Ingredient> {
        self.base.as_ref()
    }

    /// Returns all models merged by a method, with the base or the statistics that it needs.
    ///
    /// # Errors
    /// [`Error::Method`] for an unknown method, or if what it needs is not here.
    pub fn merged(&self, method: &dyn MergeMethod) -> Result<Average, Error> {
        let needs = kind(method.name(), &self.methods)?.needs;
        let (mut base, mut statistics) = (None, Vec::new());
        match (needs, &self.base, self.statistics_of_models) {
            (Needs::Nothing, _, _) => {}
            (Needs::Base, Some(found), _) => base = Some(found.id.clone()),
            (Needs::Statistics(wanted), _, Some(kind)) if wanted == kind => {
                statistics = self.statistics.iter().map(|(id, _)| id.clone()).collect();
            }
            _ => return Err(needs.missing(method.name())),
        }
        let parts = self.alone();
        let (name, settings) = (method.name().to_owned(), method.settings());
        Ok(Average::Merged(Box::new(Merged { method: name, settings, base, statistics, parts })))
    }

    /// Returns the statistics of that name.
    pub(crate) fn statistics(&self, id: &str) -> Option<&StateDict> {
        self.statistics.iter().find(|(other, _)| other == id).map(|(_, statistics)| statistics)
    }

    /// Returns the model or the base of that name.
    pub fn get(&self, id: &str) -> Option<&Ingredient> {
        self.models.iter().chain(&self.base).find(|ingredient| ingredient.id == id)
    }

    /// Computes the weights of an average; [`build`](Self::build) adds their provenance.
    ///
    /// Sums are in 64-bit floats, tensors that are not floats are the first ingredient's, and the
    /// bits do not depend on the number of threads. The weights of a single ingredient are shared,
    /// not copied.
    ///
    /// # Errors
    /// [`Error::Missing`] for an ingredient that is not here, [`Error::Method`] for a merge method
    /// that is not known or lacks its base, [`Error::Merge`] for a tensor that it cannot merge.
    pub fn weights(&self, average: &Average) -> Result<StateDict, Error> {
        Ok(match self.node(average)? {
            Node::Leaf(weights) => weights,
            tree => mean(&tree, ff_checkpoint::cores()),
        })
    }

    /// Returns the tree of means; parts that other methods merge are merged already, as leaves.
    pub(crate) fn node(&self, average: &Average) -> Result<Node<StateDict>, Error> {
        match average {
            Average::Ingredient(id) => Ok(Node::Leaf(self.named(id)?.weights.clone())),
            Average::Mean(parts) if parts.is_empty() => Err(Error::Empty),
            Average::Mean(parts) => {
                Ok(Node::Mean(parts.iter().map(|part| self.node(part)).collect::<Result<_, _>>()?))
            }
            Average::Merged(merged) => {
                let weights = self.merge(merged)?;
                // The result of a method from outside must fit into means as any model does.
                let merged = Ingredient { id: average.to_string(), weights, fields: BTreeMap::new() };
                merged.fits(&self.models[0])?;
                Ok(Node::Leaf(merged.weights))
            }
        }
    }

    fn merge(&self, merged: &Merged) -> Result<StateDict, Error> {
        let (kind, method) = method(&merged.method, &merged.settings, &self.methods)?;
        let has = match (&merged.base, merged.statistics.len()) {
            (None, 0) => kind.needs == Needs::Nothing,
            (Some(_), 0) => kind.needs == Needs::Base,
            (None, count) => matches!(kind.needs, Needs::Statistics(_)) && count == merged.parts.len(),
            (Some(_), _) => false,
        };
        if !has {
            return Err(kind.needs.missing(kind.name));
        }
        let models: Vec<_> = merged.parts.iter().map(|part| self.weights(part)).collect::<Result<_, _>>()?;
        let models: Vec<&StateDict> = models.iter().collect();
        let base = merged.base.as_ref().map(|id| self.named(id)).transpose()?;
        let statistics = merged.statistics.iter();
        let statistics = statistics.map(|id| self.statistics(id).ok_or_else(|| Error::Missing(id.clone())));
        let statistics: Vec<&StateDict> = statistics.collect::<Result<_, _>>()?;
        method.merge(&Parts {
            models: &models,
            base: base.map(|base| &base.weights),
            statistics: &statistics,
        })
    }

    fn named(&self, id: &str) -> Result<&Ingredient, Error> {
        self.get(id).ok_or_else(|| Error::Missing(id.to_owned()))
    }
}

impl Ingredient {
    /// Opens a file of weights, as [`Ingredients::open`] opens each.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(Self::of(path, StateDict::open(path)?))
    }

    /// Takes weights that were opened from a file, as [`open`](Self::open) does.
    pub fn of(path: &Path, weights: StateDict) -> Self {
        let fields = recorded_fields(&weights);
        Self { id: path.display().to_string(), weights, fields }
    }

    /// Checks that it can be averaged with `first`.
    pub(crate) fn fits(&self, first: &Ingredient) -> Result<(), Error> {
        if let Some((reason, hint)) = difference(&first.weights, &self.weights) {
            return Err(Error::Mismatch { id: self.id.clone(), first: first.id.clone(), reason, hint });
        }
        match self.weights.first_not_finite() {
            Some(tensor) => Err(Error::NotFinite { id: self.id.clone(), tensor: tensor.to_owned() }),
            None => Ok(()),
        }
    }
}

/// Returns the fields of the recipe in a file's provenance; none if they are not texts.
fn recorded_fields(weights: &StateDict) -> BTreeMap<String, String> {
    let fields = weights.provenance().ok().and_then(|provenance| provenance.recipe.get("fields"));
    fields.and_then(|fields| serde_json::from_value(fields.clone()).ok()).unwrap_or_default()
}

/// Returns the first difference that keeps two models from being averaged, and what to do.
fn difference(first: &StateDict, other: &StateDict) -> Option<(String, &'static str)> {
    const SAME_NAMES: &str = "save both with the same names";
    if let Some(prefix) = prefix(first, other) {
        return Some((format!("its names begin with `{prefix}`, those of the other do not"), SAME_NAMES));
    }
    if let Some(prefix) = prefix(other, first) {
        return Some((format!("its names do not begin with `{prefix}`, those of the other do"), SAME_NAMES));
    }
    let extra = || {
        let extra = other.names().find(|name| first.get(name).is_none())?;
        Some(format!("it has `{extra}`, which the other lacks"))
    };
    let misshapen = || {
        first.iter().find_map(|(name, a)| match other.get(name) {
            None => Some(format!("it lacks `{name}`")),
            Some(b) if a.shape != b.shape => {
                Some(format!("`{name}`: expected shape {:?}, found {:?}", a.shape, b.shape))
            }
            Some(_) => None,
        })
    };
    if let Some(reason) = extra().or_else(misshapen) {
        return Some((reason, "all ingredients must come from one architecture and one task"));
    }
    let mut pairs = first.iter().zip(other.iter());
    let ((name, a), (_, b)) = pairs.find(|((_, a), (_, b))| a.dtype != b.dtype)?;
    let reason = format!("`{name}`: expected type {}, found {}", a.dtype, b.dtype);
    Some((reason, "save both in one type, such as float32"))
}

/// Returns what the names of `other` have before those of `bare`, if they differ in that only.
fn prefix<'a>(bare: &StateDict, other: &'a StateDict) -> Option<&'a str> {
    let prefix = other.names().next()?.strip_suffix(bare.names().next()?)?;
    let same = other.names().map(|name| name.strip_prefix(prefix)).eq(bare.names().map(Some));
    (same && !prefix.is_empty()).then_some(prefix)
}
