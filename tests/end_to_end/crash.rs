//! Processes that are killed, interrupted or concurrent, on a grid of every kind of job: no result
//! is lost, no job is done twice, and the results equal those of an uninterrupted run bit for bit.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::place::{Place, SHAPES, binary, table, works};
use crate::results::same;
use ff_data::random::stream;
use rand::Rng;

/// Number of kills if FF_KILLS is not set; `cargo xtask crash-test` sets a higher one.
const KILLS: u64 = 20;

/// Returns a configuration with pretraining, probe, fine-tuned models and cyclic runs with in-model
/// merging, soups, predictions and scores. Each job has one thread, since sums in another order
/// differ in their last bits.
fn config() -> String {
    let sections = r#"
[inmerge]
merge_weight = 0.8
merge_probability = 0.9
similarity_threshold = 0.0

[pretrain]
source = { kind = "phantom", task = "source", image_size = 16, train = 60, val = 20, test = 0, seed = 1 }
split = { kind = "official" }
epochs = 2
learning_rate = 3e-3
augment = "minimal"
seed = 0

[run]
workers = 2
threads = 1
resume_steps = 2

[evaluation]
"#;
    let table = table(SHAPES).replace("[evaluation]\n", sections);
    table.replace("weights = \"random\"", "weights = \"pretrain\"\nshallow_layers = 3")
}

const JOBS: u64 = 27;

