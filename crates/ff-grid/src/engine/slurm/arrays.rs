//! From a graph of jobs to job arrays that wait for each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::{ClusterConfig, Job, Jobs};

/// What is to become of a job.
#[derive(Clone)]
pub(super) enum Fate {
    /// It is on record.
    Done,
    /// A task in the queue will do it.
    Queued(String),
    /// It is to be sent off.
    Todo,
    /// It cannot be done.
    Blocked,
}

/// An array: tasks of one kind that begin when the same is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Array {
    /// The kind of its tasks' first jobs.
    pub kind: String,
    /// Numbers of its tasks, and the jobs of each by identity, in order.
    pub tasks: BTreeMap<u32, Vec<String>>,
    /// What has to be done before.
    pub after: Vec<After>,
}

/// What an array waits for. Arrays are named by their places among all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum After {
    /// Success of every task of an array.
    All(usize),
    /// Success of some of its tasks.
    Some(usize, Vec<u32>),
    /// Of each task, success of the one with the same number.
    Same(usize),
    /// The end of every task of an array; a task that then lacks an input says so.
    Ended(usize),
    /// Success of tasks that were sent off earlier.
    Queued(BTreeSet<String>),
    /// Their end.
    QueuedEnded(BTreeSet<String>),
}

/// Jobs that are done one after the other.
struct Task {
    kind: &'static str,
    jobs: Vec<String>,
    /// The tasks it needs.
    after: BTreeSet<usize>,
    queued: BTreeSet<String>,
    depth: usize,
}

/// Lays out arrays for the jobs that are to be done. An array comes after those it waits for; all wait for the first, which
/// looks at a compute node.
///
/// `at_once` says how many jobs of a kind one task takes, `most` how many tasks an array may have.
pub(super) fn arrays(
    jobs: &Jobs,
    fate: impl Fn(&Job) -> Fate,
    at_once: impl Fn(&str) -> usize,
    most: usize,
) -> Vec<Array> {
    let tasks = tasks(jobs, fate);
    let deepest = tasks.iter().map(|task| task.depth).max().unwrap_or(0);
    let check = Array {
        kind: ClusterConfig::CHECK.to_owned(),
        tasks: BTreeMap::from([(0, Vec::new())]),
        after: Vec::new(),
    };
    let mut arrays = vec![check];
    let mut places: Vec<Option<(usize, u32)>> = vec![None; tasks.len()];
    for depth in 0..=deepest {
        let mut groups: BTreeMap<(&str, Vec<Wild>), Vec<(usize, Vec<After>)>> = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate().filter(|(_, task)| task.depth == depth) {
            let after = needs(task, &places, &arrays);
            groups.entry((task.kind, after.iter().map(Wild::of).collect())).or_default().push((at, after));
        }
        // The graph's order, as far as there is a choice.
        let mut groups: Vec<_> = groups.into_values().flat_map(split).collect();
        groups.sort_by_key(|group| group.tasks[0]);
        for Group { tasks: members, after, numbers } in groups {
            let kind = tasks[members[0]].kind;
            let pack = if numbers.is_some() { 1 } else { at_once(kind).max(1) };
            for (part, members) in members.chunks(most.max(1) * pack).enumerate() {
                let after = std::iter::once(After::All(0)).chain(after.iter().cloned()).collect();
                let mut array = Array { kind: kind.to_owned(), tasks: BTreeMap::new(), after };
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
    arrays
}

/// One job a task, but for predictions and scores, which are made where their model is.
fn tasks(jobs: &Jobs, fate: impl Fn(&Job) -> Fate) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut task_of: HashMap<&str, usize> = HashMap::new();
    'jobs: for job in jobs {
        if !matches!(fate(job), Fate::Todo) {
            continue;
        }
        let (mut after, mut queued) = (BTreeSet::new(), BTreeSet::new());
        for input in &job.inputs {
            match (task_of.get(input.as_str()), jobs.find(input).map(&fate)) {
                (Some(&task), _) => drop(after.insert(task)),
                (None, Some(Fate::Done)) => {}
                (None, Some(Fate::Queued(task))) => drop(queued.insert(task)),
                (None, _) => continue 'jobs,
            }
        }
        let kind = job.recipe.kind();
        let follows = matches!(kind, "predict" | "evaluate") && queued.is_empty() && after.len() == 1;
        let task = match after.first() {
            Some(&task) if follows => {
                tasks[task].jobs.push(job.id.clone());
                task
            }
            _ => {
                let depth = after.iter().map(|&task| tasks[task].depth + 1).max().unwrap_or(0);
                tasks.push(Task { kind, jobs: vec![job.id.clone()], after, queued, depth });
                tasks.len() - 1
            }
        };
        task_of.insert(&job.id, task);
    }
    tasks
}

/// Exactly what a task waits for.
fn needs(task: &Task, places: &[Option<(usize, u32)>], arrays: &[Array]) -> Vec<After> {
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

/// What a task waits for, but for which tasks of an array.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Wild {
    All(usize),
    Some(usize),
    Queued,
}

impl Wild {
    fn of(after: &After) -> Self {
        match *after {
            After::Some(array, _) => Self::Some(array),
            After::All(array) | After::Same(array) | After::Ended(array) => Self::All(array),
            After::Queued(_) | After::QueuedEnded(_) => Self::Queued,
        }
    }
}

/// Tasks that wait for the same, and their numbers if these matter.
struct Group {
    tasks: Vec<usize>,
    after: Vec<After>,
    numbers: Option<Vec<u32>>,
}

/// Few arrays for tasks that wait for parts of the same arrays.
fn split(members: Vec<(usize, Vec<After>)>) -> Vec<Group> {
    let all = || members.iter().map(|(task, _)| *task).collect::<Vec<_>>();
    if let Some((numbers, after)) = corresponding(&members) {
        return vec![Group { tasks: all(), after, numbers: Some(numbers) }];
    }
    let mut exact: BTreeMap<&[After], Vec<usize>> = BTreeMap::new();
    for (task, after) in &members {
        exact.entry(after).or_default().push(*task);
    }
    // Where nearly every task waits for something of its own, an array each would be a flood.
    const FLOOD: usize = 8;
    if exact.len() > FLOOD && 2 * exact.len() > members.len() {
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

/// Whether each of several tasks waits for another single task of one array, whose number it can then have.
fn corresponding(members: &[(usize, Vec<After>)]) -> Option<(Vec<u32>, Vec<After>)> {
    let part_of = |after: &[After]| {
        let mut parts = after.iter().enumerate().filter_map(|(at, need)| match need {
            After::Some(array, numbers) => Some((at, *array, numbers.clone())),
            _ => None,
        });
        parts.next().filter(|(_, _, numbers)| numbers.len() == 1 && parts.next().is_none())
    };
    let (at, array, _) = part_of(&members.first()?.1)?;
    let mut after = members[0].1.clone();
    after[at] = After::Same(array);
    let mut numbers = Vec::new();
    for (_, of_member) in members {
        numbers.push(part_of(of_member)?.2[0]);
        let others = |needs: &[After]| {
            needs
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != at)
                .map(|(_, need)| need.clone())
                .collect::<Vec<_>>()
        };
        if others(of_member) != others(&after) {
            return None;
        }
    }
    let distinct = numbers.iter().collect::<BTreeSet<_>>().len() == numbers.len();
    (distinct && members.len() > 1).then_some((numbers, after))
}
