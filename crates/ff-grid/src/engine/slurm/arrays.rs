//! The layout of a graph of jobs as job arrays that wait for each other.
//!
//! An array waits exactly for the tasks that it needs (`afterok`, `aftercorr`) where this takes few
//! arrays. Where nearly every task needs inputs of its own, exact dependencies would take an array
//! for each task: then the array waits until all those tasks have ended (`afterany`), and its tasks
//! check that their inputs are on record.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use crate::config::ClusterConfig;
use crate::job::{Job, JobId, Jobs};
use crate::plan::chains;

/// How a submission handles a job.
#[derive(Clone)]
pub(super) enum Disposition {
    /// It is on record.
    Done,
    /// A task in the queue will run it.
    Queued(String),
    /// It will be submitted.
    Todo,
    /// It cannot run.
    Blocked,
}

/// A job array: tasks of one kind that wait for the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Array {
    /// The kind of the first job of its tasks.
    pub kind: String,
    /// The jobs of each task by identity, in order, by the task's number.
    pub tasks: BTreeMap<u32, Vec<JobId>>,
    /// What the array waits for.
    pub after: Vec<After>,
    /// Slurm's `--nice`: of the arrays whose tasks are ready, the one with the lower number should
    /// start first, because a longer chain of jobs follows it.
    pub nice: usize,
}

/// A dependency of an array. The number of another array is its index in the batch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum After {
    /// All tasks of an array succeed.
    All(usize),
    /// Some of its tasks succeed.
    Some(usize, Vec<u32>),
    /// For each task, the task of the same number in that array succeeds.
    Same(usize),
    /// All tasks of an array end. A task that then lacks an input fails with an error.
    Ended(usize),
    /// Tasks of earlier submissions succeed.
    Queued(BTreeSet<String>),
    /// Tasks of earlier submissions end.
    QueuedEnded(BTreeSet<String>),
}

/// Jobs that one task runs one after the other.
struct ArrayTask {
    kind: &'static str,
    jobs: Vec<JobId>,
    /// The tasks that it needs, by index.
    after: BTreeSet<usize>,
    queued: BTreeSet<String>,
    depth: usize,
}

/// Lays out arrays for the jobs to submit.
///
/// An array comes after those that it waits for. All wait for the first, the preflight check of a
/// compute node. `at_once` returns the number of jobs of a kind that one task runs; `most` is the
/// largest number of tasks in an array.
pub(super) fn arrays(
    jobs: &Jobs,
    disposition: impl Fn(&Job) -> Disposition,
    at_once: impl Fn(&str) -> usize,
    most: usize,
) -> Vec<Array> {
    let tasks = tasks(jobs, disposition);
    let deepest = tasks.iter().map(|task| task.depth).max().unwrap_or(0);
    let check = Array {
        kind: ClusterConfig::CHECK.to_owned(),
        tasks: BTreeMap::from([(0, Vec::new())]),
        after: Vec::new(),
        nice: 0,
    };
    let mut arrays = vec![check];
    let mut places: Vec<Option<(usize, u32)>> = vec![None; tasks.len()];
    for depth in 0..=deepest {
        let mut groups: BTreeMap<(&str, Vec<After>), Vec<Waiting>> = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate().filter(|(_, task)| task.depth == depth) {
            let after = needs(task, &places, &arrays);
            groups.entry((task.kind, after.iter().map(wild).collect())).or_default().push((at, after));
        }
        // In the graph's order where dependencies leave a choice.
        let mut groups: Vec<_> = groups.into_values().flat_map(split).collect();
        groups.sort_by_key(|group| group.tasks[0]);
        for Group { tasks: members, after, numbers } in groups {
            let kind = tasks[members[0]].kind;
            let pack = if numbers.is_some() { 1 } else { at_once(kind).max(1) };
            for (part, members) in members.chunks(most.max(1) * pack).enumerate() {
                let after = std::iter::once(After::All(0)).chain(after.iter().cloned()).collect();
                let mut array = Array { kind: kind.to_owned(), tasks: BTreeMap::new(), after, nice: 0 };
                for (at, &member) in members.iter().enumerate() {
                    let number = match &numbers {
                        Some(numbers) => numbers[part * most.max(1) + at],
                        None => (at / pack) as u32,
                    };
                    array.tasks.entry(number).or_default().extend(tasks[member].jobs.iter().cloned());
                    places[member] = Some((arrays.len(), number));
                }
                arrays.push(array);
            }
        }
    }
    order(&mut arrays, jobs);
    arrays
}

