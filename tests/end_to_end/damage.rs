//! Damaged results, full disks and missing permissions.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::place::{Place, RUN, Ran, SHAPES, assert_has, binary, flip_last, works};

/// Another greedy soup, which opens every model of the grid.
const OTHER_SOUP: &str = "--set method.2.select={kind='greedy',accept='at-least'}";

#[test]
fn damaged_results_are_named_and_never_averaged() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let before = place.files("runs/jobs");

    let folder = place.job("finetune", "lr 1e-2 minimal");
    let kept = folder.join("kept.safetensors");
    let sound = flip_last(&kept);
    let name = place.name(&kept);
    let expected = ["Greedy Soup", name, "damaged", "hint:", "1 job failed, 3 jobs skipped"];
    place.run(&format!("{RUN} {OTHER_SOUP}")).refused(1, &expected);
    // Beside other processes it fails in each, and then once more alone.
    let beside = format!("{RUN} {OTHER_SOUP} --device cpu --set run.jobs_per_device=2");
    let said = place.run(&beside).refused(1, &expected);
    assert_eq!(said.matches("FAILED").count(), 2, "{said}");
    assert!(!said.contains("a process beside this one failed"), "{said}");
    let new: Vec<_> =
        place.files("runs/jobs").into_iter().filter(|file| before.binary_search(file).is_err()).collect();
    let is_note = |file: &String| file.ends_with("/failure.json");
    assert!(new.len() == 1 && new.iter().all(is_note), "damaged weights were used: {new:?}");
    let table = place.read(&format!("{}/table.md", place.other_table()));
    assert_has(&table, &["not run", "No verdict: it needs the results of all rows."]);

    std::fs::remove_file(&kept).unwrap();
    place.run(&format!("{RUN} {OTHER_SOUP}")).refused(1, &["Greedy Soup", name]);

    std::fs::write(&kept, &sound).unwrap();
    place.run(&format!("{RUN} {OTHER_SOUP}")).ok_saying("4 jobs done, 22 already done");

    let record = folder.join("record.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, &text[..text.len() / 2]).unwrap();
    let name = place.name(&record);
    for command in ["plan", "run", "status"] {
        place
            .run(&format!("ff-grid {command} --config tiny.toml"))
            .refused(1, &[name, "damaged record", "hint: `ff-grid doctor --repair`"]);
    }
    // As the hint says. The run gives the same weights, so no later job is done again.
    std::fs::remove_file(&record).unwrap();
    place.run(RUN).ok_saying("1 job done, 25 already done");
    assert_eq!(std::fs::read(&kept).unwrap(), sound);
}

#[test]
fn the_doctor_finds_every_damaged_file_and_repairs_only_that() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    place.run("ff-grid doctor").ok_saying("no damage found");

    let findings = |place: &Place| -> Vec<String> {
        let findings = ff_grid::examine(&ff_grid::RunStore::new(place.path("runs"))).unwrap();
        findings.iter().map(|finding| finding.path.display().to_string()).collect()
    };
    let checked = |name: &String| name.starts_with("jobs/") && !name.ends_with("history.jsonl");
    let files: Vec<_> = place.files("runs").into_iter().filter(checked).collect();
    for (at, name) in files.iter().enumerate() {
        let path = place.path("runs").join(name);
        let sound = std::fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        // A digit of a record or a byte of a tensor, in the last third, at another position in each
        // file.
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

    // A weight file, a record and a partial file of three jobs, and a resume point of the third.
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
    let repaired = place.run("ff-grid doctor --repair").ok_saying("4 findings repaired");
    assert!(repaired.contains("set aside; the next run repeats the job"));
    place.run("ff-grid doctor").ok();
    place.run(RUN).ok_saying("3 jobs done, 23 already done");
    let after: Vec<_> =
        place.files("runs").into_iter().filter(|name| !name.starts_with("set-aside/")).collect();
    assert_eq!(after, before);
    let aside = place.files("runs/set-aside/jobs").len();
    assert_eq!(aside, 4, "weights, two records and a resume point");
}

