//! Columns whose data is not there any more, found by their records.

use super::columns::{OodScore, SoupsColumn};
use super::config::SoupsConfig;
use crate::job::DataSource;
use crate::plan::{ColumnHead, Recovered};

/// Takes up what was found of each column's jobs.
pub(super) fn recover(config: &SoupsConfig, columns: &mut [SoupsColumn], found: &mut Recovered<'_>) {
    for column in columns {
        let ColumnHead { backbone, dataset, blocked, .. } = &mut column.head;
        let all = column.methods.iter_mut().chain(&mut column.singles);
        for (method, jobs) in config.methods_and_singles().iter().zip(all) {
            jobs.soup = found.name(&jobs.soup);
            jobs.pool.iter_mut().for_each(|id| *id = found.name(id));
            let label = format!("{} {}: {}", dataset.name, backbone.name, method.name);
            let known = jobs.test.take().map(|id| found.name(&id));
            let score = |found: &mut Recovered<'_>, label: &str, data: DataSource| {
                found.score(label, &jobs.soup, dataset, &config.evaluation, data)
            };
            jobs.test = match blocked {
                Some(_) => score(found, &label, dataset.data()).or(known),
                None => known,
            };
            for (other, job) in dataset.ood.iter().zip(&mut jobs.ood) {
                let label = format!("{label} on {}", other.name);
                let id = score(found, &label, dataset.data_of(other));
                if let (Some(score), true) = (id, blocked.is_some() || job.is_err()) {
                    *job = Ok(OodScore { score, note: String::new() });
                }
            }
        }
        let done = column.methods.iter().any(|jobs| found.record(&jobs.soup).is_some());
        blocked.take_if(|_| done);
    }
}
