//! The models in a tree of folders.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::entries;
use crate::error::Error;
use crate::file_name::{is_index_name, is_weights_name, lowercase_name};
use crate::form::model_file;

/// Number of files that an error names.
const NAMED: usize = 3;

/// Returns the models in a folder and in the folders below it, sorted. The files are not opened.
///
/// A model is a file with a [name of weights](is_weights_name), or a folder with `config.json` and
/// `model.safetensors` or `pytorch_model.bin`, or with the index of shards. Such a folder counts once,
/// whatever other weights are in it. Of a run of timm (`args.yaml`) only `model_best.pth.tar` counts,
/// else `last.pth.tar`. Lightning's `last.ckpt` counts if there is no other `.ckpt` beside it.
///
/// States of optimizers, schedulers and generators are no models, nor are the predictions,
/// statistics and resume points of this software. Hidden files and folders are skipped, and so are the
/// folders `*.scores` and `*.statistics`, which `ff-soup select` writes beside its output. Links are
/// followed; a file or folder that is reached several times counts once.
///
/// # Errors
/// [`Error::NotWeights`] if there is none; [`Error::Io`].
pub fn models_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut search = Search::default();
    search.visit(folder)?;
    if search.models.is_empty() {
        return Err(search.none_in(folder));
    }
    search.models.sort_unstable();
    Ok(search.models)
}

#[derive(Default)]
struct Search {
    models: Vec<PathBuf>,
    /// The first files that are not models.
    others: Vec<PathBuf>,
    /// The folders and the files of models so far.
    seen: HashSet<FileId>,
}

impl Search {
    fn visit(&mut self, folder: &Path) -> Result<(), Error> {
        if !self.is_new(folder)? {
            return Ok(());
        }
        let paths = entries(folder)?.into_iter().filter(|path| !is_hidden(path));
        let (mut folders, mut files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        folders.retain(|path| !is_of_select(path));
        files.retain(|path| path.is_file());
        let models = models_among(folder, &files);
        let rest = NAMED - self.others.len();
        let others = files.iter().filter(|path| !models.iter().any(|(_, file)| file == path));
        self.others.extend(others.take(rest).cloned());
        for (model, file) in models {
            if self.is_new(file)? {
                self.models.push(model.to_owned());
            }
        }
        folders.iter().try_for_each(|inner| self.visit(inner))
    }

    fn is_new(&mut self, path: &Path) -> Result<bool, Error> {
        Ok(self.seen.insert(file_id(path).map_err(Error::io(path, "find this file or folder"))?))
    }

    fn none_in(&self, folder: &Path) -> Error {
        let relative = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let others: Vec<String> = self.others.iter().map(relative).collect();
        let found = match others.is_empty() {
            true => "a folder without files".to_owned(),
            false => format!("a folder with other files, such as {}", others.join(", ")),
        };
        let hint = "names of weights end in .safetensors, .pth, .pt, .bin or .ckpt, with or without .tar";
        Error::not_weights(folder, found, hint)
    }
}

/// Returns the models among the files of a folder, each with the file of its weights.
fn models_among<'a>(folder: &'a Path, files: &'a [PathBuf]) -> Vec<(&'a Path, &'a Path)> {
    let named = |name: &str| files.iter().find(|file| file.ends_with(name));
    if let Some(file) = model_file(files)
        && (is_index_name(file) || named("config.json").is_some())
    {
        return vec![(folder, file.as_path())];
    }
    let mut models: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    models.retain(|file| is_weights_name(file) && !is_state(file));
    if let Some(best) = named("model_best.pth.tar").or_else(|| named("last.pth.tar"))
        && named("args.yaml").is_some()
    {
        models.retain(|file| file == best || !lowercase_name(file).ends_with(".pth.tar"));
    }
    let is_ckpt = |file: &Path| lowercase_name(file).ends_with(".ckpt");
    // A second run into the same folder writes `last-v1.ckpt`.
    let is_last = |file: &Path| {
        let name = lowercase_name(file);
        name == "last.ckpt" || name.starts_with("last-v") && name.ends_with(".ckpt")
    };
    if models.iter().any(|file| is_ckpt(file) && !is_last(file)) {
        models.retain(|file| !is_last(file));
    }
    models.into_iter().map(|file| (file, file)).collect()
}

/// Returns whether a file with a name of weights is the state of a run, or something else of a
/// model than its weights.
fn is_state(file: &Path) -> bool {
    const STARTS: [&str; 9] = [
        "optimizer",
        "scheduler.",
        "scaler.",
        "rng_state",
        "random_states",
        "training_args.",
        // timm's
        "recovery-",
        "recovery_tmp.",
        "tmp.",
    ];
    let name = lowercase_name(file);
    let is_ours = |name: &str| {
        ["statistics-", "resume-"].iter().any(|start| name.starts_with(start))
            || [".optimizer", ".val", ".predictions"].iter().any(|end| name.ends_with(end))
            || name.contains(".cross-fitted")
            || name == "predictions"
    };
    STARTS.iter().any(|start| name.starts_with(start))
        || name.strip_suffix(".safetensors").is_some_and(is_ours)
}

