//! Models that a soup may take.

use std::collections::BTreeMap;

use ff_checkpoint::StateDict;
use itertools::Itertools;

use crate::average::Average;
use crate::error::Error;
use crate::mean::{Node, mean};

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

/// Models that fit together: the same keys, shapes and types, finite values, distinct names. Their order is
/// the order in which ties are broken.
#[derive(Clone, Debug)]
pub struct Ingredients(Vec<Ingredient>);

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
        Ok(Self(ingredients))
    }

    /// The models, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Ingredient> {
        self.0.iter()
    }

    /// The model of that name.
    pub fn get(&self, id: &str) -> Option<&Ingredient> {
        self.0.iter().find(|ingredient| ingredient.id == id)
    }

    /// The weights of a mix. A single ingredient's are its own, not a copy.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn weights(&self, average: &Average) -> Result<StateDict, Error> {
        Ok(match self.node(average)? {
            Node::Leaf(weights) => weights.clone(),
            tree => mean(&tree, ff_checkpoint::cores()),
        })
    }

    pub(crate) fn node(&self, average: &Average) -> Result<Node<&StateDict>, Error> {
        match average {
            Average::Ingredient(id) => {
                let one = self.get(id).ok_or_else(|| Error::Missing(id.clone()))?;
                Ok(Node::Leaf(&one.weights))
            }
            Average::Mean(parts) if parts.is_empty() => Err(Error::Empty),
            Average::Mean(parts) => {
                Ok(Node::Mean(parts.iter().map(|part| self.node(part)).collect::<Result<_, _>>()?))
            }
        }
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
