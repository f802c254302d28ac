//! The graph of jobs, as those need it that do them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, DerefMut};

use itertools::Itertools;

use crate::{Error, Job, Runs};

/// Jobs in an order in which each comes after its inputs, to be found by identity.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    list: Vec<Job>,
    places: HashMap<String, usize>,
}

impl Jobs {
    /// Jobs, each after its inputs.
    pub fn new(list: Vec<Job>) -> Self {
        let places = list.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect();
        Self { list, places }
    }

    /// The job of that identity.
    pub fn find(&self, id: &str) -> Option<&Job> {
        self.place(id).map(|at| &self.list[at])
    }

    /// The jobs that are on record, by identity, and how many seconds each took. What cannot run is not looked for.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn done(&self, runs: &Runs) -> Result<BTreeMap<&str, f64>, Error> {
        let mut done = BTreeMap::new();
        for job in self.list.iter().filter(|job| job.blocked.is_none()) {
            if let Some(record) = runs.record(job)? {
                done.insert(job.id.as_str(), record.seconds);
            }
        }
        Ok(done)
    }

    /// The jobs that need each job's result, by place.
    pub(crate) fn followers(&self) -> Vec<Vec<usize>> {
        let mut followers = vec![Vec::new(); self.list.len()];
        for (at, job) in self.list.iter().enumerate() {
            for input in job.inputs.iter().unique().filter_map(|id| self.place(id)) {
                followers[input].push(at);
            }
        }
        followers
    }

    /// Where it stands.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// These jobs, and all that their results come from.
    pub fn with_ancestors<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted: HashSet<&str> =
            ids.into_iter().filter_map(|id| self.find(id)).map(|job| job.id.as_str()).collect();
        for job in self.list.iter().rev() {
            if wanted.contains(job.id.as_str()) {
                wanted.extend(job.inputs.iter().map(String::as_str));
            }
        }
        Self::new(self.list.iter().filter(|job| wanted.contains(job.id.as_str())).cloned().collect())
    }
}

impl Deref for Jobs {
    type Target = [Job];

    fn deref(&self) -> &[Job] {
        &self.list
    }
}

impl DerefMut for Jobs {
    fn deref_mut(&mut self) -> &mut [Job] {
        &mut self.list
    }
}

impl<'a> IntoIterator for &'a Jobs {
    type Item = &'a Job;
    type IntoIter = std::slice::Iter<'a, Job>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
