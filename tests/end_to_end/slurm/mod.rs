//! A table submitted to a real Slurm: its results equal the local engine's bit for bit, whatever
//! happens to its tasks.

mod cluster;

use std::process::{Child, Stdio};

use cluster::{Cluster, Row, wait};

use crate::place::{FOLDER, JOBS, Place, Ran, SHAPES, assert_has, binary, table, works};
use crate::results::same;

/// Each job has one thread, since sums in another order differ in their last bits.
const RUN: &str = "[run]
workers = 1
threads = 1
resume_steps = 2

[run.cluster]
time = \"10\"
cpus = 1

[evaluation]
";

/// Makes a place with the table and no results.
fn prepared() -> Place {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES).replace("[evaluation]\n", RUN));
    place
}

/// Makes a place with the table and, in `whole`, the local engine's results. The `epochs` of
/// fine-tuning determine how long it takes.
fn done_locally(dataset: &str, epochs: u32) -> Place {
    let place = Place::new();
    let text = table(dataset)
        .replace("[evaluation]\n", RUN)
        .replace("epochs = 2\nselect", &format!("epochs = {epochs}\nselect"));
    place.write("tiny.toml", &text);
    if dataset != SHAPES {
        place.images("data/cells", &["left", "right"], 20);
    }
    place.run("ff-grid run --config tiny.toml --runs whole").ok();
    place
}

/// Returns a command of `ff-grid` with the table and the runs folder `queued`.
fn command(place: &Place, cluster: &Cluster, line: &str) -> std::process::Command {
    let (what, options) = line.split_once(' ').unwrap_or((line, ""));
    let words = ["ff-grid", what, "--config", "tiny.toml", "--runs", "queued"];
    let mut command = place.command(&words.into_iter().chain(options.split_whitespace()).collect::<Vec<_>>());
    cluster.of(&mut command);
    command
}

fn grid(place: &Place, cluster: &Cluster, line: &str) -> Ran {
    Ran::of(&mut command(place, cluster, line))
}

fn start(place: &Place, cluster: &Cluster, line: &str) -> Child {
    command(place, cluster, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Returns the labels of the jobs that `ff-grid status` finds in a state.
fn in_state(place: &Place, cluster: &Cluster, state: &str) -> Vec<String> {
    let plan = grid(place, cluster, "plan --json").json();
    let status = grid(place, cluster, "status --json").json();
    let jobs = plan["jobs"].as_array().unwrap().iter();
    let found = jobs.filter(|job| status["jobs"][job["id"].as_str().unwrap()]["state"] == state);
    found.map(|job| job["label"].as_str().unwrap().to_owned()).collect()
}

const SEND: &str = "run --engine slurm";
const SEND_AND_WAIT: &str = "run --engine slurm --wait";

#[test]
fn results_equal_the_local_engines_and_nothing_is_submitted_twice() {
    let Some(cluster) = Cluster::start() else { return };
    let place = done_locally(SHAPES, 2);
    cluster.hold(true);
    let scripts = grid(&place, &cluster, "run --engine slurm --dry-run").ok();
    assert!(cluster.queue().is_empty() && !place.path("queued/slurm").exists());
    // The cyclic runs wait for their own bases, which have the same numbers.
    assert_has(&scripts, &["#SBATCH --array=0-3\n", "#SBATCH --array=2-3\n", "aftercorr:"]);
    assert_has(&scripts, &["--requeue", "--signal=B:USR1@120", "--cpus-per-task=1\n"]);
    let said = grid(&place, &cluster, SEND);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""));
    assert!(said.stderr.contains(&format!("{JOBS} jobs in the queue")), "{}", said.stderr);
    // A preflight check, a probe, 4 fine-tuned models, 2 cyclic runs, 6 soups with their predictions
    // and scores, and the verdict.
    assert_eq!(cluster.queue().len(), 15);
    assert_eq!(in_state(&place, &cluster, "queued").len(), JOBS);
    grid(&place, &cluster, SEND).ok();
    assert_eq!(cluster.queue().len(), 15);
    assert_has(&grid(&place, &cluster, "status").ok(), &["in the queue:\n", &format!("all {JOBS:>20}")]);

    assert_eq!(grid(&place, &cluster, "watch").ok(), format!("0 of {JOBS} jobs done, {JOBS} waiting\n"));

    cluster.hold(false);
    let table = grid(&place, &cluster, SEND_AND_WAIT).ok();
    assert!(table.contains("| Greedy Soup"), "{table}");
    same(&place, "queued");
    // The last task may be recorded and still be ending.
    wait("an empty queue", || cluster.queue().is_empty());
    // A table that is done is only printed again.
    let again = grid(&place, &cluster, SEND).ok();
    assert!(again.contains("| Greedy Soup") && cluster.queue().is_empty());
}

