//! Results that were damaged, and disks that are full.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::place::{Place, SHAPES, table};

const RUN: &str = "ff-grid run --config tiny.toml";
/// One more greedy soup, which needs every model of the grid.
const OTHER_SOUP: &str = "--set method.2.select={kind='greedy',accept='at-least'}";

#[test]
fn damaged_results_are_named_and_never_averaged() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    place.run(RUN).ok();
    let before = place.files("runs/jobs");

    let folder = place.job("finetune", "lr 1e-2 minimal");
    let kept = folder.join("kept.safetensors");
    let sound = std::fs::read(&kept).unwrap();
    let mut flipped = sound.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&kept, &flipped).unwrap();
    let name = kept.strip_prefix(place.path("")).unwrap().to_str().unwrap();
    let stderr =
        place.run(&format!("{RUN} {OTHER_SOUP}")).refused(1, &["Greedy Soup", name, "damaged", "hint:"]);
    assert!(stderr.contains("1 job failed, and 2 jobs not tried"), "{stderr}");
    let new: Vec<_> =
        place.files("runs/jobs").into_iter().filter(|file| before.binary_search(file).is_err()).collect();
    assert_eq!(new, Vec::<String>::new(), "something was made of damaged weights");
    assert!(place.read("runs/tables/tiny/table.md").contains("not run"));

    std::fs::remove_file(&kept).unwrap();
    place.run(&format!("{RUN} {OTHER_SOUP}")).refused(1, &["Greedy Soup", name]);

    std::fs::write(&kept, &sound).unwrap();
    let again = place.run(&format!("{RUN} {OTHER_SOUP}"));
    assert!(again.stderr.contains("3 jobs done, 22 had been done before"), "{}", again.stderr);
    again.ok();

    let record = folder.join("record.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, &text[..text.len() / 2]).unwrap();
    let name = record.strip_prefix(place.path("")).unwrap().to_str().unwrap();
    for command in ["plan", "run", "status"] {
        place
            .run(&format!("ff-grid {command} --config tiny.toml"))
            .refused(1, &[name, "damaged record", "hint: `ff-grid doctor --repair`"]);
    }
    // As the hint says; the run gives the same weights, so nothing after it is done again.
    std::fs::remove_file(&record).unwrap();
    let again = place.run(RUN);
    assert!(again.stderr.contains("1 job done, 24 had been done before"), "{}", again.stderr);
    again.ok();
    assert_eq!(std::fs::read(&kept).unwrap(), sound);
}

#[test]
fn the_doctor_names_every_damaged_file_and_only_that_is_made_again() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    place.run(RUN).ok();
    let healthy = place.run("ff-grid doctor");
    assert!(healthy.stderr.contains("nothing is damaged"), "{}", healthy.stderr);
    healthy.ok();

    let findings = |place: &Place| -> Vec<String> {
        let findings = ff_grid::examine(&ff_grid::RunStore::new(&place.path("runs"))).unwrap();
        findings.iter().map(|finding| finding.path.display().to_string()).collect()
    };
    let checked = |name: &String| name.starts_with("jobs/") && !name.ends_with("history.jsonl");
    let files: Vec<_> = place.files("runs").into_iter().filter(checked).collect();
    for (at, name) in files.iter().enumerate() {
        let path = place.path("runs").join(name);
        let sound = std::fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        // A digit of a record, a byte of a tensor: somewhere in the last third, another place in each file.
        let digit = |byte: &u8| !name.ends_with(".json") || byte.is_ascii_digit();
        let from = sound.len() * 2 / 3 - at;
        let place_of = from + sound[from..].iter().position(digit).unwrap();
        flipped[place_of] ^= 1;
        for damaged in [&flipped, &sound[..sound.len() / 2].to_vec(), &Vec::new()] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(findings(&place), [name.as_str()]);
        }
        std::fs::write(&path, &sound).unwrap();
    }

    // A weight file, a record and a rest of three jobs; a resume point of a fourth.
    let before = place.files("runs");
    let (trained, scored) = (place.job("finetune", "lr 1e-2 minimal"), place.job("evaluate", "Uniform Soup"));
    let probe = place.job("probe", "");
    std::fs::write(trained.join("kept.safetensors"), "x").unwrap();
    std::fs::write(scored.join("record.json"), "{}").unwrap();
    std::fs::write(probe.join(".a.partial"), "x").unwrap();
    std::fs::remove_file(probe.join("record.json")).unwrap();
    std::fs::write(probe.join("resume-0000000002.safetensors"), "x").unwrap();
    assert_eq!(findings(&place).len(), 4);
    place.run("ff-grid doctor").refused(1, &["4 findings", "hint: --repair"]);
    let repaired = place.run("ff-grid doctor --repair");
    assert!(repaired.stderr.contains("4 findings repaired"), "{}", repaired.stderr);
    assert!(repaired.ok().contains("set aside; the next run does the job again"));
    place.run("ff-grid doctor").ok();
    let again = place.run(RUN);
    assert!(again.stderr.contains("3 jobs done, 22 had been done before"), "{}", again.stderr);
    again.ok();
    let after: Vec<_> =
        place.files("runs").into_iter().filter(|name| !name.starts_with("set-aside/")).collect();
    assert_eq!(after, before);
    let aside = place.files("runs/set-aside/jobs").len();
    assert_eq!(aside, 4, "weights, two records and a resume point");
}

