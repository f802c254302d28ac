//! Checks of the sections on errors between models.

use itertools::Itertools;

use super::config::SoupsConfig;
use super::landscape_config::{Curves, GreedyBarriersConfig, LandscapeConfig, PlaneConfig};
use crate::error::Error;
use crate::job::{Anchors, Averages, Pool, RunFields, Selection};

impl SoupsConfig {
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
                let key = format!("landscape.plane `{name}`: soups");
                self.check_methods(&key, "a method with weights", soups, |select| !select.is_ensemble())?;
                if self.averages(pool) != Averages::Without {
                    return wrong(format!(
                        "landscape.plane `{name}`: pool: expected `grid`, `fgg`, `fgg-all` or `fgg-also`, found moving averages"
                    ));
                }
                if let Anchors::Named { models } = models {
                    if let Some(twice) = models.iter().duplicates().next() {
                        return wrong(format!(
                            "landscape.plane `{name}`: models: expected different models, found `{twice}` twice"
                        ));
                    }
                    let key = format!("landscape.plane `{name}`: models");
                    models.iter().try_for_each(|model| self.check_model(&key, pool, model))?;
                }
            }
        }
        if let Some(section) = &self.connectivity {
            check_points("connectivity.points", section.points)?;
            check_points("connectivity.matrix_points", section.matrix_points.unwrap_or(3))?;
            if let Curves::Pairs { pairs } = &section.curves
                && let Some([name, _]) = pairs.iter().find(|[a, b]| a == b)
            {
                return wrong(format!(
                    "connectivity.curves: expected pairs of different models, found `{name}` twice"
                ));
            }
            let named: Vec<&String> = match &section.curves {
                Curves::EachField { at } => at.iter().collect(),
                Curves::Pairs { pairs } => pairs.iter().flatten().collect(),
            };
            named
                .into_iter()
                .try_for_each(|name| self.check_model("connectivity.curves", &Pool::Grid, name))?;
        }
        if let Some(GreedyBarriersConfig { points, methods }) = &self.greedy_barriers {
            check_points("greedy_barriers.points", *points)?;
            // A pruned soup is none: its candidates are left out, not added.
            self.check_methods("greedy_barriers.methods", "a greedy method", methods, |select| {
                select.hierarchy().is_some_and(|soup| soup.policies.iter().any(|policy| policy.is_greedy()))
            })?;
            let rows = self.method.iter().filter(|row| methods.contains(&row.name));
            if let Some(row) = rows.into_iter().find(|row| !self.has_start(&row.pool)) {
                return wrong(format!(
                    "greedy_barriers.methods: expected a row whose models' start is known, found `{}`\n\
                     hint: state it in its [[pool]]: base = \"probe.safetensors\"",
                    row.name
                ));
            }
        }
        Ok(())
    }

    /// Checks that names are those of rows that suit; `expected` says which do.
    fn check_methods(
        &self,
        key: &str,
        expected: &str,
        names: &[String],
        suits: impl Fn(&Selection) -> bool,
    ) -> Result<(), Error> {
        let known = || self.method.iter().filter(|method| suits(&method.select)).map(|method| &method.name);
        match names.iter().find(|name| !known().contains(name)) {
            Some(name) => {
                let known = known().join(", ");
                Err(Error::Config(format!(
                    "{key}: expected {expected} of this table ({known}), found `{name}`"
                )))
            }
            None => Ok(()),
        }
    }

    fn check_model(&self, key: &str, pool: &Pool, name: &str) -> Result<(), Error> {
        let base = |name: &str| name.split(" snapshot ").next().unwrap_or_default().to_owned();
        let fgg = &self.fgg;
        let augmentations = fgg.augmentations(pool);
        let bases = augmentations.iter().cartesian_product(&fgg.learning_rates);
        let bases = bases.map(|(&augment, &rate)| RunFields::new(rate, augment, fgg.seed));
        let (known, found): (Vec<String>, String) = match pool {
            Pool::Grid | Pool::Ema | Pool::GridEma => {
                (self.grid_runs().iter().map(|(run, _)| run.name()).collect(), name.to_owned())
            }
            Pool::Fgg | Pool::FggAll | Pool::FggAlso => (bases.map(RunFields::name).collect(), base(name)),
            // The names of files are known when they are found.
            Pool::Named(_) => return Ok(()),
        };
        if known.contains(&found) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "{key}: no model is named `{name}`\nhint: the models are {}",
            known.join(", ")
        )))
    }
}

fn check_points(key: &str, points: usize) -> Result<(), Error> {
    match points {
        3..=10_000 => Ok(()),
        0..3 => Err(Error::Config(format!("{key}: expected at least 3, found {points}"))),
        _ => Err(Error::Config(format!("{key}: expected at most 10000, found {points}"))),
    }
}
