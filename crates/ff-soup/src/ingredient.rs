//! Models that a soup may take.

use std::collections::BTreeMap;

use ff_checkpoint::StateDict;
use itertools::Itertools;

use crate::average::Average;
use crate::error::Error;
use crate::merge::mean::{Node, mean};
use crate::merge::{MergeKind, method};

/// One trained model.
#[derive(Clone, Debug)]
pub struct Ingredient {
    /// Its name, unique among the ingredients of a soup.
    pub id: String,
    /// Its weights, usually memory-mapped.
    pub weights: StateDict,
    /// The recipe fields a hierarchy may group by: `learning_rate`, `augmentation`, `seed`, ….
    pub fields: BTreeMap<String, String>,
}

/// Models that fit together: the same keys, shapes and types, finite values, distinct names. Their
/// order is the order in which ties are broken.
#[derive(Clone, Debug)]
pub struct Ingredients {
    models: Vec<Ingredient>,
    base: Option<Ingredient>,
    methods: Vec<MergeKind>,
}

impl Ingredients {
    /// Checks that the models fit together.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Duplicate`], [`Error::Mismatch`], [`Error::NotFinite`].
    pub fn new(ingredients: Vec<Ingredient>) -> Result<Self, Error> {
        let first = ingredients.first().ok_or(Error::Empty)?;
        if let Some(twice) = ingredients.iter().map(|ingredient| &ingredient.id).duplicates().next() {
            return Err(Error::Duplicate(twice.clone()));
        }
        ingredients.iter().try_for_each(|ingredient| ingredient.fits(first))?;
        Ok(Self { models: ingredients, base: None, methods: Vec::new() })
    }

    /// With the model that they were fine-tuned from, for the methods that need it; it is no
    /// candidate.
    ///
    /// # Errors
    /// [`Error::Duplicate`], [`Error::Mismatch`], [`Error::NotFinite`].
    pub fn with_base(self, base: Ingredient) -> Result<Self, Error> {
        if self.get(&base.id).is_some() {
            return Err(Error::Duplicate(base.id));
        }
        base.fits(&self.models[0])?;
        Ok(Self { base: Some(base), ..self })
    }

    /// With a merge method from outside this crate, so that averages can name it.
    pub fn with_method(mut self, kind: MergeKind) -> Self {
        self.methods.push(kind);
        self
    }

    /// The models, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Ingredient> {
        self.models.iter()
    }

    /// The model or the base of that name.
    pub fn get(&self, id: &str) -> Option<&Ingredient> {
        self.models.iter().chain(&self.base).find(|ingredient| ingredient.id == id)
    }

    /// The weights of an average. A single ingredient's are its own, not a copy.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Method`], [`Error::Merge`].
    pub fn weights(&self, average: &Average) -> Result<StateDict, Error> {
        Ok(match self.node(average)? {
            Node::Leaf(weights) => weights,
            tree => mean(&tree, ff_checkpoint::cores()),
        })
    }

    /// The tree of means, in whose leaves what other methods merge has been merged.
    pub(crate) fn node(&self, average: &Average) -> Result<Node<StateDict>, Error> {
        match average {
            Average::Ingredient(id) => Ok(Node::Leaf(self.named(id)?.weights.clone())),
            Average::Mean(parts) if parts.is_empty() => Err(Error::Empty),
            Average::Mean(parts) => {
                Ok(Node::Mean(parts.iter().map(|part| self.node(part)).collect::<Result<_, _>>()?))
            }
            Average::Merged(merged) => {
                let (kind, method) = method(&merged.method, &merged.settings, &self.methods)?;
                if kind.needs_base != merged.base.is_some() {
                    let reason = match kind.needs_base {
                        true => "it needs a base: the weights that its parts were fine-tuned from",
                        false => "it takes no base",
                    };
                    return Err(Error::Method { name: merged.method.clone(), reason: reason.into() });
                }
                let parts = merged.parts.iter().map(|part| self.weights(part));
                let parts: Vec<StateDict> = parts.collect::<Result<_, _>>()?;
                let base = merged.base.as_ref().map(|id| self.named(id)).transpose()?;
                let parts: Vec<&StateDict> = parts.iter().collect();
                let weights = method.merge(&parts, base.map(|base| &base.weights))?;
                // What a method from elsewhere gives goes into means like any model.
                let merged = Ingredient { id: average.to_string(), weights, fields: BTreeMap::new() };
                merged.fits(&self.models[0])?;
                Ok(Node::Leaf(merged.weights))
            }
        }
    }

    fn named(&self, id: &str) -> Result<&Ingredient, Error> {
        self.get(id).ok_or_else(|| Error::Missing(id.to_owned()))
    }
}

impl Ingredient {
    /// Whether it can be averaged with another.
    pub(crate) fn fits(&self, first: &Ingredient) -> Result<(), Error> {
        if let Some(reason) = difference(&first.weights, &self.weights) {
            return Err(Error::Mismatch { id: self.id.clone(), first: first.id.clone(), reason });
        }
        match self.weights.first_not_finite() {
            Some(tensor) => Err(Error::NotFinite { id: self.id.clone(), tensor: tensor.to_owned() }),
            None => Ok(()),
        }
    }
}

/// What keeps two models from being averaged, if anything does.
fn difference(first: &StateDict, other: &StateDict) -> Option<String> {
    if let Some(extra) = other.names().find(|name| first.get(name).is_none()) {
        return Some(format!("it has `{extra}`, which the other lacks"));
    }
    first.iter().find_map(|(name, a)| match other.get(name) {
        None => Some(format!("it lacks `{name}`")),
        Some(b) if a.shape != b.shape => {
            Some(format!("`{name}`: expected shape {:?}, found {:?}", a.shape, b.shape))
        }
        Some(b) if a.dtype != b.dtype => {
            Some(format!("`{name}`: expected type {}, found {}", a.dtype, b.dtype))
        }
        Some(_) => None,
    })
}