/// Sets `nice` of all arrays by the longest chain of jobs that starts in them.
fn order(arrays: &mut [Array], jobs: &Jobs) {
    let chains = chains(jobs, &jobs.followers(), |job| job.cost.weight() as f64);
    let urgency = |array: &Array| {
        let jobs = array.tasks.values().flatten().filter_map(|id| jobs.place(id));
        jobs.map(|at| chains[at]).fold(0.0, f64::max)
    };
    let mut urgencies: Vec<f64> = arrays.iter().map(urgency).collect();
    urgencies.sort_by(|a, b| b.total_cmp(a));
    urgencies.dedup();
    for array in arrays.iter_mut().filter(|array| array.kind != ClusterConfig::CHECK) {
        let own = urgency(array);
        array.nice = urgencies.iter().position(|urgency| *urgency == own).unwrap_or(0);
    }
}

/// Makes a task for each job to submit. Predictions and scores join the task that makes their
/// model.
fn tasks(jobs: &Jobs, disposition: impl Fn(&Job) -> Disposition) -> Vec<ArrayTask> {
    let mut tasks: Vec<ArrayTask> = Vec::new();
    let mut task_of: HashMap<&str, usize> = HashMap::new();
    'jobs: for job in jobs.iter() {
        if !matches!(disposition(job), Disposition::Todo) {
            continue;
        }
        let (mut after, mut queued) = (BTreeSet::new(), BTreeSet::new());
        for input in &job.inputs {
            match (task_of.get(input.as_str()), jobs.find(input).map(&disposition)) {
                (Some(&task), _) => drop(after.insert(task)),
                (None, Some(Disposition::Done)) => {}
                (None, Some(Disposition::Queued(task))) => drop(queued.insert(task)),
                (None, _) => continue 'jobs,
            }
        }
        let kind = job.spec.kind();
        let follows = matches!(kind, "predict" | "evaluate") && queued.is_empty() && after.len() == 1;
        let task = match after.first() {
            Some(&task) if follows => {
                tasks[task].jobs.push(job.id.clone());
                task
            }
            _ => {
                let depth = after.iter().map(|&task| tasks[task].depth + 1).max().unwrap_or(0);
                tasks.push(ArrayTask { kind, jobs: vec![job.id.clone()], after, queued, depth });
                tasks.len() - 1
            }
        };
        task_of.insert(&job.id, task);
    }
    tasks
}

/// A task, by its index, and its exact dependencies.
type Waiting = (usize, Vec<After>);

/// Returns the exact dependencies of a task.
fn needs(task: &ArrayTask, places: &[Option<(usize, u32)>], arrays: &[Array]) -> Vec<After> {
    let mut of_arrays: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for (array, number) in task.after.iter().filter_map(|&needed| places[needed]) {
        of_arrays.entry(array).or_default().insert(number);
    }
    let of_arrays = of_arrays.into_iter().map(|(array, numbers)| {
        if numbers.len() == arrays[array].tasks.len() {
            After::All(array)
        } else {
            After::Some(array, numbers.into_iter().collect())
        }
    });
    let queued = (!task.queued.is_empty()).then(|| After::Queued(task.queued.clone()));
    of_arrays.chain(queued).collect()
}

/// Returns a dependency without the numbers of the tasks.
fn wild(after: &After) -> After {
    match after {
        After::Some(array, _) => After::Some(*array, Vec::new()),
        After::Queued(_) => After::Queued(BTreeSet::new()),
        other => other.clone(),
    }
}

