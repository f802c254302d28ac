//! Soups: the result of a selection, its provenance, and the check that rebuilds it.
//!
//! BatchNorm statistics that are recomputed after averaging belong to the soup, not to its recipe.
//! The file names these tensors (`recomputed`), and [`verify`] leaves out exactly them.

use ff_checkpoint::{Digest, Parent, Provenance, StateDict, map_on_cores, note_trained_on, trained_on};
use itertools::Itertools;
use serde::{Deserialize, Serialize};

use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::fit::Fit;
use crate::ingredient::{Ingredient, Ingredients};
use crate::merge::MergeKind;

/// The result of a selection: an average, its score, and the decisions that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soup {
    /// The average of the selected ingredients.
    #[serde(alias = "mix")]
    pub average: Average,
    /// The score of the average on validation data.
    pub score: f64,
    /// A decision for every candidate that was evaluated, in order, local soups before the soup of
    /// them.
    pub decisions: Vec<Decision>,
    /// How the coefficients of a learned soup were fitted; absent for other soups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// The part of the recipe in a soup's provenance that [`verify`] reads. The recipe may have other
/// fields.
#[derive(Deserialize)]
struct Recipe {
    #[serde(alias = "mix")]
    average: Average,
    /// Tensors that were recomputed after averaging, such as BatchNorm statistics.
    #[serde(default)]
    recomputed: Vec<String>,
}

impl Ingredients {
    /// Returns the provenance of an average: kind `soup`, `recipe` with the average added as
    /// `average`, and the digest and share of every ingredient. The recipe also gets the data that
    /// any ingredient or the base was trained on (`trained_on`), so that a later use can tell
    /// whether the weights have seen an image.
    ///
    /// # Errors
    /// [`Error::Missing`] for an ingredient that is not here.
    pub fn provenance(
        &self,
        average: &Average,
        mut recipe: serde_json::Map<String, serde_json::Value>,
        data: Option<String>,
        code_version: &str,
    ) -> Result<Provenance, Error> {
        let value = serde_json::to_value(average).map_err(|error| Error::NotASoup(error.to_string()))?;
        recipe.insert("average".into(), value);
        let all = self.iter().chain(self.base());
        note_trained_on(&mut recipe, all.flat_map(|one| trained_on(&one.weights)));
        let parent = |(id, weight): (&str, Option<f64>)| {
            let ingredient = self.get(id).ok_or_else(|| Error::Missing(id.to_owned()))?;
            Ok(Parent { weight, ..ingredient.weights.as_parent(id) })
        };
        let of_statistics = |id: &str| {
            let found = self.statistics(id).ok_or_else(|| Error::Missing(id.to_owned()))?;
            Ok(found.as_parent(id))
        };
        let parts = average.shares().into_iter().map(|(id, share)| (id, Some(share)));
        let parents = parts.chain(average.bases().into_iter().map(|id| (id, None))).map(parent);
        let parents = parents.chain(average.statistics().into_iter().map(of_statistics));
        Ok(Provenance {
            kind: "soup".into(),
            recipe: recipe.into(),
            parents: parents.collect::<Result<_, Error>>()?,
            data,
            code_version: code_version.to_owned(),
        })
    }
}

/// Rebuilds a soup from its ingredients, compares bits, and returns the names of the tensors that
/// were not compared.
///
/// The ingredients are found among `files` by their digests, whatever their names. Tensors that the
/// soup's recipe names as `recomputed` after averaging are not compared. `methods` are merge
/// methods from outside this crate.
///
/// The digests of the soup and of its ingredients are recomputed, not only read from the files
/// ([`StateDict::verify`]).
///
/// # Errors
/// [`Error::Checkpoint`] if the digest of the soup or of an ingredient is not the one that its file
/// carries, [`Error::NotASoup`] if the file has no record of a soup, [`Error::Missing`] if an
/// ingredient is not among the files, [`Error::Different`] if rebuilding gives other bits.
pub fn verify(soup: &StateDict, files: &[StateDict], methods: &[MergeKind]) -> Result<Vec<String>, Error> {
    let provenance = soup.provenance()?;
    let recipe: Recipe = serde_json::from_value(provenance.recipe.clone())
        .map_err(|error| Error::NotASoup(format!("no record of a soup in its metadata: {error}")))?;
    let find = |parent: &Parent| {
        let weights = files.iter().find(|file| *file.digest() == parent.digest).cloned();
        let weights =
            weights.ok_or_else(|| Error::Missing(format!("{} (digest {})", parent.id, parent.digest)))?;
        Ok(Ingredient { id: parent.id.clone(), weights, fields: Default::default() })
    };
    // A tree may name an ingredient more than once.
    let parents = provenance.parents.iter().unique_by(|parent| &parent.id);
    let (statistics, parents): (Vec<&Parent>, Vec<_>) =
        parents.partition(|parent| recipe.average.statistics().contains(&parent.id.as_str()));
    let parents = parents.into_iter().map(find).collect::<Result<Vec<_>, Error>>()?;
    let statistics = statistics.into_iter().map(find).collect::<Result<Vec<_>, Error>>()?;
    let all = parents.iter().chain(&statistics).map(|one| one.weights.clone()).chain([soup.clone()]);
    let all: Vec<StateDict> = all.collect();
    let statistics = statistics.into_iter().map(|one| (one.id, one.weights)).collect();
    let ingredients = methods.iter().fold(Ingredients::new(parents)?, |all, kind| all.with_method(*kind));
    let ingredients = ingredients.and_statistics(statistics);
    map_on_cores(&all, StateDict::verify).into_iter().collect::<Result<(), _>>()?;
    let rebuilt = ingredients.weights(&recipe.average)?;
    let averaged = |weights: &StateDict| {
        let kept = weights.iter().filter(|(name, _)| !recipe.recomputed.iter().any(|other| other == name));
        Digest::of(kept)
    };
    let (expected, found) = (averaged(soup), averaged(&rebuilt));
    if expected == found { Ok(recipe.recomputed) } else { Err(Error::Different { expected, found }) }
}
