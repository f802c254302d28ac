//! Averaged weights with their provenance, ready to be written.

use std::path::Path;

use ff_checkpoint::{Provenance, StateDict};
use serde_json::{Map, Value};

use crate::average::Average;
use crate::error::Error;
use crate::ingredient::{Ingredient, Ingredients};

/// The weights of an average and their provenance.
///
/// [`Ingredients::average`] and [`Ingredients::build`] return it.
#[derive(Clone, Debug)]
pub struct AveragedModel {
    /// The average that the weights are of.
    pub average: Average,
    /// The weights.
    pub weights: StateDict,
    /// The provenance: kind `soup`, the average, and the digest and share of every ingredient.
    pub provenance: Provenance,
}

impl AveragedModel {
    /// Writes weights and provenance to a safetensors file, atomically. Missing folders are made.
    ///
    /// [`verify`](crate::verify), and `ff-soup verify` on the command line, accept the file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(self.weights.save(path, Some(&self.provenance))?)
    }
}

impl Ingredients {
    /// Averages all models, each weighed equally, without the base.
    ///
    /// The recipe in the provenance has `method = "average"`; otherwise as for
    /// [`build`](Self::build).
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn average(&self) -> Result<AveragedModel, Error> {
        let method = ("method".to_owned(), Value::from("average"));
        self.build_with(&Average::mean(self.alone()), Map::from_iter([method]))
    }

    /// Computes an average, such as that of a [`Soup`](crate::Soup), with its provenance.
    ///
    /// The recipe in the provenance names the model if the first ingredient's recipe does;
    /// otherwise as for [`provenance`](Self::provenance).
    ///
    /// # Errors
    /// Those of [`weights`](Self::weights).
    pub fn build(&self, average: &Average) -> Result<AveragedModel, Error> {
        self.build_with(average, Map::new())
    }

    fn build_with(&self, average: &Average, mut recipe: Map<String, Value>) -> Result<AveragedModel, Error> {
        if let Some(model) = self.iter().next().and_then(recorded_model) {
            recipe.insert("model".to_owned(), model);
        }
        let provenance = self.provenance(average, recipe, None, env!("CARGO_PKG_VERSION"))?;
        Ok(AveragedModel { average: average.clone(), weights: self.weights(average)?, provenance })
    }
}

