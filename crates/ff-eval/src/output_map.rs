//! A model scored on a dataset whose classes are not quite its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::predictions::{Predictions, Targets, TaskKind};

/// Which outputs of a model speak for which classes or tasks of another dataset, matched by name
/// without regard to case and punctuation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputMap {
    /// Classes or tasks of the dataset that are scored, by index, ascending.
    scored: Vec<usize>,
    /// For each of them the outputs of the model that count as it.
    outputs: Vec<Vec<usize>>,
}

impl OutputMap {
    /// Matches a model's outputs with a dataset's; `None` if they are the same, in the same order.
    ///
    /// Tasks (multilabel) that only one side has are left out. Classes exclude one another, so none
    /// may be: each class of the model must be one of the dataset's, or named in `merged` as
    /// counting as one of them, its probability added to that one's; and each class of the dataset
    /// must have an output.
    ///
    /// # Errors
    /// In words, which names do not match.
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
                    return Err("tasks do not exclude one another: they cannot be merged".into());
                }
                (None, _) => (from, "model", model),
                (_, None) => (to, "dataset", dataset),
            };
            return Err(format!("merge: the {side} has no `{name}`, but {}", known.join(", ")));
        }
        let mut outputs = vec![Vec::new(); dataset.len()];
        for (index, name) in model.iter().enumerate() {
            let to = merged.iter().find(|(from, _)| same(from, name)).map_or(name, |(_, to)| to);
            match find(dataset, to) {
                Some(class) => outputs[class].push(index),
                None if kind == TaskKind::Multilabel => {}
                None => {
                    return Err(format!(
                        "the model's class `{name}` is none of {}\nhint: say as which of them it counts: merge = {{ \"{name}\" \
                         = \"…\" }}",
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

    /// Predictions for the scored classes or tasks, from the model's logits, row-major
    /// `N × model_outputs`, and the dataset's targets. The logit of merged classes is that of the
    /// sum of their probabilities.
    ///
    /// # Errors
    /// Those of [`Predictions::new`].
    ///
    /// # Panics
    /// If the map is of a model of more outputs, or a dataset of fewer than `dataset_outputs`
    /// classes or tasks.
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

    /// In words, for whoever reads the score.
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
            notes.push(format!("scored on the {} tasks that both have", self.scored.len()));
        }
        notes.join("; ")
    }
}

/// The logarithm of the sum of exponentials: what softmax makes of it is the sum of the
/// probabilities.
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
    fn the_same_classes_need_no_map() {
        let classes = names("a,b");
        assert_eq!(OutputMap::by_name(TaskKind::Multiclass, &classes, &classes, &merged(&[])), Ok(None));
    }

    #[test]
    fn a_fifth_grade_counts_as_the_fourth() {
        let (model, data) = (names("0,1,2,3,4"), names("0,1,2,3"));
        let of =
            |pairs: &[(&str, &str)]| OutputMap::by_name(TaskKind::Multiclass, &model, &data, &merged(pairs));
        assert!(of(&[]).unwrap_err().contains("class `4` is none of 0, 1, 2, 3\nhint: "));
        assert!(of(&[("5", "3")]).unwrap_err().contains("the model has no `5`"));
        assert!(of(&[("4", "9")]).unwrap_err().contains("the dataset has no `9`"));
        let map = of(&[("4", "3")]).unwrap().unwrap();
        assert_eq!(map.describe(&model, &data), "predictions of 4 count as 3");
        // Probabilities 0.3 and 0.3 beat 0.4 together.
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
    fn tasks_are_scored_where_both_sides_have_them() {
        let (model, data) =
            (names("Edema,Mass,Pleural_Thickening"), names("Hernia,Pleural Thickening,edema"));
        let map = OutputMap::by_name(TaskKind::Multilabel, &model, &data, &merged(&[])).unwrap().unwrap();
        let labels = Targets::Labels(vec![1.0, 0.0, f32::NAN]);
        let mapped = map.apply(&[0.1, 0.2, 0.3], 3, labels, 3).unwrap();
        assert_eq!(mapped.logits(), [0.3, 0.1]);
        let Targets::Labels(labels) = mapped.targets() else { panic!() };
        assert!(labels[0] == 0.0 && labels[1].is_nan());
        assert_eq!(map.describe(&model, &data), "scored on the 2 tasks that both have");
        let none = OutputMap::by_name(TaskKind::Multilabel, &names("a"), &names("b"), &merged(&[]));
        assert!(none.is_err());
        let merging = OutputMap::by_name(TaskKind::Multilabel, &model, &data, &merged(&[("Mass", "edema")]));
        assert!(merging.unwrap_err().contains("cannot be merged"));
    }
}
