//! Columns whose data is not there any more, found by their records.

use super::columns::InmergeColumn;
use super::config::InmergeConfig;
use crate::job::Record;
use crate::plan::{ColumnHead, Recovered};

/// Takes up what was found of each column's jobs.
pub(super) fn recover(config: &InmergeConfig, columns: &mut [InmergeColumn], found: &mut Recovered<'_>) {
    for column in columns {
        let ColumnHead { dataset, blocked, .. } = &mut column.head;
        for jobs in column.methods.iter_mut().flatten() {
            jobs.trained = found.name(&jobs.trained);
            jobs.test = jobs.test.take().map(|id| found.name(&id));
            if blocked.is_some()
                && let Some(Record { label, .. }) = found.record(&jobs.trained)
            {
                let test = found.score(label, &jobs.trained, dataset, &config.evaluation, dataset.data());
                jobs.test = test.or(jobs.test.take());
            }
        }
        let done = column.methods.iter().flatten().any(|jobs| found.record(&jobs.trained).is_some());
        blocked.take_if(|_| done);
    }
}
