//! The report: a self-contained page that names what is missing and works in a browser.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::{FOLDER, Place, Ran, SHAPES, TWIN, assert_has, official_folder};

/// Makes a place with a finished tiny table and an out-of-distribution set.
fn finished() -> Place {
    let place = Place::with_table(&format!("{SHAPES}{TWIN}"));
    place.run("ff-grid run --config tiny.toml --set grid.top_models=3").ok();
    place
}

fn report(place: &Place, options: &str) -> String {
    place.run(&format!("ff-grid report {options}")).ok();
    place.read("report.html")
}

/// Returns every value of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_report_is_self_contained_and_names_what_is_missing() {
    let place = finished();
    let page = report(&place, "");
    let ids: BTreeSet<&str> = values(&page, "id").into_iter().collect();
    let links = values(&page, "href");
    assert!(links.len() > 4, "{links:?}");
    for link in links {
        let found = link == "data:," || link.strip_prefix('#').is_some_and(|anchor| ids.contains(anchor));
        assert!(found, "{link} has no target on the page");
    }
    let external = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!external.contains("http://") && !external.contains("https://"), "the page has external links");
    for heading in [
        "Summary",
        "Images",
        "Test and shifted images",
        "Learning curves",
        "How soups were made",
        "Results per class",
        "Most confident mistakes",
        "Cost",
        "Provenance",
    ] {
        assert!(page.contains(&format!(">{heading}</h")), "{heading}");
    }
    assert!(!page.contains("Not finished"));
    assert_eq!(page, report(&place, ""), "the same records make the same page");

    // Names are escaped.
    let words = ["ff-grid", "report", "--title", "<script>alert(1)</script> & \"co\""];
    place.run_words(&words).ok();
    let named = place.read("report.html");
    assert!(!named.contains("<script>alert") && named.contains("&lt;script&gt;alert(1)"));

    // One record is damaged, one is missing, one run is unfinished: the rest is shown.
    std::fs::remove_file(place.job("finetune", "lr 1e-2 minimal").join("record.json")).unwrap();
    std::fs::write(place.job("evaluate", "GoU: score").join("record.json"), "{").unwrap();
    std::fs::remove_dir_all(place.job("soup", "Greedy Soup")).unwrap();
    place.run("ff-grid report").ok_saying("damaged record");
    let page = place.read("report.html");
    let unfinished = ["Not finished: 45 of 48 jobs", "not finished: 2 of 2 epochs"];
    assert_has(&page, &unfinished);
    assert_has(&page, &["damaged record", "Greedy Soup has no record yet", ">GoG</h5>"]);
}

#[test]
fn missing_folders_and_configurations_are_named() {
    let place = Place::new();
    place
        .run("ff-grid report --runs nowhere")
        .refused(1, &["nowhere/tables", "hint: give another runs folder with --runs"]);
    place
        .run("ff-grid report --config none.toml")
        .refused(1, &["none.toml", "cannot read this configuration"]);
}

#[test]
fn a_report_without_images_lacks_only_pictures() {
    let place = Place::with_table(FOLDER);
    place.images("data/cells", &["<b>red", "green", "blue", "again"], 12);
    place.run("ff-grid run --config tiny.toml").ok();
    let page = report(&place, "");
    assert!(page.contains("&lt;b&gt;red") && !page.contains("<b>red"));
    assert!(page.contains("src=\"data:image/png;base64,"), "no picture of a mistake");

    std::fs::rename(place.path("data"), place.path("moved")).unwrap();
    let without = report(&place, "");
    assert!(!without.contains("src=\"data:image"));
    assert_has(&without, &["Missing: dataset cells", "No pictures: ", "GoG", "&lt;b&gt;red"]);
    assert_has(&without, &["Learning curves", "Results per class"]);
}

#[test]
fn a_class_without_test_images_is_named() {
    let place = Place::with_table(&official_folder());
    let classes = ["blue", "green", "red"];
    for (part, classes) in [("train", &classes[..]), ("val", &classes), ("test", &classes[..2])] {
        place.images(&format!("data/cells/{part}"), classes, 8);
    }
    place.run("ff-grid run --config tiny.toml").ok();
    let page = report(&place, "");
    assert_has(&page, &["Results per class", "No test sample of: red.", "ROC", "Most confident mistakes"]);
    assert!(!page.contains("NaN"));
}

