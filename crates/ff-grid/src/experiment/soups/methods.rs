//! Rows of the table: methods, and the papers' sets of them.

use ff_eval::Metric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::{BnStatistics, Diverged, Pool, PoolFilter, Selection};

/// A row of the table: a pool of models, and how one model is made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MethodConfig {
    /// Name in the table.
    pub name: String,
    /// Models to choose from: `grid` (the grid search's), `fgg` (the bases and snapshots of Fast
    /// Geometric Generation), `fgg-also` (the same with the augmentations of `fgg.also_augment`),
    /// `fgg-all` (both), `ema` (the moving averages of the weights of the grid search's runs) or
    /// `grid-ema` (those and `grid`).
    pub pool: Pool,
    /// How one model is made of the pool.
    pub select: Selection,
    /// The metric of the validation scores that choose: any, or `log-loss`. Absent:
    /// `soup.select_by`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_by: Option<Metric>,
    /// Models that a run saved before its loss stopped being finite: `keep` or `drop`.
    pub diverged: Diverged,
    /// The largest distance of a model from the pool's best one, above 0, in distances of the best
    /// model from the probe (θ₀); models further away are left out. The best one always stays. Absent:
    /// no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_distance: Option<f64>,
    /// The largest error barrier of a model to the pool's best one, in the metric's unit; models with
    /// a larger one are left out. It is the validation error halfway between the two less the mean of
    /// their errors, and may be negative. Absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_barrier: Option<f64>,
    /// BatchNorm statistics of an average: `averaged`, or `recalibrate` (recomputed from training
    /// images). Absent: `soup.bn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bn: Option<BnStatistics>,
    /// Row of the paper's Table 1 that this method reproduces. The table then shows the published
    /// score beside each cell.
    pub paper_row: Option<String>,
}

impl MethodConfig {
    /// Which models of the pool are left out; `None`: none.
    pub(super) fn filter(&self) -> Option<PoolFilter> {
        let Self { max_distance, max_barrier, .. } = *self;
        let filter = PoolFilter { max_distance, max_barrier };
        (filter != PoolFilter::default()).then_some(filter)
    }
}

/// A published set of methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MethodSet {
    /// The six rows of FissionFusion's Table 1: best of the grid search, uniform and greedy soup of
    /// it, best of Fast Geometric Generation, Greedy of Uniform and Greedy of Greedy of it.
    #[default]
    Table1,
}

impl MethodSet {
    /// The rows of the table.
    pub fn methods(self) -> Vec<MethodConfig> {
        let by = || "learning_rate".to_owned();
        let rows = match self {
            Self::Table1 => [
                ("GS (best)", Pool::Grid, Selection::Best { rank: 1 }),
                ("Uniform Soup", Pool::Grid, Selection::Uniform {}),
                ("Greedy Soup", Pool::Grid, Selection::Greedy { accept: Default::default() }),
                ("FGG (best)", Pool::Fgg, Selection::Best { rank: 1 }),
                ("GoU", Pool::Fgg, Selection::Gou { by: by(), accept: Default::default() }),
                ("GoG", Pool::Fgg, Selection::Gog { by: by(), accept: Default::default() }),
            ],
        };
        let row = |(name, pool, select): (&str, Pool, Selection)| MethodConfig {
            name: name.to_owned(),
            pool,
            select,
            paper_row: Some(name.to_owned()),
            ..MethodConfig::default()
        };
        rows.into_iter().map(row).collect()
    }
}
