//! What jobs request from a cluster's scheduler.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::job::JobSpec;

/// What jobs request from a cluster's scheduler: `[run.cluster]`, or a file of its own for all
/// tables of a site (`--cluster site.toml`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// Partition. Absent: the site's default.
    pub partition: Option<String>,
    /// Account that is charged.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Time limit of a task, as the scheduler writes it (`4:00:00`, or minutes). A task that reaches
    /// it is requeued and resumes.
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub time: Option<String>,
    /// GPUs of a task.
    pub gpus: Option<u32>,
    /// Cores of a task, and libtorch's threads unless `run.threads` sets them. Absent: 1, so that
    /// results do not depend on the node.
    pub cpus: Option<u32>,
    /// Memory of a task, as the scheduler writes it (`32G`, or a number of MiB).
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub memory: Option<String>,
    /// More options of the scheduler, one each (`--constraint=a100`).
    pub extra: Vec<String>,
    /// Jobs of one kind that a task runs one after the other. Absent: 1; for models from files
    /// (`import`) 20, for scores (`evaluate`) 100.
    pub jobs_per_task: Option<usize>,
    /// Requests of one kind of job, such as `[run.cluster.kind.soup]`, that override those of
    /// `[run.cluster]`. The kind `check` is the preflight check of a compute node.
    pub kind: BTreeMap<String, Resources>,
    /// Lines of shell that a task runs first (`module load cuda`).
    pub setup: Vec<String>,
    /// Command for `ff-grid` on a compute node (`apptainer exec --nv ff.sif ff-grid`). Absent: the
    /// path of this program.
    pub program: Option<String>,
    /// Seconds before the time limit at which a task is asked to write a resume point and stop.
    pub notice_seconds: u32,
    /// Number of times that a task may be requeued. A job without resume points, such as a soup,
    /// would otherwise restart without end.
    pub max_requeues: u32,
    /// Largest number of tasks in one array. Absent: the scheduler's own limit.
    pub max_array: Option<usize>,
    /// Largest number of tasks in the queue at once; the rest is left to the next run. Absent: no
    /// limit.
    pub max_queued: Option<usize>,
}

/// Requests of one kind of job. Absent: those of all jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "as in `ClusterConfig`")]
pub struct Resources {
    pub partition: Option<String>,
    pub account: Option<String>,
    pub qos: Option<String>,
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub time: Option<String>,
    pub gpus: Option<u32>,
    pub cpus: Option<u32>,
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub memory: Option<String>,
    pub extra: Option<Vec<String>>,
    pub jobs_per_task: Option<usize>,
}

/// A value for the scheduler: `"60"` and `60` are the same.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a whole number")]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Option::<TextOrNumber>::deserialize(deserializer)?;
    Ok(value.map(|value| match value {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    }))
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            time: None,
            gpus: None,
            cpus: None,
            memory: None,
            extra: Vec::new(),
            jobs_per_task: None,
            kind: BTreeMap::new(),
            setup: Vec::new(),
            program: None,
            notice_seconds: 120,
            max_requeues: 50,
            max_array: None,
            max_queued: None,
        }
    }
}

/// Cores of a task without `cpus`.
const CPUS: u32 = 1;

impl ClusterConfig {
    /// The kind of the preflight check of a compute node.
    pub(crate) const CHECK: &str = "check";

    /// Reads a file with the keys of `[run.cluster]`.
    ///
    /// # Errors
    /// [`Error::File`], with the key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        let config: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        config.check("").map_err(|error| wrong(error.to_string()))?;
        Ok(config)
    }

    /// Checks its values; `prefix` comes before a wrong key.
    pub(crate) fn check(&self, prefix: &str) -> Result<(), Error> {
        let known = || JobSpec::KINDS.iter().copied().chain([Self::CHECK]);
        if let Some(kind) = self.kind.keys().find(|kind| !known().any(|known| known == *kind)) {
            let known = known().collect::<Vec<_>>().join(", ");
            return Err(Error::Config(format!("{prefix}kind: expected one of {known}, found `{kind}`")));
        }
        let packs = self
            .kind
            .iter()
            .map(|(kind, of)| (format!("{prefix}kind.{kind}.jobs_per_task"), of.jobs_per_task));
        let counts = packs.chain([
            (format!("{prefix}jobs_per_task"), self.jobs_per_task),
            (format!("{prefix}max_array"), self.max_array),
            (format!("{prefix}max_queued"), self.max_queued),
        ]);
        super::numbers::check_counts(counts.map(|(key, count)| (key, count.unwrap_or(1))))
    }

    /// The requests of a kind of job, with defaults filled in.
    pub fn resources(&self, kind: &str) -> Resources {
        let of = self.kind.get(kind).cloned().unwrap_or_default();
        let default = match kind {
            "evaluate" => 100,
            // Each predicts the validation images once.
            "import" => 20,
            _ => 1,
        };
        Resources {
            partition: of.partition.or_else(|| self.partition.clone()),
            account: of.account.or_else(|| self.account.clone()),
            qos: of.qos.or_else(|| self.qos.clone()),
            time: of.time.or_else(|| self.time.clone()),
            gpus: of.gpus.or(self.gpus),
            cpus: of.cpus.or(self.cpus).or(Some(CPUS)),
            memory: of.memory.or_else(|| self.memory.clone()),
            extra: Some(of.extra.unwrap_or_else(|| self.extra.clone())),
            jobs_per_task: of.jobs_per_task.or(self.jobs_per_task).or(Some(default)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_requests_of_all_but_its_own() {
        let text = "partition = \"gpu\"\ntime = 60\nmemory = \"32G\"\nextra = [\"--x\"]\n[kind.soup]\ntime = \"2:00:00\"\nextra = []\n";
        let cluster: ClusterConfig = toml::from_str(text).unwrap();
        cluster.check("").unwrap();
        let (soup, probe) = (cluster.resources("soup"), cluster.resources("probe"));
        assert_eq!((soup.time.as_deref(), probe.time.as_deref()), (Some("2:00:00"), Some("60")));
        assert_eq!((soup.partition.as_deref(), soup.memory.as_deref()), (Some("gpu"), Some("32G")));
        assert_eq!((soup.extra, probe.extra), (Some(vec![]), Some(vec!["--x".to_owned()])));
        assert_eq!((cluster.resources("evaluate").jobs_per_task, probe.jobs_per_task), (Some(100), Some(1)));
        let back: ClusterConfig = toml::from_str(&toml::to_string(&cluster).unwrap()).unwrap();
        assert_eq!(back, cluster);
    }

    #[test]
    fn mistakes_are_named() {
        let error =
            |text: &str| toml::from_str::<ClusterConfig>(text).unwrap().check("").unwrap_err().to_string();
        assert!(error("[kind.soups]").contains("kind: expected one of pretrain, "));
        assert!(
            error("[kind.path]\njobs_per_task = 0")
                .contains("kind.path.jobs_per_task: expected at least 1, found 0")
        );
        assert!(toml::from_str::<ClusterConfig>("time = 1.5").is_err());
        assert!(toml::from_str::<ClusterConfig>("partitions = \"x\"").is_err());
    }
}
