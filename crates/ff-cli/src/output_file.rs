//! The check of the file that a soup is written to, before anything is computed.

use std::path::Path;

use anyhow::bail;
use ff_checkpoint::{StateDict, is_weights_name};

/// Checks that a soup may be written to `output`, and replaces none of the models that it is made from:
/// files, or folders of them. In a folder, an earlier soup may be replaced.
///
/// # Errors
/// It is a folder, a device or a pipe, has the name of a PyTorch file, or is one of the models.
pub(crate) fn check_output<'a>(
    output: &Path,
    models: impl IntoIterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    let shown = output.display();
    if output.is_dir() || output.file_name().is_none() {
        bail!("--output: expected the name of a file, found a folder, {shown}");
    }
    let is_safetensors =
        |path: &Path| path.extension().is_some_and(|of| of.eq_ignore_ascii_case("safetensors"));
    if is_weights_name(output) && !is_safetensors(output) {
        bail!(
            "--output: expected a name for a safetensors file, found {shown}, one for a PyTorch file\n\
             hint: name it {}",
            output.with_extension("safetensors").display()
        );
    }
    let Ok(found) = output.canonicalize() else { return Ok(()) };
    if !found.is_file() {
        bail!("--output: expected a new or a regular file, found a device or a pipe, {shown}");
    }
    let is_of = |model: &Path| match model.canonicalize() {
        Ok(folder) if folder.is_dir() => found.starts_with(folder) && !is_soup(&found),
        model => model.is_ok_and(|model| model == found),
    };
    if models.into_iter().any(is_of) {
        bail!(
            "--output: expected another file than the models, found {shown}, which would be replaced\n\
             hint: give the soup a name of its own, such as soup.safetensors"
        );
    }
    Ok(())
}

/// Returns true if a file is a soup that this software wrote.
fn is_soup(path: &Path) -> bool {
    StateDict::open(path).is_ok_and(|weights| weights.provenance().is_ok_and(|made| made.kind == "soup"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use ff_checkpoint::{OwnedTensor, Provenance};

    use super::*;

    #[test]
    fn an_output_is_none_of_the_models() {
        let place = tempfile::tempdir().unwrap();
        let at = |below: &str| place.path().join(below);
        std::fs::create_dir(at("own")).unwrap();
        let save = |name: &str, kind: &str| {
            let tensors = [("w".to_owned(), OwnedTensor::f32([1], &[1.0]))];
            let made = Provenance::new(kind, serde_json::json!({}));
            StateDict::from_tensors(tensors.into()).save(at(name), Some(&made)).unwrap();
        };
        save("own/a.safetensors", "finetune");
        save("own/soup.safetensors", "soup");
        symlink(at("own/a.safetensors"), at("link.safetensors")).unwrap();
        let check = |output: &str, model: &str| check_output(&at(output), [&*at(model)]);
        for (output, model) in [
            ("own/a.safetensors", "own/a.safetensors"),
            ("own/../own/a.safetensors", "own/a.safetensors"),
            ("own/a.safetensors", "own"),
            ("own/a.safetensors", "link.safetensors"),
            ("own/soup.safetensors", "own/soup.safetensors"),
        ] {
            let error = check(output, model).unwrap_err().to_string();
            assert!(error.contains("--output: expected another file than the models, found "), "{error}");
        }
        for (output, model) in [
            ("own/new.safetensors", "own"),
            ("own/soup.safetensors", "own"),
            ("own/soup.safetensors", "own/a.safetensors"),
            ("own/soup.safetensors", "gone"),
        ] {
            check(output, model).unwrap();
        }
    }

    #[test]
    fn an_output_is_a_regular_file_with_the_name_of_what_is_in_it() {
        let none = || std::iter::empty::<&Path>();
        for (output, expected) in [
            ("/dev/null", "found a device or a pipe, /dev/null"),
            ("/dev", "expected the name of a file, found a folder, /dev"),
            ("soup.pth", "found soup.pth, one for a PyTorch file\nhint: name it soup.safetensors"),
            ("a/soup.PT", "hint: name it a/soup.safetensors"),
            ("soup.ckpt", "hint: name it soup.safetensors"),
            ("soup.bin", "hint: name it soup.safetensors"),
        ] {
            let error = check_output(Path::new(output), none()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for output in ["soup.safetensors", "soup.SAFETENSORS", "soup", "soup.v1"] {
            check_output(Path::new(output), none()).unwrap();
        }
    }
}
