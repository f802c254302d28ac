//! Several tables of one runs folder: settings beside each other, what is listed and what is removed;
//! and what a run says while it works.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::place::{JOBS, Place, RUN, SHAPES, assert_has};

#[test]
fn other_settings_do_not_replace_results() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let before = place.read("runs/tables/tiny/table.json");
    let said = place.run(&format!("{RUN} --set finetune.epochs=1"));
    let told = "runs/tables/tiny has other settings (finetune.epochs: 1 here, 2 there)";
    assert_has(&said.stderr, &["results go to runs/tables/tiny-", told]);
    said.ok();
    // Settings of how to run a table are not told apart.
    let again = place.run(&format!("{RUN} --set finetune.epochs=1 --set run.workers=1"));
    again.ok_saying("0 jobs done");
    assert_eq!(place.read("runs/tables/tiny/table.json"), before);

    let listed = place.json_of("ff-grid list --json");
    let tables = listed["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 2);
    assert_eq!(tables[1]["differences"], "finetune.epochs: 1 here, 2 there");
    let folder = tables[1]["folder"].as_str().unwrap();
    assert_eq!(folder, format!("runs/tables/tiny-{}", tables[1]["settings"].as_str().unwrap()));
    assert_eq!(listed["unneeded_bytes"], 0);
    place.run(RUN).ok_saying("results in runs/tables/tiny: ");
    assert_eq!(place.read("runs/tables/tiny/table.json"), before);
}

#[test]
fn clean_removes_what_no_kept_table_needs() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let first = place.files("runs/jobs");
    place.run(&format!("{RUN} --set finetune.epochs=1")).ok();
    let name = |at: usize| {
        let listed = place.json_of("ff-grid list --json");
        listed["tables"][at]["folder"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    };
    let second = name(1);
    let both = place.files("runs/jobs");

    place.run("ff-grid clean").ok_saying("nothing to remove");
    place.run("ff-grid clean --table no").refused(1, &[&format!("expected one of tiny, {second}")]);
    let asked = place.run(&format!("ff-grid clean --table {second}"));
    asked.refused(1, &["--yes"]);
    assert_eq!(place.files("runs/jobs"), both);
    let line = format!("ff-grid clean --table {second} --yes");
    assert_has(&place.run(&line).ok(), &[&second, "that no other table needs"]);
    assert_eq!(place.files("runs/jobs"), first);
    place.run(RUN).ok_saying("0 jobs done");

    // A table that an older version wrote has no list of its jobs.
    std::fs::remove_file(place.path("runs/tables/tiny/jobs.json")).unwrap();
    place.run("ff-grid clean --yes").refused(1, &["jobs.json", "--table tiny"]);
    place.run(RUN).ok();
    place.run("ff-grid clean --yes").ok_saying("nothing to remove");
    assert_eq!(place.files("runs/jobs"), first);
}

#[test]
fn the_jobs_of_an_unfinished_table_are_kept() {
    let place = Place::with_table(SHAPES);
    let long = format!("{RUN} --set finetune.epochs=2000");
    let words: Vec<&str> = long.split_whitespace().collect();
    let mut running = place.command(&words).stderr(Stdio::null()).spawn().unwrap();
    let is_done = |name: &String| name.ends_with("record.json");
    while !place.files("runs/jobs").iter().any(is_done) {
        assert!(running.try_wait().unwrap().is_none(), "it ended before it was killed");
        sleep(Duration::from_millis(10));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let listed = place.json_of("ff-grid list --json");
    assert_eq!(listed["tables"][0]["written"], false);
    assert_eq!(listed["tables"][0]["jobs"], JOBS);
    assert!(listed["tables"][0]["done"].as_u64().unwrap() > 0);
    let jobs = place.files("runs/jobs");
    place.run("ff-grid clean --yes").ok_saying("nothing to remove");
    assert_eq!(place.files("runs/jobs"), jobs);
}

#[test]
fn a_run_says_what_it_does() {
    let place = Place::with_table(SHAPES);
    let said = place.run(RUN);
    assert_has(&said.stderr, &["tiny: ", " 0 done; ", "[0/", ": started\n", " s)\n", "[1/", ", 100 %] "]);
    said.ok();
    let quiet = place.run(&format!("{RUN} -q --runs other"));
    assert_eq!(quiet.stderr, "");
    assert_has(&quiet.ok(), &["| Method"]);
    place.run(&format!("{RUN} -q -v")).refused(2, &["cannot be used with"]);
}