#[test]
fn jobs_of_a_dead_node_are_taken_over() {
    let Some(mut cluster) = Cluster::start_with(6) else { return };
    let place = done_locally(SHAPES, 100);
    let waiting = start(&place, &cluster, SEND_AND_WAIT);
    let task = cluster.running("-finetune");
    wait("a running job", || !in_state(&place, &cluster, "running").is_empty());
    cluster.kill_node(&task.node);
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same(&place, "queued");
}

#[test]
fn cancelled_jobs_resume_with_the_next_run() {
    let Some(cluster) = Cluster::start() else { return };
    let place = done_locally(SHAPES, 100);
    grid(&place, &cluster, SEND).ok();
    cluster.running("-finetune");
    wait("a resume point", || place.files("queued/jobs").iter().any(|name| name.contains("resume-")));
    assert_has(&grid(&place, &cluster, "cancel").stderr, &["tasks cancelled"]);
    wait("an empty queue", || cluster.queue().is_empty());
    let before = place.files("queued/jobs");
    assert!(!before.iter().any(|name| name.contains("claim-")), "{before:?}");
    let failed = in_state(&place, &cluster, "failed");
    assert!(failed.iter().any(|label| label.contains("GoG")), "{failed:?}");
    grid(&place, &cluster, SEND_AND_WAIT).ok();
    same(&place, "queued");
    assert_has(&grid(&place, &cluster, "cancel").stderr, &["no task of this table is in the queue"]);
}

#[test]
fn a_task_at_its_time_limit_is_requeued() {
    let Some(cluster) = Cluster::start() else { return };
    let place = done_locally(SHAPES, 100);
    let waiting = start(&place, &cluster, SEND_AND_WAIT);
    let task = cluster.running("-finetune");
    wait("a resume point", || place.files("queued/jobs").iter().any(|name| name.contains("resume-")));
    // The signal that `--signal=B:USR1@…` makes Slurm send.
    cluster.ask("scancel", &["--batch", "--signal=USR1", &task.task]);
    wait("its second turn", || cluster.ask("scontrol", &["show", "job", &task.task]).contains("Restarts=1"));
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same(&place, "queued");
    let logs = place.files("queued/slurm").into_iter().filter(|name| name.ends_with(".log"));
    let requeued = logs
        .filter(|log| place.read(&format!("queued/slurm/{log}")).contains("requeued; the next start resumes"))
        .count();
    assert_eq!(requeued, 1);
}

#[test]
fn a_failed_task_blocks_only_the_jobs_that_need_it() {
    let Some(cluster) = Cluster::start() else { return };
    let place = done_locally(SHAPES, 2);
    // A file is where a job's folder should be.
    let plan = grid(&place, &cluster, "plan --json").json();
    let jobs = plan["jobs"].as_array().unwrap();
    let job = jobs.iter().find(|job| job["label"].as_str().unwrap().contains("lr 1e-3 heavy")).unwrap();
    let broken = format!("queued/jobs/finetune-{}", job["id"].as_str().unwrap());
    place.write(&broken, "in the way");
    let error = grid(&place, &cluster, SEND_AND_WAIT)
        .refused(1, &["1 job failed", "lr 1e-3 heavy", "skipped that depend on failed jobs"]);
    assert!(error.contains("File exists") || error.contains("Not a directory"), "{error}");
    assert_has(&grid(&place, &cluster, "status").ok(), &["failed:\n", "log: "]);
    let watched = grid(&place, &cluster, "watch").ok();
    assert_has(
        &watched,
        &["\nfailed   shapes pico: lr 1e-3 heavy seed 0  ", "no process is running: 21 jobs left"],
    );
    // Its cyclic run, every soup and the verdict need it; the other jobs are done.
    let failed = in_state(&place, &cluster, "failed");
    assert!(failed.contains(&"shapes pico: lr 1e-3 heavy seed 0".to_owned()), "{failed:?}");
    assert_eq!(failed.iter().filter(|label| label.contains("FGG from")).count(), 1);
    assert_eq!(failed.len(), 1 + 1 + 6 * 3 + 1);
    std::fs::remove_file(place.path(&broken)).unwrap();
    grid(&place, &cluster, SEND_AND_WAIT).ok();
    same(&place, "queued");
}

#[test]
fn refused_arrays_are_recorded_and_submitted_by_the_next_run() {
    let Some(cluster) = Cluster::start() else { return };
    let place = done_locally(SHAPES, 2);
    cluster.hold(true);
    let nowhere = format!("{SEND} --set run.cluster.partition=nowhere");
    grid(&place, &cluster, &nowhere)
        .refused(1, &["000-check was refused", "invalid partition specified: nowhere", "0 of 7 arrays"]);
    assert!(cluster.queue().is_empty());
    place.write("site.toml", "time = \"10\"\ncpus = 1\n[kind.soup]\npartition = \"nowhere\"\n");
    grid(&place, &cluster, &format!("{SEND} --cluster site.toml"))
        .refused(1, &["soup was refused", "nowhere", "4 of 7 arrays are in the queue"]);
    assert_eq!(cluster.queue().len(), 8);
    assert_eq!(in_state(&place, &cluster, "queued").len(), 7);
    assert_eq!(in_state(&place, &cluster, "failed").len(), 19);
    let why = "refused: sbatch: error: invalid partition specified: nowhere";
    assert_has(&grid(&place, &cluster, "status").ok(), &[why]);
    // Another preflight check, the soups, and the verdict.
    grid(&place, &cluster, SEND).ok();
    assert_eq!(cluster.queue().len(), 8 + 1 + 6 + 1);
    cluster.hold(false);
    grid(&place, &cluster, SEND_AND_WAIT).ok();
    same(&place, "queued");
}

