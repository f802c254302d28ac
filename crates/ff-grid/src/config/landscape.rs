//! The optional sections of a table of soups that look at errors between its models.

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::{BnStatistics, Config, GridConfig, Pool};
use crate::Error;
use crate::job::group_fields;
use crate::landscape::{Anchors, Axis};
use crate::pool::model_name;

/// Validation error on planes through three models (FissionFusion, Fig. 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandscapeConfig {
    /// The places along both sides of each plane's grid, which holds the three models: with the longest side of their
    /// triangle from x = 0 to 1 at y = 0, and the third at y = 1. The paper's are from −0.2 to 1.2.
    pub grid: Axis,
    /// BatchNorm statistics at each point: combined like weights, or computed anew.
    pub bn: BnStatistics,
    /// The planes of each column.
    pub plane: Vec<PlaneConfig>,
}

/// A plane in each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneConfig {
    /// Names its files.
    pub name: String,
    /// The models to choose from.
    pub pool: Pool,
    /// Which three.
    pub models: Anchors,
    /// Methods of the table whose soups are marked.
    pub soups: Vec<String>,
}

/// Linear mode connectivity among the grid search's models (FissionFusion, appendix B1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectivityConfig {
    /// BatchNorm statistics on the paths: averaged, or computed anew.
    pub bn: BnStatistics,
    /// Places on each path that is drawn as a curve, ends included.
    pub points: usize,
    /// The paths that are drawn as curves.
    pub curves: Curves,
    /// Places on each path of the matrix of all pairs, ends included: of M models M(M − 1)/2 paths. Absent: no matrix.
    pub matrix_points: Option<usize>,
}

/// Paths to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Curves {
    /// For seed, augmentation and learning rate each: the model with the grid's first value against those with each other
    /// value, everything else being as in `at`, or the grid's first values.
    EachField {
        /// What the others have in common, by the name of a model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// These, by the names of their ends: `lr 1e-3 heavy seed 0`.
    Pairs {
        /// The ends.
        pairs: Vec<[String; 2]>,
    },
}

/// What lay between greedy soups and their candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriesConfig {
    /// Places on the path from the soup to each candidate, ends included.
    pub points: usize,
    /// Methods of the table.
    pub methods: Vec<String>,
}

impl GridConfig {
    /// The grid's models: name, and values of seed, augmentation and learning rate by their place in the lists; in the order of
    /// the pool.
    pub(crate) fn models(&self) -> Vec<(String, [usize; 3])> {
        let mut models = Vec::new();
        for (a, &augment) in self.augmentations.iter().enumerate() {
            for (r, &rate) in self.learning_rates.iter().enumerate() {
                for (s, &seed) in self.seeds.iter().enumerate() {
                    models.push((model_name(&group_fields(rate, augment, seed), None), [s, a, r]));
                }
            }
        }
        models
    }
}

/// What runs of a grid differ in, in the order of [`GridConfig::models`].
pub(crate) const FIELDS: [&str; 3] = ["seed", "augmentation", "learning rate"];

impl Config {
    pub(super) fn check_landscape(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        if let Some(LandscapeConfig { grid, plane, .. }) = &self.landscape {
            check_points("landscape.grid.points", grid.points)?;
            if !(grid.from.is_finite() && grid.to.is_finite() && grid.from < grid.to) {
                return wrong(format!(
                    "landscape.grid: expected from < to, found {} and {}",
                    grid.from, grid.to
                ));
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if let Some(plane) = plane.iter().find(|of| of.name.is_empty() || !of.name.chars().all(plain)) {
                let name = &plane.name;
                return wrong(format!(
                    "landscape.plane: expected a name of letters, digits, - and _, found `{name}`"
                ));
            }
            if let Some(name) = plane.iter().map(|plane| &plane.name).duplicates().next() {
                return wrong(format!("two entries of `landscape.plane` are named `{name}`"));
            }
            for PlaneConfig { name, pool, models, soups } in plane {
                self.check_methods(&format!("landscape.plane `{name}`: soups"), soups, |_| true)?;
                if let Anchors::Named { models } = models {
                    if let Some(twice) = models.iter().duplicates().next() {
                        return wrong(format!("landscape.plane `{name}`: models: `{twice}` stands twice"));
                    }
                    let key = format!("landscape.plane `{name}`: models");
                    models.iter().try_for_each(|model| self.check_model(&key, *pool, model))?;
                }
            }
        }
        if let Some(section) = &self.connectivity {
            check_points("connectivity.points", section.points)?;
            check_points("connectivity.matrix_points", section.matrix_points.unwrap_or(3))?;
            if let Curves::Pairs { pairs } = &section.curves
                && let Some([name, _]) = pairs.iter().find(|[a, b]| a == b)
            {
                return wrong(format!("connectivity.curves: a path from `{name}` to itself"));
            }
            let named: Vec<&String> = match &section.curves {
                Curves::EachField { at } => at.iter().collect(),
                Curves::Pairs { pairs } => pairs.iter().flatten().collect(),
            };
            named
                .into_iter()
                .try_for_each(|name| self.check_model("connectivity.curves", Pool::Grid, name))?;
        }
        if let Some(TriesConfig { points, methods }) = &self.tries {
            check_points("tries.points", *points)?;
            self.check_methods("tries.methods", methods, |select| {
                select.hierarchy().is_some_and(|soup| soup.policies.iter().any(|policy| policy.is_greedy()))
            })?;
        }
        Ok(())
    }

    fn check_methods(
        &self,
        key: &str,
        names: &[String],
        suits: impl Fn(&crate::Selection) -> bool,
    ) -> Result<(), Error> {
        let known = || self.method.iter().filter(|method| suits(&method.select)).map(|method| &method.name);
        match names.iter().find(|name| !known().contains(name)) {
            Some(name) => {
                let known = known().join(", ");
                Err(Error::Config(format!(
                    "{key}: expected methods of this table that suit it ({known}), found `{name}`"
                )))
            }
            None => Ok(()),
        }
    }

    fn check_model(&self, key: &str, pool: Pool, name: &str) -> Result<(), Error> {
        let base = |name: &str| name.split(" capture ").next().unwrap_or_default().to_owned();
        let fgg = &self.fgg;
        let augmentations = fgg.augmentations(pool);
        let bases = augmentations.iter().cartesian_product(&fgg.learning_rates);
        let bases = bases.map(|(&augment, &rate)| group_fields(rate, augment, fgg.seed));
        let (known, found): (Vec<String>, String) = match pool {
            Pool::Grid => (self.grid.models().into_iter().map(|(name, _)| name).collect(), name.to_owned()),
            Pool::Fgg | Pool::FggAll => (bases.map(|fields| model_name(&fields, None)).collect(), base(name)),
        };
        if known.contains(&found) {
            return Ok(());
        }
        Err(Error::Config(format!("{key}: no model is named `{name}`\nhint: there are {}", known.join(", "))))
    }
}

fn check_points(key: &str, points: usize) -> Result<(), Error> {
    match points {
        3..=10_000 => Ok(()),
        0..3 => Err(Error::Config(format!("{key}: expected at least 3, found {points}"))),
        _ => Err(Error::Config(format!("{key}: expected at most 10000, found {points}"))),
    }
}
