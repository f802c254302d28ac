//! A test case: a hub, a folder, and what to upload from one to the other.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::MutexGuard;
use std::time::Duration;

use ff_cli::fetch::{Meter, Patience};
use ff_cli::hub::Settings;
use ff_cli::hub::push::{Push, plan, upload};
use serde_json::Value;

use crate::server::{Fault, Hub, Request, State};

/// A hub, a folder, and the options of an upload.
pub struct Case {
    hub: Hub,
    folder: tempfile::TempDir,
    pub settings: Settings,
    pub options: Push,
}

impl Case {
    /// Creates a case whose upload is of these files, with these variables.
    pub fn new(files: &[(&str, &[u8])], variables: &[(&str, &str)]) -> Self {
        let (hub, folder) = (Hub::new(), tempfile::tempdir().expect("a folder"));
        let home = folder.path().join("home").display().to_string();
        let given = [("HOME", home.as_str()), ("HF_ENDPOINT", &hub.endpoint), ("HF_TOKEN", "hf_writer")];
        let given = [&given[..], variables].concat();
        let value = |name: &str| given.iter().rev().find(|(known, _)| *known == name);
        let settings = Settings::read(&|name| value(name).map(|(_, value)| OsString::from(*value)));
        // Longer than a slow machine takes to answer.
        let patience = Patience { stall: Duration::from_secs(120), tries: 2, pause: Duration::ZERO };
        let settings = Settings { patience, ..settings };
        let options = Push {
            paths: vec![folder.path().join("model")],
            repo: "clinic/net".to_owned(),
            private: false,
            revision: "main".to_owned(),
            message: "Upload model".to_owned(),
            dry_run: false,
        };
        let case = Self { hub, folder, settings, options };
        files.iter().for_each(|(name, content)| case.write(name, content));
        case
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("model").join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.hub.state.lock().expect("a state")
    }

    /// Lets the next requests whose line starts so fail.
    pub fn with_faults(self, faults: &[(&'static str, Fault)]) -> Self {
        self.state().faults.extend_from_slice(faults);
        self
    }

    /// Uploads, and returns the requests that arrived.
    pub fn push(&self) -> Vec<Request> {
        self.state().requests.clear();
        let address = upload(&self.settings, &self.options, &mut Meter::default()).expect("an address");
        assert!(address.starts_with(&format!("{}/clinic/net", self.hub.endpoint)), "{address}");
        self.state().requests.clone()
    }

    /// Returns the plan's names of files in the repository.
    pub fn names(&self) -> Vec<String> {
        let lines = plan(&self.options).expect("a plan");
        lines.lines().map(|line| line.split_whitespace().next().expect("a name").to_owned()).collect()
    }

    /// Asserts that an upload fails with these texts in its error, and commits nothing.
    pub fn fails(&self, texts: &[&str]) {
        let error = upload(&self.settings, &self.options, &mut Meter::default()).expect_err("an error");
        let error = format!("{error:#}");
        for text in texts {
            assert!(error.contains(text), "`{text}` is not in `{error}`");
        }
        assert!(!error.contains("/storage/"), "an address of storage is in `{error}`");
        assert_eq!(self.state().committed.len(), 0);
    }

    /// Asserts that an upload fails before a request.
    pub fn is_refused(&self, texts: &[&str]) {
        self.fails(texts);
        assert_eq!(self.state().requests.len(), 0);
    }
}

/// Returns the lines of requests.
pub fn lines(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.line.as_str()).collect()
}

/// Returns the lines of a commit.
pub fn commit(requests: &[Request]) -> Vec<Value> {
    let commit = requests.iter().find(|request| request.line.contains("/commit/")).expect("a commit");
    assert_eq!(commit.headers["content-type"], "application/x-ndjson");
    let lines = std::str::from_utf8(&commit.body).expect("UTF-8").lines();
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