#[test]
fn the_preflight_check_finds_missing_data() {
    let Some(cluster) = Cluster::start() else { return };
    let place = done_locally(FOLDER, 2);
    cluster.hold(true);
    grid(&place, &cluster, SEND).ok();
    std::fs::rename(place.path("data"), place.path("moved")).unwrap();
    cluster.hold(false);
    wait("an empty queue", || cluster.queue().is_empty());
    std::fs::rename(place.path("moved"), place.path("data")).unwrap();
    let status = grid(&place, &cluster, "status").ok();
    assert_has(&status, &["the preflight check failed", "data/cells"]);
    assert!(!place.path("queued/jobs").exists());
    grid(&place, &cluster, SEND_AND_WAIT).ok();
    same(&place, "queued");
}

#[test]
fn the_preflight_check_finds_a_runs_folder_that_is_not_shared() {
    let Some(cluster) = Cluster::start() else { return };
    if !works(&["unshare", "--mount", "true"]) {
        eprintln!("skipped: `unshare --mount` is not allowed here");
        return;
    }
    let place = prepared();
    // On the compute nodes another folder has this path.
    let program = binary("ff-grid");
    let script = format!(
        "#!/bin/sh\nexec unshare --mount sh -c 'mount -t tmpfs none \"$0\" && exec {program} \"$@\"' {} \"$@\"\n",
        place.path("queued").display()
    );
    place.write("unshared.sh", &script);
    place.write("site.toml", &format!("program = \"sh {}\"\n", place.path("unshared.sh").display()));
    grid(&place, &cluster, &format!("{SEND_AND_WAIT} --cluster site.toml")).refused(
        1,
        &["the preflight check failed", "the runs folder has to be the same, under the same path"],
    );
    wait("an empty queue", || cluster.queue().is_empty());
    assert!(!place.path("queued/jobs").exists());
}

#[test]
fn the_preflight_check_finds_a_missing_gpu() {
    let Some(cluster) = Cluster::start() else { return };
    let place = prepared();
    let asked = format!("{SEND_AND_WAIT} --set run.cluster.gpus=1");
    let mut with_none = command(&place, &cluster, &asked);
    let ran = Ran::of(with_none.env("CUDA_VISIBLE_DEVICES", ""));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_has(&ran.stderr, &["found none that can be used here"]);
    assert!(!place.path("queued/jobs").exists());
}

#[test]
fn a_large_grid_stays_within_the_queues_limits() {
    let Some(cluster) = Cluster::start() else { return };
    let place = prepared();
    let seeds: Vec<String> = (0..100).map(|seed| seed.to_string()).collect();
    let large = format!("--set grid.seeds=[{}]", seeds.join(","));
    cluster.hold(true);
    let said = grid(
        &place,
        &cluster,
        &format!("{SEND} {large} --set run.cluster.max_array=60 --set run.cluster.max_queued=300"),
    );
    assert!(said.stderr.contains("more do not fit in the queue yet"), "{}", said.stderr);
    assert_eq!(cluster.queue().len(), 300);
    let number = |row: Row| row.task.rsplit('_').next().unwrap().parse::<usize>().unwrap();
    assert!(cluster.queue().into_iter().all(|row| number(row) < 60));
    // 400 fine-tuned models, a probe, 2 cyclic runs, 6 soups, the verdict, and a preflight check for
    // each submission.
    grid(&place, &cluster, &format!("{SEND} {large}")).ok();
    assert_eq!(cluster.queue().len(), 1 + 400 + 1 + 2 + 6 + 1 + 1);
    grid(&place, &cluster, &format!("cancel {large}")).ok();
    wait("an empty queue", || cluster.queue().is_empty());
}

#[test]
fn a_missing_slurm_is_an_error() {
    let place = Place::with_table(SHAPES);
    let mut command = place.command(&["ff-grid", "run", "--config", "tiny.toml", "--engine", "slurm"]);
    Ran::of(command.env("PATH", "/nonexistent")).refused(1, &["is not on the path", "login node"]);
    place.run("ff-grid run --config tiny.toml --wait").refused(1, &["--wait requires --engine slurm"]);
    let wrong = "ff-grid plan --config tiny.toml --set run.cluster.kind.soups.gpus=1";
    place.run(wrong).refused(1, &["run.cluster.kind: expected one of pretrain, ", "found `soups`"]);
}