#[test]
fn a_class_without_validation_images_is_named() {
    let place = Place::with_table(&official_folder().replace("macro-f1", "accuracy"));
    let classes = ["blue", "green", "red"];
    for (part, classes) in [("train", &classes[..]), ("val", &classes[..2]), ("test", &classes)] {
        place.images(&format!("data/cells/{part}"), classes, 8);
    }
    let printed = place.run("ff-grid run --config tiny.toml").ok();
    assert_has(&printed, &["no validation image of class red"]);
    assert_has(&place.read("runs/tables/tiny/soup.md"), &["- Note: no validation image of class red"]);
}

#[test]
fn tables_are_compared_and_the_page_is_opened() {
    let place = finished();
    place.run("ff-grid run --config tiny.toml --set name=second --set grid.top_models=0").ok();
    let page = report(&place, "");
    assert_has(&page, &["The tables compared</h3>", "<td>tiny</td>", "<td>second</td>"]);
    assert!(!report(&place, "--config tiny.toml").contains("The tables compared"));

    // The browser is a program of the system; without one there is a warning.
    let opened = place.path("opened.txt");
    place.write("bin/xdg-open", &format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display()));
    std::fs::set_permissions(place.path("bin/xdg-open"), Permissions::from_mode(0o755)).unwrap();
    let open = |path: &str| {
        let words = ["ff-grid", "report", "--open", "--output", "second.html"];
        Ran::of(place.command(&words).env("PATH", path))
    };
    open(&format!("{}:/usr/bin:/bin", place.path("bin").display())).ok();
    assert_eq!(place.read("opened.txt").trim(), "second.html");
    let none = place.path("none").display().to_string();
    open(&none).ok_saying("warning: cannot open second.html in a browser: ");
}

/// A script that sorts a table and uses the tabs by keyboard, and writes what it finds into the page.
const PRESS: &str = r##"<script>{
const shown = () => [...document.querySelectorAll(".panel")].filter((one) => one.offsetHeight > 0).map((one) => one.id);
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const tabs = [...document.querySelectorAll("[role=tab]")];
tabs[0].focus();
const panels = [shown()];
for (const key of ["ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home"]) { press(key); panels.push(shown()); }
const roles = [...document.querySelectorAll(".panel")].map((one) => document.getElementById(one.getAttribute("aria-labelledby")).textContent);
tabs.at(-1).click();
const table = document.querySelector("#experiment-0-provenance table.sortable");
const column = () => [...table.tBodies[0].rows].map((row) => row.cells[4].textContent);
const head = table.tHead.rows[0].cells[4];
const before = column();
head.querySelector("button").click();
const down = column();
head.querySelector("button").click();
const up = column();
document.querySelectorAll("details").forEach((one) => (one.open = true));
const wide = tabs.map((tab) => (tab.click(), document.documentElement.scrollWidth - document.documentElement.clientWidth));
tabs[1].click();
const pictures = [...document.querySelectorAll("figure.plot svg")].filter((svg) => svg.getBoundingClientRect().width > 200);
document.body.dataset.found = JSON.stringify({
  before, down, up, sorted: head.getAttribute("aria-sort"), pictures: pictures.length, wide: Math.max(...wide),
  panels, roles, buttons: document.querySelectorAll("th button").length,
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  ink: getComputedStyle(document.querySelector("figure.plot svg text")).fill,
});
}</script></body>"##;

/// A page that shows the report on a phone and writes what is on its first screen.
const PHONE: &str = r##"<body style="margin:0"><iframe src="report.html" width="390" height="844"></iframe><script>
document.querySelector("iframe").onload = (event) => {
  const page = event.target.contentDocument;
  const bottom = (of) => page.querySelector(of).getBoundingClientRect().bottom;
  document.body.dataset.found = JSON.stringify({
    width: event.target.contentWindow.innerWidth, take: page.querySelector(".card strong").textContent,
    score: page.querySelector(".scores dd").textContent, set: page.querySelectorAll(".scores dt")[1].textContent,
    bottoms: [".card strong", ".scores dd", ".scores div:nth-child(2) dd"].map(bottom),
    wide: page.documentElement.scrollWidth - page.documentElement.clientWidth,
  });
};
</script></body>"##;