/// Returns whether a folder is of `ff-soup select`: the scores or the statistics beside its output.
fn is_of_select(folder: &Path) -> bool {
    let name = lowercase_name(folder);
    [".scores", ".statistics"].iter().any(|end| name.ends_with(end))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// What two paths to the same file have in common.
#[cfg(unix)]
type FileId = (u64, u64);
#[cfg(not(unix))]
type FileId = PathBuf;

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<FileId> {
    std::fs::canonicalize(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the models below a folder with these empty files.
    fn models(files: &[&str]) -> Vec<String> {
        let folder = tree(files);
        let found = models_below(folder.path()).unwrap();
        found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn weights_are_found_at_every_depth_and_sorted() {
        let files = ["b.PTH", "a/deep/er/c.ckpt", "a.safetensors", "notes.txt", ".hidden/d.pt", ".e.pt"];
        assert_eq!(models(&files), ["a/deep/er/c.ckpt", "a.safetensors", "b.PTH"]);
    }

    #[test]
    fn a_model_folder_counts_once() {
        let files = [
            "run/config.json",
            "run/model.safetensors",
            "run/pytorch_model.bin",
            "run/training_args.bin",
            "run/checkpoint-5/config.json",
            "run/checkpoint-5/model.safetensors",
            "run/checkpoint-5/optimizer.pt",
            "run/checkpoint-5/rng_state_0.pth",
            "run/checkpoint-5/scheduler.pt",
            "sharded/model-00001-of-00002.safetensors",
            "sharded/model-00002-of-00002.safetensors",
            "sharded/model.safetensors.index.json",
            "plain/model.safetensors",
            "plain/other.safetensors",
        ];
        let expected =
            ["plain/model.safetensors", "plain/other.safetensors", "run", "run/checkpoint-5", "sharded"];
        assert_eq!(models(&files), expected);
    }

    #[test]
    fn of_a_run_of_timm_the_best_counts() {
        let run = ["checkpoint-1.pth.tar", "last.pth.tar", "recovery-2-30.pth.tar", "model_best.pth.tar"];
        assert_eq!(models(&run), ["checkpoint-1.pth.tar", "last.pth.tar", "model_best.pth.tar"]);
        let run = [&["args.yaml", "averaged.safetensors"][..], &run[..]].concat();
        assert_eq!(models(&run), ["averaged.safetensors", "model_best.pth.tar"]);
        assert_eq!(models(&run[..5]), ["averaged.safetensors", "last.pth.tar"]);
        assert_eq!(models(&run[..3]), ["averaged.safetensors", "checkpoint-1.pth.tar"]);
    }

    #[test]
    fn the_last_of_lightnings_checkpoints_counts_if_it_is_alone() {
        assert_eq!(models(&["last.ckpt", "last-v1.ckpt"]), ["last-v1.ckpt", "last.ckpt"]);
        assert_eq!(models(&["last.ckpt", "last-v1.ckpt", "epoch=1.ckpt"]), ["epoch=1.ckpt"]);
        assert_eq!(models(&["last.ckpt", "a.pth"]), ["a.pth", "last.ckpt"]);
    }

    #[test]
    fn what_else_this_software_writes_is_no_model() {
        let files = [
            "kept.safetensors",
            "kept.val.safetensors",
            "kept.optimizer.safetensors",
            "soup.cross-fitted.safetensors",
            "statistics-1.safetensors",
            "predictions.safetensors",
            "0123abcd.predictions.safetensors",
            "soup.safetensors.scores/other.safetensors",
            "soup.safetensors.statistics/other.safetensors",
            "resume-0000000010.safetensors",
            ".abc.partial",
        ];
        assert_eq!(models(&files), ["kept.safetensors"]);
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folders_with_several_names_count_once() {
        use std::os::unix::fs::symlink;
        let folder = tree(&["a/one.pth", "b/notes.txt"]);
        let at = |name: &str| folder.path().join(name);
        std::fs::hard_link(at("a/one.pth"), at("a/two.pth")).unwrap();
        symlink(at("a/one.pth"), at("b/three.pth")).unwrap();
        symlink(at("gone.pth"), at("b/four.pth")).unwrap();
        symlink(folder.path(), at("b/loop")).unwrap();
        symlink(at("a"), at("c")).unwrap();
        assert_eq!(models_below(folder.path()).unwrap(), [at("a/one.pth")]);
        assert_eq!(models_below(&at("b")).unwrap(), [at("b/three.pth")]);
    }

    #[test]
    fn a_folder_without_models_says_what_it_has() {
        let error = |files: &[&str]| models_below(tree(files).path()).unwrap_err().to_string();
        let text = error(&["d.txt", "a.csv", "b/c.png", "b/optimizer.pt", "optimizer.pt"]);
        assert!(
            text.contains("found a folder with other files, such as a.csv, d.txt, optimizer.pt\n"),
            "{text}"
        );
        assert!(text.contains("hint: names of weights end in .safetensors"), "{text}");
        assert!(error(&[]).contains("found a folder without files"));
        let missing = models_below(Path::new("no/such/folder")).unwrap_err();
        assert!(missing.to_string().starts_with("no/such/folder: cannot "), "{missing}");
    }
}
