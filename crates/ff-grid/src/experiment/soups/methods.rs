//! The papers' sets of methods, by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::MethodConfig;
use crate::job::{Pool, Selection};

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
                ("GoU", Pool::Fgg, Selection::Gou { by: by() }),
                ("GoG", Pool::Fgg, Selection::Gog { by: by() }),
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
