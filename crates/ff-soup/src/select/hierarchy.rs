//! Hierarchical soups: soups of soups, grouped by fields of the recipe.

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::selector::Selector;
use crate::accept::Accept;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::ingredient::{Ingredient, Ingredients};
use crate::merge::accumulator::Accumulator;
use crate::scorer::{Candidate, Scorer};
use crate::soup::Soup;

/// Averages models at several levels (FissionFusion §2, Hierarchical Souping).
///
/// Without levels it is a plain soup of all models. With `levels = ["learning_rate"]` the last
/// policy makes a local soup of the models that share a learning rate. The first policy makes the
/// final soup of the local soups, ranked by their own scores and with equal shares. More levels
/// nest, top level first.
///
/// ```
/// use ff_soup::{Hierarchy, Selector};
/// # use ff_soup::{Ingredient, Ingredients, OwnedTensor, ScoreError, StateDict};
///
/// # let model = |id: &str, rate: &str, value: f32| {
/// #     let tensors = [("fc.bias".to_owned(), OwnedTensor::f32([1], &[value]))];
/// #     let fields = [("learning_rate".to_owned(), rate.to_owned())].into();
/// #     Ingredient { id: id.to_owned(), weights: StateDict::from_tensors(tensors.into()), fields }
/// # };
/// # let models = vec![model("a", "1e-3", 1.0), model("b", "1e-3", 3.0), model("c", "1e-4", 9.0)];
/// # let models = Ingredients::new(models)?;
/// # let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> {
/// #     let bias = weights.get("fc.bias").and_then(|tensor| tensor.to_f64()).ok_or("no fc.bias")?;
/// #     Ok(-(bias[0] - 2.0).abs())
/// # };
/// // `models`: `a` and `b` have the learning rate 1e-3, `c` has 1e-4.
/// let soup = Hierarchy::greedy_of_uniform("learning_rate").select(&models, &mut scorer)?;
/// assert_eq!(soup.average.to_string(), "mean(a, b)"); // the soup of 1e-4 lowers the score
/// models.build(&soup.average)?; // the weights with their provenance
/// # Ok::<(), ff_soup::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hierarchy {
    /// Fields of the recipe to group by, top level first.
    pub levels: Vec<String>,
    /// The policy of each level, top level first, and that for models of the innermost groups.
    pub policies: Vec<Policy>,
}

/// The rule that makes one soup of several parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Policy {
    /// The mean of all parts (Wortsman et al. 2022).
    Uniform {},
    /// Parts are added in order of their scores on validation, best first. Each is kept only if
    /// `accept` allows the score of the mean with it (Wortsman et al. 2022, recipe 1).
    Greedy {
        /// The condition under which a part is kept.
        #[serde(default)]
        accept: Accept,
    },
}

/// A part of the soup of the level above: a model or a local soup.
struct Node {
    name: String,
    average: Average,
    score: Option<f64>,
}

impl Hierarchy {
    /// The uniform soup: the mean of all models.
    pub fn uniform() -> Self {
        Self { levels: vec![], policies: vec![Policy::Uniform {}] }
    }

    /// The greedy soup of all models.
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

    /// Checks that there is a policy for each level, and that the models have the fields.
    ///
    /// # Errors
    /// [`Error::Policies`], [`Error::NoField`].
    pub fn check(&self, ingredients: &Ingredients) -> Result<(), Error> {
        if self.policies.len() != self.levels.len() + 1 {
            return Err(Error::Policies { levels: self.levels.len(), policies: self.policies.len() });
        }
        let mut fields =
            self.levels.iter().flat_map(|field| ingredients.iter().map(move |one| one.field(field)));
        fields.try_for_each(|field| field.map(drop))
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
                // Groups are in the order of their first models.
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
        self.check(ingredients)?;
        // Models of all groups together, not group by group.
        if self.policies.last().is_some_and(|policy| policy.is_greedy()) {
            ingredients.announce(&ingredients.alone(), scorer)?;
        }
        let mut run = Run { ingredients, scorer, decisions: Vec::new() };
        let soup = self.merge(0, "", ingredients.iter().collect(), &mut run)?;
        let score = run.score(&soup)?;
        Ok(Soup { average: soup.average, score, decisions: run.decisions, fit: None })
    }
}

impl Policy {
    const GREEDY: Self = Self::Greedy { accept: Accept::Greater };

    /// Returns true for the greedy policy.
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

/// The state of one selection.
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
            taken: true,
            ..Decision::default()
        }));
        let average = Average::mean(parts.into_iter().map(|part| part.average).collect());
        Ok(Node { name: group.to_owned(), average, score: None })
    }

    fn greedy(&mut self, group: &str, parts: Vec<Node>, accept: Accept) -> Result<Node, Error> {
        let mut ranked = self.best_first(parts)?.into_iter();
        let (score, first) = ranked.next().ok_or(Error::Empty)?;
        self.decisions.push(Decision {
            group: group.to_owned(),
            candidate: first.name,
            alone: Some(score),
            tried: Some(score),
            taken: true,
            ..Decision::default()
        });
        let mut soup = Greedy { accept, kept: vec![first.average], score, sum: None };
        for (alone, part) in ranked {
            let decision = soup.consider(part.average, self)?;
            let (group, candidate) = (group.to_owned(), part.name);
            self.decisions.push(Decision { group, candidate, alone: Some(alone), ..decision });
        }
        Ok(Node { name: group.to_owned(), average: Average::mean(soup.kept), score: Some(soup.score) })
    }

    /// Sorts parts by score, best first; ties keep their order.
    fn best_first(&mut self, parts: Vec<Node>) -> Result<Vec<(f64, Node)>, Error> {
        let unknown = parts.iter().filter(|part| part.score.is_none());
        let unknown: Vec<Average> = unknown.map(|part| part.average.clone()).collect();
        self.ingredients.announce(&unknown, self.scorer)?;
        let mut ranked = Vec::new();
        for part in parts {
            ranked.push((self.score(&part)?, part));
        }
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a)); // stable
        Ok(ranked)
    }

    /// Returns the score of a part, which is computed if it is not known.
    fn score(&mut self, part: &Node) -> Result<f64, Error> {
        match part.score {
            Some(score) => Ok(score),
            None => self.ingredients.score(&part.average, self.scorer),
        }
    }
}

/// A greedy soup during its selection.
struct Greedy {
    accept: Accept,
    kept: Vec<Average>,
    score: f64,
    /// The sum of the kept parts; absent until a second part is evaluated.
    sum: Option<Accumulator>,
}

impl Greedy {
    /// Evaluates the soup with one more part, and keeps the part if the score is accepted.
    fn consider(&mut self, part: Average, run: &mut Run<'_>) -> Result<Decision, Error> {
        let sum = match &mut self.sum {
            Some(sum) => sum,
            none => none.insert(Accumulator::new(run.ingredients.weights(&self.kept[0])?)),
        };
        let weights = run.ingredients.weights(&part)?;
        let before = Average::mean(self.kept.clone());
        let average = Average::mean(self.kept.iter().cloned().chain([part.clone()]).collect());
        let mean = || Ok(sum.mean_with(&weights));
        let candidate = Candidate::new(&average, &mean);
        let decision = candidate.replaces(run.scorer, (&before, self.score), self.accept)?;
        if let Some(better) = decision.tried.filter(|_| decision.taken) {
            sum.add(&weights);
            self.kept.push(part);
            self.score = better;
        }
        Ok(decision)
    }
}