/// Returns the model that the recipe in an ingredient's provenance names.
fn recorded_model(ingredient: &Ingredient) -> Option<Value> {
    ingredient.weights.provenance().ok()?.recipe.get("model").cloned()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ff_checkpoint::OwnedTensor;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::error::ScoreError;
    use crate::merge::Line;
    use crate::select::{Hierarchy, Selector};
    use crate::soup::verify;

    /// Writes one file of weights for each pair of values.
    fn files<const N: usize>(folder: &TempDir, values: [[f32; 2]; N]) -> [PathBuf; N] {
        let mut number = 0;
        values.map(|values| {
            number += 1;
            let path = folder.path().join(format!("{number}/kept.safetensors"));
            let weights = StateDict::from_tensors([("w".to_owned(), OwnedTensor::f32([2], &values))].into());
            let recipe = json!({
                "model": "resnet18",
                "data": {"digest": "abc"},
                "fields": {"seed": number.to_string()},
            });
            weights.save(&path, Some(&Provenance::new("finetune", recipe))).unwrap();
            path
        })
    }

    fn values(weights: &StateDict) -> Vec<f32> {
        weights.get("w").unwrap().to_f32().unwrap()
    }

    #[test]
    fn average_of_files_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let paths = files(&folder, [[1.0, 2.0], [3.0, -2.0]]);
        let output = folder.path().join("soups/soup.safetensors");
        Ingredients::open(&paths).unwrap().average().unwrap().save(&output).unwrap();

        let soup = StateDict::open(&output).unwrap();
        assert_eq!(values(&soup), [2.0, 0.0]);
        let made = soup.provenance().unwrap();
        let parents: Vec<_> = made.parents.iter().map(|parent| (parent.id.clone(), parent.weight)).collect();
        let [first, second] = paths.clone().map(|path| path.display().to_string());
        assert_eq!(parents, [(first.clone(), Some(0.5)), (second.clone(), Some(0.5))]);
        assert_eq!(made.kind, "soup");
        let recipe = json!({
            "method": "average",
            "model": "resnet18",
            "trained_on": [{"digest": "abc"}],
            "average": {"mean": [{"ingredient": first}, {"ingredient": second}]},
        });
        assert_eq!(made.recipe, recipe);
        let opened = StateDict::open_all(&paths).unwrap();
        assert_eq!(verify(&soup, &opened, &[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn average_of_one_file_is_that_file() {
        let folder = tempfile::tempdir().unwrap();
        let paths = files(&folder, [[1.5, 0.1]]);
        let average = Ingredients::open(&paths).unwrap().average().unwrap();
        assert_eq!(average.weights.digest(), StateDict::open(&paths[0]).unwrap().digest());
        assert_eq!(average.provenance.parents[0].weight, Some(1.0));
    }

    #[test]
    fn opened_ingredients_have_recorded_fields() {
        let folder = tempfile::tempdir().unwrap();
        let ingredients = Ingredients::open(files(&folder, [[1.0, 2.0], [3.0, -2.0]])).unwrap();
        let seeds: Vec<_> = ingredients.iter().map(|one| one.fields["seed"].as_str()).collect();
        assert_eq!(seeds, ["1", "2"]);
    }

    #[test]
    fn a_merge_was_trained_on_the_data_of_its_base_too() {
        let folder = tempfile::tempdir().unwrap();
        let model = |id: &str| {
            let path = folder.path().join(format!("{id}.safetensors"));
            let weights = StateDict::from_tensors([("w".to_owned(), OwnedTensor::f32([1], &[1.0]))].into());
            let recipe = json!({"data": {"digest": id}});
            weights.save(&path, Some(&Provenance::new("finetune", recipe))).unwrap();
            Ingredient::open(path).unwrap()
        };
        let models = Ingredients::new(vec![model("a")]).unwrap().with_base(model("base")).unwrap();
        let merged = models.build(&models.merged(&Line::default()).unwrap()).unwrap();
        let seen = json!([{"digest": "a"}, {"digest": "base"}]);
        assert_eq!(merged.provenance.recipe["trained_on"], seen);
    }

    #[test]
    fn open_names_a_path_given_twice() {
        let error = Ingredients::open(["gone.safetensors", "x", "gone.safetensors"]).unwrap_err();
        assert!(matches!(&error, Error::Duplicate(path) if path == "gone.safetensors"), "{error}");
        let error = Ingredients::open(["gone.safetensors"]).unwrap_err();
        assert!(error.to_string().contains("gone.safetensors"), "{error}");
        assert!(matches!(Ingredients::open(Vec::<PathBuf>::new()), Err(Error::Empty)));
    }

    #[test]
    fn greedy_soup_by_closure_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let paths = files(&folder, [[1.0, 0.0], [-1.0, 0.0], [5.0, 0.0]]);
        let ingredients = Ingredients::open(&paths).unwrap();
        let mut evaluations = 0;
        let mut distance = |weights: &StateDict| -> Result<f64, ScoreError> {
            evaluations += 1;
            Ok(-f64::from(values(weights)[0]).abs())
        };
        let soup = Hierarchy::greedy().select(&ingredients, &mut distance).unwrap();
        assert_eq!((soup.score, evaluations), (0.0, 5));
        let built = ingredients.build(&soup.average).unwrap();
        assert_eq!((values(&built.weights), built.provenance.parents.len()), (vec![0.0, 0.0], 2));
        let mut failing = |_: &StateDict| -> Result<f64, ScoreError> { Err("no validation images".into()) };
        let error = Hierarchy::greedy().select(&ingredients, &mut failing).unwrap_err();
        assert!(error.to_string().contains("no validation images"), "{error}");
    }
}