#[test]
fn a_read_only_folder_is_named() {
    let place = Place::with_table(SHAPES);
    std::fs::create_dir(place.path("small")).unwrap();
    let Some(mounted) = Mounted::new(&place.path("small"), "50m,ro") else {
        eprintln!("skipped: a file system cannot be mounted here");
        return;
    };
    place
        .run(&format!("{RUN} --runs small/runs"))
        .refused(1, &["small/runs/tables/tiny", "Read-only file system"]);
    assert!(mounted.resize("50m,rw"));
    place.run(&format!("{RUN} --runs small/runs")).ok();
    // Finished results can be read where nothing can be written.
    assert!(mounted.resize("50m,ro"));
    let printed = place
        .run(&format!("{RUN} --runs small/runs"))
        .ok_saying("warning: the table's files are not updated");
    assert!(printed.contains("| GoG"));
}

#[test]
fn files_without_permission_are_named() {
    let place = Place::with_table(SHAPES);
    std::fs::create_dir_all(place.path("runs/jobs")).unwrap();
    // Makes permissions apply to root too.
    let bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", binary("ff-grid")];
    if !works(&[&bound[..], &["--version"]].concat()) {
        eprintln!("skipped: `setpriv` is missing or may not drop capabilities");
        return;
    }
    let run = |options: &str| {
        let mut command = Command::new(bound[0]);
        command.args(&bound[1..]).args(["run", "--config", "tiny.toml"]).args(options.split_whitespace());
        Ran::of(command.current_dir(place.path("")))
    };
    let chmod = |mode: u32, path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod(0o555, &place.path("runs/jobs"));
    run("").refused(1, &["runs/jobs/probe", "Permission denied"]);
    chmod(0o755, &place.path("runs/jobs"));
    run("").ok();

    let kept = place.job("finetune", "lr 1e-2 minimal").join("kept.safetensors");
    chmod(0o000, &kept);
    run(OTHER_SOUP).refused(1, &["kept.safetensors: cannot open this file: Permission denied"]);
    chmod(0o644, &kept);
    run(OTHER_SOUP).ok_saying("4 jobs done, 22 already done");
}

#[test]
fn too_many_open_files_are_an_error() {
    let place = Place::with_table(SHAPES);
    // Enough to load libtorch, too few for a run.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 5; exec \"$@\"", "sh", binary("ff-grid"), "run", "--config", "tiny.toml"]);
    let Ran { code, stderr, .. } = Ran::of(limited.current_dir(place.path("")));
    assert!(code != 0 && stderr.contains("Too many open files"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    place.run(RUN).ok();
    place.run("ff-grid doctor").ok();
}

#[test]
fn a_full_disk_is_named_and_the_run_resumes() {
    let place = Place::with_table(SHAPES);
    std::fs::create_dir(place.path("small")).unwrap();
    let Some(mounted) = Mounted::new(&place.path("small"), "64k") else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    // The disk grows a little each time, so that it is full at another write, and the run resumes.
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
        // Every file with its final name is complete.
        let findings = ff_grid::examine(&ff_grid::RunStore::new(place.path("small"))).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        (size, times) = (size + if times < 10 { 150 } else { 300 }, times + 1);
        assert!(mounted.resize(&format!("{size}k")));
    };
    assert!(times > 5 && !last.stderr.contains("26 jobs done"), "{times} times full\n{}", last.stderr);
}

/// A file system in memory, unmounted when dropped.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(at: &std::path::Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        works(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", at.to_str().unwrap()])
            .then(|| Self(at.to_owned()))
    }

    fn resize(&self, size: &str) -> bool {
        let options = format!("remount,size={size}");
        works(&["mount", "-o", &options, self.0.to_str().unwrap()])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
