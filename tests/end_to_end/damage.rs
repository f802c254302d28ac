//! Results that were damaged, and disks that are full.

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
fn a_full_disk() {
    let place = Place::new();
    place.write("tiny.toml", &table(SHAPES));
    std::fs::create_dir(place.path("small")).unwrap();
    let Some(_mounted) = Mounted::new(&place.path("small"), "1500k") else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    let stderr = place.run(&format!("{RUN} --runs small")).refused(1, &["small/", "No space left on device"]);
    assert!(stderr.contains("small/jobs/"), "the file is not named:\n{stderr}");
    let left = place.files("small");
    assert!(!left.iter().any(|file| file.ends_with(".partial")), "{left:?}");
    // Whatever has its place is whole.
    for file in left.iter().filter(|file| file.ends_with(".safetensors")) {
        ff_checkpoint::StateDict::open(&place.path("small").join(file)).unwrap();
    }
    // What was done is used when there is room again.
    place.run("ff-grid status --config tiny.toml --runs small").ok();
}

/// A file system in memory, gone when dropped.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(at: &std::path::Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
