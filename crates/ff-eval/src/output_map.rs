//! Scores of a model on a dataset whose classes differ from its own.
//!
//! Outputs are matched with classes by name. The map is part of the recipe of a prediction, not of
//! the dataset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::predictions::{Predictions, Targets, TaskKind};

/// A map from the outputs of a model to the classes or tasks of another dataset.
///
/// They are matched by name; upper and lower case, spaces and punctuation do not matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputMap {
    /// The indices of the dataset's classes or tasks that are scored, in ascending order.
    scored: Vec<usize>,
    /// For each of them the outputs of the model that count as it.
    outputs: Vec<Vec<usize>>,
}

impl OutputMap {
    /// Matches a model's outputs with those of a dataset; `None` if they are equal, in order.
    ///
    /// Tasks (multilabel) that only one side has are left out. Classes may not be left out: each
    /// class of the model must be a class of the dataset, or count as one of them by `merged` (from
    /// the model's class to the dataset's), in which case their probabilities are added. Each class
    /// of the dataset must have an output.
    ///
    /// # Errors
    /// A text that says which names do not match.
    pub fn by_name(
        kind: TaskKind,
        model: &[String],
        dataset: &[String],
        merged: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, String> {
        if model == dataset && merged.is_empty() {
            return Ok(None);
        }
        let find = |names: &[String], name: &str| names.iter().position(|other| same(other, name));
        for (from, to) in merged {
            let (name, side, known) = match (find(model, from), find(dataset, to)) {
                (Some(_), Some(_)) if kind == TaskKind::Multiclass => continue,
                (Some(_), Some(_)) => {
                    return Err("merge_classes: tasks do not exclude each other and cannot be merged".into());
                }
                (None, _) => (from, "model", model),
                (_, None) => (to, "dataset", dataset),
            };
            return Err(format!(
                "merge_classes: expected a class of the {side}, one of {}, found `{name}`",
                known.join(", ")
            ));
        }
        let mut outputs = vec![Vec::new(); dataset.len()];
        for (index, name) in model.iter().enumerate() {
            let to = merged.iter().find(|(from, _)| same(from, name)).map_or(name, |(_, to)| to);
            match find(dataset, to) {
                Some(class) => outputs[class].push(index),
                None if kind == TaskKind::Multilabel => {}
                None => {
                    return Err(format!(
                        "expected classes of the model among {}, found `{name}`\nhint: set the class that it counts as with \
                         merge_classes = {{ \"{name}\" = \"…\" }} or --merge-classes {name}=…",
                        dataset.join(", ")
                    ));
                }
            }
        }
        let scored: Vec<usize> = (0..dataset.len()).filter(|&class| !outputs[class].is_empty()).collect();
        if kind == TaskKind::Multiclass && scored.len() < dataset.len() || scored.is_empty() {
            return Err(format!("expected the classes {}, found {}", model.join(", "), dataset.join(", ")));
        }
        Ok(Some(Self { outputs: scored.iter().map(|&class| outputs[class].clone()).collect(), scored }))
    }

    /// Maps a model's logits to predictions for the scored classes or tasks.
    ///
    /// `logits` is row-major `N × model_outputs`; `targets` are the dataset's. The logit of merged
    /// classes is that of the sum of their probabilities.
    ///
    /// # Errors
    /// Those of [`Predictions::new`].
    ///
    /// # Panics
    /// If the map was made for a model of more outputs, or for another dataset.
    pub fn apply(
        &self,
        logits: &[f32],
        model_outputs: usize,
        targets: Targets,
        dataset_outputs: usize,
    ) -> Result<Predictions, crate::error::Error> {
        let rows = logits.chunks_exact(model_outputs);
        let mapped = rows.flat_map(|row| self.outputs.iter().map(|outputs| merge(row, outputs))).collect();
        let targets = match targets {
            Targets::Classes(classes) => Targets::Classes(classes),
            Targets::Labels(labels) => {
                let rows = labels.chunks_exact(dataset_outputs);
                Targets::Labels(rows.flat_map(|row| self.scored.iter().map(|&task| row[task])).collect())
            }
        };
        Predictions::new(mapped, self.scored.len(), targets)
    }

    /// Describes the map in words, for a note on the score.
    pub fn describe(&self, model: &[String], dataset: &[String]) -> String {
        let mut notes = Vec::new();
        for (&class, outputs) in self.scored.iter().zip(&self.outputs) {
            let others = outputs.iter().filter(|&&output| !same(&model[output], &dataset[class]));
            let others: Vec<&str> = others.map(|&output| model[output].as_str()).collect();
            if !others.is_empty() {
                notes.push(format!("predictions of {} count as {}", others.join(", "), dataset[class]));
            }
        }
        let used: usize = self.outputs.iter().map(Vec::len).sum();
        if used < model.len() || self.scored.len() < dataset.len() {
            notes.push(format!("scored on the {} common tasks", self.scored.len()));
        }
        notes.join("; ")
    }
}

/// The logarithm of the sum of exponentials, whose softmax is the sum of the probabilities.
fn merge(row: &[f32], outputs: &[usize]) -> f32 {
    if let [output] = outputs {
        return row[*output];
    }
    let highest = outputs.iter().map(|&output| row[output]).fold(f32::NEG_INFINITY, f32::max);
    highest + outputs.iter().map(|&output| (row[output] - highest).exp()).sum::<f32>().ln()
}

fn same(a: &str, b: &str) -> bool {
    let letters = |text: &str| -> Vec<char> {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(a) == letters(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    fn merged(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect()
    }

    #[test]
    fn equal_classes_need_no_map() {
        let classes = names("a,b");
        assert_eq!(OutputMap::by_name(TaskKind::Multiclass, &classes, &classes, &merged(&[])), Ok(None));
    }

    #[test]
    fn merged_classes_add_their_probabilities() {
        let (model, data) = (names("0,1,2,3,4"), names("0,1,2,3"));
        let of =
            |pairs: &[(&str, &str)]| OutputMap::by_name(TaskKind::Multiclass, &model, &data, &merged(pairs));
        assert!(of(&[]).unwrap_err().contains("among 0, 1, 2, 3, found `4`\nhint: "));
        assert!(
            of(&[("5", "3")]).unwrap_err().contains("class of the model, one of 0, 1, 2, 3, 4, found `5`")
        );
        assert!(
            of(&[("4", "9")]).unwrap_err().contains("class of the dataset, one of 0, 1, 2, 3, found `9`")
        );
        let map = of(&[("4", "3")]).unwrap().unwrap();
        assert_eq!(map.describe(&model, &data), "predictions of 4 count as 3");
        // Probabilities 0.3 and 0.3 add up to more than 0.4.
        let logits = [0.0f32, 0.4, 0.0, 0.3, 0.3].map(|p: f32| p.max(1e-6).ln());
        let mapped = map.apply(&logits, 5, Targets::Classes(vec![3]), 4).unwrap();
        assert_eq!(mapped.outputs(), 4);
        assert!(
            (mapped.logits()[3].exp() - 0.6).abs() < 1e-6 && (mapped.logits()[1].exp() - 0.4).abs() < 1e-6
        );
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::from_str::<OutputMap>(&json).unwrap(), map);
    }

    #[test]
    fn classes_in_another_order_are_found() {
        let map = OutputMap::by_name(TaskKind::Multiclass, &names("mel,nv"), &names("NV,MEL"), &merged(&[]));
        let mapped = map.unwrap().unwrap().apply(&[1.0, 2.0], 2, Targets::Classes(vec![0]), 2).unwrap();
        assert_eq!(mapped.logits(), [2.0, 1.0]);
        let other = OutputMap::by_name(TaskKind::Multiclass, &names("a,b"), &names("a,c"), &merged(&[]));
        assert!(other.is_err());
        let more = OutputMap::by_name(TaskKind::Multiclass, &names("a,b"), &names("a,b,c"), &merged(&[]));
        assert!(more.unwrap_err().contains("expected the classes a, b, found a, b, c"));
    }

    #[test]
    fn common_tasks_are_scored() {
        let (model, data) =
            (names("Edema,Mass,Pleural_Thickening"), names("Hernia,Pleural Thickening,edema"));
        let map = OutputMap::by_name(TaskKind::Multilabel, &model, &data, &merged(&[])).unwrap().unwrap();
        let labels = Targets::Labels(vec![1.0, 0.0, f32::NAN]);
        let mapped = map.apply(&[0.1, 0.2, 0.3], 3, labels, 3).unwrap();
        assert_eq!(mapped.logits(), [0.3, 0.1]);
        let Targets::Labels(labels) = mapped.targets() else { panic!() };
        assert!(labels[0] == 0.0 && labels[1].is_nan());
        assert_eq!(map.describe(&model, &data), "scored on the 2 common tasks");
        let none = OutputMap::by_name(TaskKind::Multilabel, &names("a"), &names("b"), &merged(&[]));
        assert!(none.is_err());
        let merging = OutputMap::by_name(TaskKind::Multilabel, &model, &data, &merged(&[("Mass", "edema")]));
        assert!(merging.unwrap_err().contains("cannot be merged"));
    }
}