/// Tasks that wait for the same, and their numbers where these must match those of another array.
struct Group {
    tasks: Vec<usize>,
    after: Vec<After>,
    numbers: Option<Vec<u32>>,
}

/// Groups tasks that wait for parts of the same arrays into few arrays.
fn split(members: Vec<Waiting>) -> Vec<Group> {
    let all = || members.iter().map(|(task, _)| *task).collect::<Vec<_>>();
    if let Some((numbers, after)) = corresponding(&members) {
        return vec![Group { tasks: all(), after, numbers: Some(numbers) }];
    }
    let mut exact: BTreeMap<&[After], Vec<usize>> = BTreeMap::new();
    for (task, after) in &members {
        exact.entry(after).or_default().push(*task);
    }
    // Nearly every task needs inputs of its own: one array that waits for the end of all.
    const MOST_GROUPS: usize = 8;
    if exact.len() > MOST_GROUPS && 2 * exact.len() > members.len() {
        let mut after = Vec::new();
        let mut queued = BTreeSet::new();
        for need in exact.keys().flat_map(|after| after.iter()) {
            match need {
                After::Some(array, _) => after.push(After::Ended(*array)),
                After::Queued(tasks) => queued.extend(tasks.iter().cloned()),
                other => after.push(other.clone()),
            }
        }
        after.sort();
        after.dedup();
        after.extend((!queued.is_empty()).then_some(After::QueuedEnded(queued)));
        return vec![Group { tasks: all(), after, numbers: None }];
    }
    let groups = exact.into_iter();
    groups.map(|(after, tasks)| Group { tasks, after: after.to_vec(), numbers: None }).collect()
}