#[test]
fn a_folder_that_cannot_be_written_to() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    std::fs::create_dir(place.path("small")).unwrap();
    let Some(mounted) = Mounted::new(&place.path("small"), "50m,ro") else {
        eprintln!("skipped: a file system cannot be mounted here");
        return;
    };
    place.run(&format!("{RUN} --runs small/runs")).refused(1, &["small/runs/jobs", "Read-only file system"]);
    assert!(mounted.resize("50m,rw"));
    place.run(&format!("{RUN} --runs small/runs")).ok();
    // What is finished can be read where nothing can be written any more.
    assert!(mounted.resize("50m,ro"));
    let again = place.run(&format!("{RUN} --runs small/runs"));
    assert!(again.stderr.contains("warning: the table's files are not written anew"), "{}", again.stderr);
    assert!(again.ok().contains("| GoG"));
}

#[test]
fn what_one_may_not_write_or_read() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    std::fs::create_dir_all(place.path("runs/jobs")).unwrap();
    // Whoever runs this, root included, is bound by permissions.
    let bound = |words: &[&str]| {
        let program = place.command(&["ff-grid"]).get_program().to_owned();
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(program);
        let output = command.args(words).current_dir(place.path("")).output();
        output.ok().map(|output| (output.status.success(), String::from_utf8(output.stderr).unwrap()))
    };
    if bound(&["--version"]).is_none_or(|(ended_well, _)| !ended_well) {
        eprintln!("skipped: `setpriv` is not there, or may not take capabilities away");
        return;
    }
    let chmod = |mode: u32, path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let run = ["run", "--config", "tiny.toml"];
    chmod(0o555, &place.path("runs/jobs"));
    let (ended_well, said) = bound(&run).unwrap();
    assert!(!ended_well && said.contains("runs/jobs/probe") && said.contains("Permission denied"), "{said}");
    chmod(0o755, &place.path("runs/jobs"));
    let (ended_well, said) = bound(&run).unwrap();
    assert!(ended_well, "{said}");

    let kept = place.job("finetune", "lr 1e-2 minimal").join("kept.safetensors");
    chmod(0o000, &kept);
    let other = [&run[..], &OTHER_SOUP.split(' ').collect::<Vec<_>>()].concat();
    let (ended_well, said) = bound(&other).unwrap();
    assert!(
        !ended_well && said.contains("kept.safetensors: cannot open this file: Permission denied"),
        "{said}"
    );
    chmod(0o644, &kept);
    let (ended_well, said) = bound(&other).unwrap();
    assert!(ended_well && said.contains("3 jobs done, 22 had been done before"), "{said}");
}

#[test]
fn too_many_open_files() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    let limited = |files: usize| {
        let program = place.command(&["ff-grid"]).get_program().to_owned();
        let words = ["run", "--config", "tiny.toml"];
        let script = format!("ulimit -n {files}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).arg(program).args(words).current_dir(place.path(""));
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    // Enough to load libtorch, and too few to go on for long.
    let (ended_well, said) = limited(5);
    assert!(!ended_well && said.contains("Too many open files"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    place.run(RUN).ok();
    place.run("ff-grid doctor").ok();
}

#[test]
fn a_full_disk() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    std::fs::create_dir(place.path("small")).unwrap();
    let Some(mounted) = Mounted::new(&place.path("small"), "64k") else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    // A little more room each time: it is full at another write, and goes on from what was done before.
    let (mut size, mut times) = (64, 0);
    let last = loop {
        let ran = place.run(&format!("{RUN} --runs small"));
        if ran.code == 0 {
            break ran;
        }
        let stderr = ran.refused(1, &["small/", "No space left on device"]);
        assert!(
            stderr.contains("small/jobs/") || stderr.contains("small/tables/"),
            "no file is named:\n{stderr}"
        );
        let left = place.files("small");
        assert!(!left.iter().any(|file| file.ends_with(".partial") || file.contains("claim-")), "{left:?}");
        // Whatever has its place is whole.
        let findings = ff_grid::examine(&ff_grid::RunStore::new(&place.path("small"))).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        (size, times) = (size + 150, times + 1);
        assert!(mounted.resize(&format!("{size}k")));
    };
    assert!(times > 5 && !last.stderr.contains("25 jobs done"), "{times} times full\n{}", last.stderr);
}

/// A file system in memory, gone when dropped.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(at: &std::path::Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn resize(&self, size: &str) -> bool {
        let options = format!("remount,size={size}");
        Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
