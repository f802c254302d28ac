//! What selections took of the models that a forecast calls worth trying.

use ff_soup::{Hierarchy, Policy};

use super::methods::MethodConfig;
use crate::job::{ForecastRecord, Selection, SoupRecord};

/// Counts the models that a row took and that it did not take: first those that are worth trying,
/// then the others. The best model, the one that a greedy selection begins with, and models that were
/// filtered are not counted. `None` for a row that does not take single models, one by one, by their
/// gain.
pub(super) fn outcome(
    forecast: &ForecastRecord,
    method: &MethodConfig,
    soup: &SoupRecord,
) -> Option<[[usize; 2]; 2]> {
    if !tries_models(&method.select) {
        return None;
    }
    let taken = soup.soup.average.shares();
    let filtered = method.filter().map_or(Vec::new(), |filter| filter.left_out(forecast));
    let mut counts = [[0; 2]; 2];
    let mut decisions = soup.soup.decisions.iter();
    let first = decisions.find(|of| of.before.is_none() && of.tried.is_some()).map(|of| &of.candidate);
    let others = forecast.models.iter().filter(|of| of.model != forecast.best && Some(&of.model) != first);
    for of in others {
        if filtered.iter().all(|(id, _)| *id != of.model) {
            let is_taken = taken.iter().any(|(id, _)| *id == of.model);
            counts[usize::from(!forecast.is_worth_trying(of))][usize::from(!is_taken)] += 1;
        }
    }
    Some(counts)
}

fn tries_models(select: &Selection) -> bool {
    let greedy = |soup: Hierarchy| soup.policies.iter().copied().all(Policy::is_greedy);
    matches!(select, Selection::Pruned { .. }) || select.hierarchy().is_some_and(greedy)
}