/// Returns the task numbers for `aftercorr`, if each of several tasks waits for a different single
/// task of one array. All members wait for the same arrays.
fn corresponding(members: &[Waiting]) -> Option<(Vec<u32>, Vec<After>)> {
    let (_, first) = members.first()?;
    let mut parts = first.iter().enumerate().filter(|(_, need)| matches!(need, After::Some(..)));
    let (at, _) = parts.next().filter(|_| parts.next().is_none())?;
    let (mut numbers, mut afters) = (Vec::new(), BTreeSet::new());
    for (_, needs) in members {
        let mut after = needs.clone();
        let After::Some(array, of_member) = &needs[at] else { return None };
        after[at] = After::Same(*array);
        numbers.push(*of_member.iter().exactly_one().ok()?);
        afters.insert(after);
    }
    let after = afters.into_iter().exactly_one().ok()?;
    (numbers.iter().all_unique() && members.len() > 1).then_some((numbers, after))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::Catalog;
    use crate::experiment::read_experiment;
    use crate::plan::Plan;

    /// Plans one of the configurations without its data.
    fn jobs(config: &str, set: &[&str]) -> Jobs {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(config);
        let set: Vec<String> = set.iter().map(|&set| set.to_owned()).collect();
        let experiment = read_experiment(&path, &set).unwrap();
        let nowhere = Path::new("/nonexistent");
        let catalog = Catalog::of(experiment.run(), experiment.sources().len(), nowhere, nowhere);
        Plan::new(experiment, &catalog, &|_| Err("offline".into())).jobs
    }

    /// Checks that every job is in one task, and that each of its inputs comes earlier in that task
    /// or is in a task that it waits for.
    fn check(jobs: &Jobs, arrays: &[Array], is_todo: impl Fn(&Job) -> bool) {
        let mut place = HashMap::new();
        for (at, array) in arrays.iter().enumerate() {
            for (&number, of_task) in &array.tasks {
                of_task.iter().for_each(|job| assert_eq!(place.insert(job.as_str(), (at, number)), None));
            }
        }
        let todo: Vec<&Job> = jobs.iter().filter(|job| is_todo(job)).collect();
        assert_eq!(place.len(), todo.len());
        for job in todo {
            let (at, number) = place[job.id.as_str()];
            for input in job.inputs.iter().filter(|input| is_todo(jobs.find(input).unwrap())) {
                let (before, input_number) = place[input.as_str()];
                if (before, input_number) == (at, number) {
                    let order = &arrays[at].tasks[&number];
                    let place_of = |id: &JobId| order.iter().position(|other| other == id);
                    assert!(place_of(input) < place_of(&job.id));
                    continue;
                }
                let waited_for = arrays[at].after.iter().any(|after| match after {
                    After::All(array) | After::Ended(array) => *array == before,
                    After::Some(array, numbers) => *array == before && numbers.contains(&input_number),
                    After::Same(array) => *array == before && number == input_number,
                    After::Queued(_) | After::QueuedEnded(_) => false,
                });
                assert!(before < at && waited_for, "{} does not wait for {input}", job.label);
            }
        }
    }

    #[test]
    fn table_1_becomes_few_arrays() {
        let jobs = jobs("table1/paper.toml", &[]);
        let all = |_: &Job| Disposition::Todo;
        let laid_out = arrays(&jobs, all, |_| 1, 1000);
        check(&jobs, &laid_out, |_| true);
        // The preflight check and the probes; for each column, fine-tuning and cyclic runs, and
        // soups and single models of either.
        assert!(laid_out.len() < 2 + 14 * 6, "{}", laid_out.len());
        let cyclic = laid_out.iter().filter(|array| array.kind == "fgg");
        assert!(cyclic.clone().count() == 14);
        assert!(
            cyclic.into_iter().all(|array| array.after.iter().any(|after| matches!(after, After::Same(_))))
        );
        // CheXpert's runs are by far the longest.
        let first = laid_out[1..]
            .iter()
            .filter(|array| array.kind == "finetune")
            .min_by_key(|array| array.nice)
            .unwrap();
        assert!(jobs.find(&first.tasks[&0][0]).unwrap().label.contains("CheXpert"));
        // Columns do not wait for each other.
        for array in &laid_out[1..] {
            let needed = array.after.iter().filter(|after| !matches!(after, After::All(0)));
            assert!(needed.count() <= 2, "{:?}", array.after);
        }
    }

    #[test]
    fn arrays_respect_limits_and_packing() {
        let jobs = jobs("figures/paper.toml", &[]);
        for (most, pack) in [(1000, 1), (7, 1), (50, 10), (3, 4)] {
            let laid_out = arrays(&jobs, |_| Disposition::Todo, |_| pack, most);
            check(&jobs, &laid_out, |_| true);
            assert!(laid_out.iter().all(|array| array.tasks.len() <= most && !array.tasks.is_empty()));
        }
    }

    #[test]
    fn done_jobs_are_not_submitted_and_queued_jobs_are_waited_for() {
        let jobs = jobs("table1/paper.toml", &[]);
        let is_todo = |job: &Job| !matches!(job.spec.kind(), "probe" | "finetune");
        let queued = |job: &Job| match job.spec.kind() {
            "probe" => Disposition::Done,
            "finetune" => Disposition::Queued(format!("7_{}", &job.id[..4])),
            _ => Disposition::Todo,
        };
        let laid_out = arrays(&jobs, queued, |_| 1, 1000);
        check(&jobs, &laid_out, is_todo);
        // 112 cyclic runs wait for a queued task each, in one array that waits for the end of all.
        let fgg: Vec<&Array> = laid_out.iter().filter(|array| array.kind == "fgg").collect();
        assert_eq!(fgg.len(), 1);
        assert!(matches!(&fgg[0].after[..], [After::All(0), After::QueuedEnded(tasks)] if tasks.len() > 100));
    }

    #[test]
    fn jobs_that_need_a_blocked_job_are_not_submitted() {
        let jobs = jobs("table1/paper.toml", &[]);
        let disposition =
            |job: &Job| if job.spec.kind() == "probe" { Disposition::Blocked } else { Disposition::Todo };
        assert_eq!(arrays(&jobs, disposition, |_| 1, 1000).len(), 1);
    }
}
