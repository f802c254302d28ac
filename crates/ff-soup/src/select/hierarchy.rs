//! Soups of soups, over the fields of the recipe.

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::selector::Selector;
use crate::accept::Accept;
use crate::accumulator::Accumulator;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::ingredient::{Ingredient, Ingredients};
use crate::scorer::{Candidate, Scorer, Verdict};
use crate::soup::Soup;

/// Averages models at several levels (FissionFusion §2, Hierarchical Souping).
///
/// With no level it is a plain soup of all models. With `levels = ["learning_rate"]` the models that share a
/// learning rate make a local soup by the last policy, and the local soups, re-ranked by their own score and
/// weighed equally, make the final one by the first policy. More levels nest, top level first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hierarchy {
    /// Recipe fields to group by, top level first.
    pub levels: Vec<String>,
    /// How parts become one, top first: one for each level, and one for the models of the innermost groups.
    pub policies: Vec<Policy>,
}

/// How parts become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Policy {
    /// The mean of all (Wortsman et al. 2022).
    Uniform {},
    /// Best first, each kept only if the mean with it scores better (Wortsman et al. 2022, recipe 1).
    Greedy {
        /// When a part is kept.
        #[serde(default)]
        accept: Accept,
    },
}

/// A model or a local soup on its way up.
struct Node {
    name: String,
    average: Average,
    score: Option<f64>,
}

impl Hierarchy {
    /// The mean of all models.
    pub fn uniform() -> Self {
        Self { levels: vec![], policies: vec![Policy::Uniform {}] }
    }

    /// The greedy soup.
    pub fn greedy() -> Self {
        Self { levels: vec![], policies: vec![Policy::GREEDY] }
    }

    /// GoU: greedy over the uniform soups of groups that share `field`.
    pub fn greedy_of_uniform(field: &str) -> Self {
        Self { levels: vec![field.to_owned()], policies: vec![Policy::GREEDY, Policy::Uniform {}] }
    }

    /// GoG: greedy over the greedy soups of groups that share `field`.
    pub fn greedy_of_greedy(field: &str) -> Self {
        Self { levels: vec![field.to_owned()], policies: vec![Policy::GREEDY, Policy::GREEDY] }
    }

    fn merge(
        &self,
        level: usize,
        group: &str,
        models: Vec<&Ingredient>,
        run: &mut Run<'_>,
    ) -> Result<Node, Error> {
        let parts = match self.levels.get(level) {
            None => models.into_iter().map(Node::model).collect(),
            Some(field) => {
                // Groups stand in the order in which their first model does.
                let mut groups: Vec<(&str, Vec<&Ingredient>)> = Vec::new();
                for model in models {
                    let value = model.field(field)?;
                    match groups.iter_mut().find(|(other, _)| *other == value) {
                        Some((_, members)) => members.push(model),
                        None => groups.push((value, vec![model])),
                    }
                }
                let mut parts = Vec::new();
                for (value, members) in groups {
                    let inside = if group.is_empty() { String::new() } else { format!("{group}, ") };
                    parts.push(self.merge(level + 1, &format!("{inside}{field}={value}"), members, run)?);
                }
                parts
            }
        };
        match self.policies[level] {
            Policy::Uniform {} => run.uniform(group, parts),
            Policy::Greedy { accept } => run.greedy(group, parts, accept),
        }
    }
}

impl Selector for Hierarchy {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        if self.policies.len() != self.levels.len() + 1 {
            return Err(Error::Policies { levels: self.levels.len(), policies: self.policies.len() });
        }
        let mut run = Run { ingredients, scorer, decisions: Vec::new() };
        let mut soup = self.merge(0, "", ingredients.iter().collect(), &mut run)?;
        let score = run.score(&mut soup)?;
        Ok(Soup { average: soup.average, score, decisions: run.decisions })
    }
}

impl Policy {
    const GREEDY: Self = Self::Greedy { accept: Accept::Greater };

    /// Whether parts are tried one by one.
    pub fn is_greedy(self) -> bool {
        matches!(self, Self::Greedy { .. })
    }
}

impl Node {
    fn model(ingredient: &Ingredient) -> Self {
        Self { name: ingredient.id.clone(), average: Average::Ingredient(ingredient.id.clone()), score: None }
    }
}

impl Ingredient {
    fn field(&self, field: &str) -> Result<&str, Error> {
        self.fields.get(field).map(String::as_str).ok_or_else(|| Error::NoField {
            id: self.id.clone(),
            field: field.to_owned(),
            known: self.fields.keys().join(", "),
        })
    }
}

/// One selection under way.
struct Run<'a> {
    ingredients: &'a Ingredients,
    scorer: &'a mut dyn Scorer,
    decisions: Vec<Decision>,
}

impl Run<'_> {
    fn uniform(&mut self, group: &str, parts: Vec<Node>) -> Result<Node, Error> {
        self.decisions.extend(parts.iter().map(|part| Decision {
            group: group.to_owned(),
            candidate: part.name.clone(),
            alone: part.score,
            before: None,
            with: None,
            at_most: None,
            taken: true,
        }));
        let average = Average::mean(parts.into_iter().map(|part| part.average).collect());
        Ok(Node { name: group.to_owned(), average, score: None })
    }

    fn greedy(&mut self, group: &str, mut parts: Vec<Node>, accept: Accept) -> Result<Node, Error> {
        let mut ranked = Vec::new();
        for mut part in parts.drain(..) {
            ranked.push((self.score(&mut part)?, part));
        }
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a)); // stable: ties keep their order

        let mut ranked = ranked.into_iter();
        let (mut best, first) = ranked.next().ok_or(Error::Empty)?;
        let mut sum: Option<Accumulator> = None;
        self.decisions.push(Decision {
            group: group.to_owned(),
            candidate: first.name,
            alone: Some(best),
            before: None,
            with: Some(best),
            at_most: None,
            taken: true,
        });
        let mut kept = vec![first.average];
        for (alone, part) in ranked {
            let sum = match &mut sum {
                Some(sum) => sum,
                None => sum.insert(Accumulator::new(self.ingredients.weights(&kept[0])?)),
            };
            let weights = self.ingredients.weights(&part.average)?;
            let average = Average::mean(kept.iter().cloned().chain([part.average.clone()]).collect());
            let mean = || Ok(sum.mean_with(&weights));
            let verdict = Candidate::new(&average, &mean).beats(self.scorer, best, accept)?;
            let (with, at_most) = match verdict {
                Verdict::Score(with) => (Some(with), None),
                Verdict::Rejected { bound } => (None, Some(bound)),
            };
            let better = with.filter(|with| accept.accepts(*with, best));
            self.decisions.push(Decision {
                group: group.to_owned(),
                candidate: part.name,
                alone: Some(alone),
                before: Some(best),
                with,
                at_most,
                taken: better.is_some(),
            });
            if let Some(with) = better {
                sum.add(&weights);
                kept.push(part.average);
                best = with;
            }
        }
        Ok(Node { name: group.to_owned(), average: Average::mean(kept), score: Some(best) })
    }

    /// The score of a part, worked out at most once.
    fn score(&mut self, part: &mut Node) -> Result<f64, Error> {
        if let Some(score) = part.score {
            return Ok(score);
        }
        let ingredients = self.ingredients;
        let weights = || ingredients.weights(&part.average);
        let score = Candidate::new(&part.average, &weights).score(self.scorer)?;
        part.score = Some(score);
        Ok(score)
    }
}