#[test]
fn a_browser_shows_figures_tabs_and_sorted_tables() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium is installed here, so the report was not opened in a browser");
        return;
    };
    let place = finished();
    let page = report(&place, "");
    place.write("pressed.html", &page.replace("</body>", PRESS));
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&kept).unwrap();

    let found = open(&browser, &place.path("pressed.html"), &["--window-size=1300,900", "--dump-dom"]);
    let number = |text: &serde_json::Value| text.as_str().unwrap().parse::<f64>().unwrap();
    let numbers = |key: &str| found[key].as_array().unwrap().iter().map(number).collect::<Vec<_>>();
    let (mut expected, down, mut up) = (numbers("before"), numbers("down"), numbers("up"));
    expected.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(down, expected);
    up.reverse();
    assert_eq!(up, expected);
    assert_eq!(found["sorted"], "ascending");
    assert!(found["pictures"].as_u64().unwrap() >= 5, "{found}");
    assert_eq!((&found["wide"], &found["dark"]), (&0.into(), &false.into()), "{found}");
    // Only the list of jobs is long.
    assert_eq!(found["buttons"], 5, "{found}");
    let [first, data, last] = ["summary", "experiment-0-data-0", "experiment-0-provenance"];
    assert_eq!(found["panels"], serde_json::json!([[first], [data], [last], [first], [last], [first]]));
    assert_eq!(found["roles"], serde_json::json!(["Summary", "shapes", "Provenance"]));

    // Without a script everything is there.
    let start = page.find("<script>").unwrap();
    let count = "<script>document.body.dataset.found = [...document.querySelectorAll('.panel')]\
                 .filter((one) => one.offsetHeight > 0).length</script></body>";
    place.write("plain.html", &format!("{}{count}", &page[..start]));
    assert_eq!(open(&browser, &place.path("plain.html"), &["--dump-dom"]), 3);

    place.write("phone.html", PHONE);
    let options = ["--window-size=600,900", "--allow-file-access-from-files", "--dump-dom"];
    let phone = open(&browser, &place.path("phone.html"), &options);
    assert_eq!((&phone["width"], &phone["wide"]), (&390.into(), &0.into()), "{phone}");
    assert!(phone["take"].as_str().unwrap().starts_with("Take "), "{phone}");
    assert!(phone["score"].as_str().unwrap().starts_with("0."), "{phone}");
    assert_eq!(phone["set"], "Shifted: twin, chance 0.2500");
    assert!(phone["bottoms"].as_array().unwrap().iter().all(|of| of.as_f64().unwrap() < 844.0), "{phone}");

    let dark = ["--blink-settings=preferredColorScheme=0", "--window-size=500,900", "--dump-dom"];
    let dark = open(&browser, &place.path("pressed.html"), &dark);
    assert_eq!((&dark["dark"], &dark["wide"]), (&true.into(), &0.into()), "{dark}");
    assert_ne!(dark["ink"], found["ink"], "text of figures is legible in the dark");

    // Print has the summary, the scores and the provenance, whatever tab is shown.
    let printed = kept.join("report.pdf");
    run(&browser, &place.path("report.html"), &[&format!("--print-to-pdf={}", printed.display())]);
    let pdf = std::fs::read(&printed).unwrap();
    let pages = pdf.windows(12).filter(|part| part == b"/Type /Page\n").count();
    assert!((2..=4).contains(&pages), "{pages} pages");

    for (name, options) in [
        ("desktop", ["--window-size=1300,6000", "--blink-settings=preferredColorScheme=1"]),
        ("phone", ["--window-size=500,6000", "--blink-settings=preferredColorScheme=1"]),
        ("dark", ["--window-size=1300,6000", "--blink-settings=preferredColorScheme=0"]),
    ] {
        let picture = kept.join(format!("{name}.png"));
        let into = format!("--screenshot={}", picture.display());
        run(&browser, &place.path("pressed.html"), &[options[0], options[1], &into]);
        assert!(std::fs::metadata(&picture).unwrap().len() > 20_000, "{}", picture.display());
    }
}

/// Returns the path of a Chromium on this machine, if there is one.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders = std::env::split_paths(&std::env::var_os("PATH")?).collect::<Vec<_>>();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// Opens a page and returns the results that its script wrote.
fn open(browser: &Path, page: &Path, options: &[&str]) -> serde_json::Value {
    let page = run(browser, page, options);
    let found = values(&page, "data-found");
    let found = found.first().expect("the script has run").replace("&quot;", "\"").replace("&amp;", "&");
    serde_json::from_str(&found).unwrap()
}

/// Opens a page, asserts that its console is empty, and returns the browser's output.
fn run(browser: &Path, page: &Path, options: &[&str]) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--disable-dev-shm-usage",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(options)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