fn start(place: &Place, runs: &str) -> Child {
    let words = ["ff-grid", "run", "--config", "tiny.toml", "--runs", runs];
    place.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Waits for a process and returns whether it succeeded, and its stderr.
fn end(child: Child) -> (bool, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// Returns the finished jobs of a runs folder with the inode of each record, which changes if the
/// record is written again.
fn records(place: &Place, runs: &str) -> BTreeMap<String, u64> {
    let files = place.files(runs).into_iter().filter(|name| name.ends_with("record.json"));
    files.map(|name| (name.clone(), std::fs::metadata(place.path(runs).join(name)).unwrap().ino())).collect()
}

/// Makes a place with the configuration and the results of an uninterrupted run.
fn undisturbed() -> (Place, Duration) {
    let place = Place::new();
    place.write("tiny.toml", &config());
    let started = Instant::now();
    let (ended_well, said) = end(start(&place, "whole"));
    assert!(ended_well && said.contains(&format!("{JOBS} jobs done")), "{said}");
    (place, started.elapsed())
}

#[test]
fn kills_at_random_moments_lose_nothing() {
    let wanted = std::env::var("FF_KILLS").map_or(KILLS, |kills| kills.parse().expect("FF_KILLS: a number"));
    let (place, whole) = undisturbed();
    let mut random = stream(0, "kills", &[]);
    let (mut kills, mut rounds, mut between_jobs) = (0, 0, 0);
    while kills < wanted {
        let runs = format!("killed-{rounds}");
        rounds += 1;
        let mut finished = BTreeMap::new();
        loop {
            let mut child = start(&place, &runs);
            // Between the start and the time at which half of an uninterrupted run is done.
            std::thread::sleep(whole.mul_f64(0.5 * (random.next_u32() as f64 / u32::MAX as f64).powi(2)));
            let alive = kills < wanted && child.try_wait().unwrap().is_none();
            if alive {
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            let now = records(&place, &runs);
            for (name, file) in &finished {
                assert_eq!(now.get(name), Some(file), "{name} was done again");
            }
            if output.status.signal() == Some(libc::SIGKILL) {
                kills += 1;
                between_jobs += u64::from(now.len() == finished.len());
                finished = now;
                continue;
            }
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{said}");
            assert_eq!(now.len() as u64, JOBS);
            break;
        }
        same(&place, &runs);
        std::fs::remove_dir_all(place.path(&runs)).unwrap();
    }
    println!("{kills} kills in {rounds} grids, {between_jobs} of them before another job was done; 0 losses");
}

#[test]
fn a_signal_interrupts_a_run_with_a_resume_point() {
    let (place, _) = undisturbed();
    for (signal, after) in [("-TERM", 2), ("-INT", 5), ("-HUP", 8)] {
        let mut child = start(&place, "stopped");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.by_ref().filter(|line| line.ends_with(" s)")).take(after).count(), after);
        send(&child, signal);
        let said = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(said.contains("run the same command again to resume"), "{said}");
        let left = place.files("stopped");
        assert!(!left.iter().any(|name| name.contains("claim-") || name.ends_with(".partial")), "{left:?}");
    }
    let (ended_well, said) = end(start(&place, "stopped"));
    assert!(ended_well, "{said}");
    same(&place, "stopped");
}

#[test]
fn four_processes_share_a_grid_and_one_is_killed() {
    share(start);
}

#[test]
fn processes_of_several_machines_share_a_grid() {
    // Whether a process on another machine is alive cannot be seen: its lease has to expire.
    let on_another_machine = |place: &Place, runs: &str| {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let name = NAMES.fetch_add(1, Ordering::Relaxed);
        let script = format!("hostname machine-{name} && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--uts", "sh", "-c", &script, "sh"]).arg(binary("ff-grid")).current_dir(place.path(""));
        command.args(["run", "--config", "tiny.toml", "--set", "run.lease_seconds=10", "--runs", runs]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    if !works(&["unshare", "--uts", "hostname", "machine"]) {
        eprintln!("skipped: `unshare --uts` is not allowed here");
        return;
    }
    share(on_another_machine);
}

/// Returns the claims on jobs of a runs folder that are completely written.
fn claims(place: &Place, runs: &str) -> Vec<serde_json::Value> {
    let files = place.files(runs).into_iter().filter(|name| name.contains("claim-"));
    let texts = files.filter_map(|name| std::fs::read(place.path(runs).join(name)).ok());
    texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect()
}

/// Returns a field of a process's status; nothing for a process that has ended.
fn status(pid: &str, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value.unwrap_or_default().trim().to_owned()
}

#[test]
fn processes_beside_a_killed_one_end_with_it() {
    let (place, _) = undisturbed();
    let start = || {
        let words = "ff-grid run --config tiny.toml --runs beside --set run.jobs_per_device=3 --device cpu";
        let words: Vec<&str> = words.split(' ').collect();
        place.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut parent = start();
    let of_parent = parent.id().to_string();
    let beside = loop {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
        let found: Vec<_> = names.filter(|pid| status(pid, "PPid:") == of_parent).collect();
        if found.len() == 2 {
            break found;
        }
        assert!(parent.try_wait().unwrap().is_none(), "it started {} processes, not 2", found.len());
        std::thread::sleep(Duration::from_millis(2));
    };
    parent.kill().unwrap();
    parent.wait().unwrap();
    let since = Instant::now();
    // A process that has ended is a zombie, if nobody waits for it.
    let lives = |pid: &String| !matches!(status(pid, "State:").chars().next(), None | Some('Z'));
    while beside.iter().any(lives) {
        assert!(since.elapsed() < Duration::from_secs(120), "a process outlives the one that started it");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!((records(&place, "beside").len() as u64) < JOBS, "they ran the whole table");
    let (ended_well, said) = end(start());
    assert!(ended_well && said.contains("already done"), "{said}");
    assert!(!said.contains("beside this one failed"), "{said}");
    same(&place, "beside");
}

fn share(start: impl Fn(&Place, &str) -> Child) {
    let (place, _) = undisturbed();
    let mut children: Vec<_> = (0..4).map(|_| start(&place, "shared")).collect();
    // Kill a process that has claimed a job.
    let at_work = loop {
        let pids: Vec<u64> =
            claims(&place, "shared").iter().filter_map(|claim| claim["pid"].as_u64()).collect();
        if let Some(at) = children.iter().position(|child| pids.contains(&child.id().into())) {
            break at;
        }
        assert!(children.iter_mut().any(|child| child.try_wait().unwrap().is_none()), "no claim was seen");
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut killed = children.swap_remove(at_work);
    killed.kill().unwrap();
    let by_killed = end(killed).1.lines().filter(|line| line.ends_with(" s)")).count() as u64;
    let mut by_others = 0;
    for child in children {
        let (ended_well, said) = end(child);
        assert!(ended_well, "{said}");
        let closing = said.lines().find(|line| line.contains("already done")).unwrap().to_owned();
        by_others += closing.split(' ').next().unwrap().parse::<u64>().unwrap();
    }
    // Each of the killed process's two workers may have recorded a job without reporting it.
    assert!((JOBS - 2..=JOBS).contains(&(by_others + by_killed)), "{by_others} and {by_killed}");
    same(&place, "shared");
}
