//! What a program wrote down about weights, as keys and values.

use std::path::{Component, Path, PathBuf};

use ff_checkpoint::serde_json::{Map, Value};

use crate::architecture::Architecture;
use crate::normalisation::Normalisation;
use crate::spec::MAX_IMAGE_SIZE;
use crate::timm_config::read_text;

/// The keys under which programs write down each fact, in the order of preference.
const ARCHITECTURE: [&str; 5] = ["architecture", "arch", "model", "model_name", "backbone"];
const CLASSES: [&str; 7] =
    ["classes", "class_names", "label_names", "labels", "class_to_idx", "idx_to_class", "id2label"];
const IMAGE_SIZE: [&str; 4] = ["image_size", "input_size", "img_size", "px"];

/// The normalisation of timm's vision transformers, which DeiT's are not among.
const HALF: Normalisation = Normalisation { mean: [0.5; 3], std: [0.5; 3] };

/// Keys and values from one place.
pub struct Record {
    /// Such as `args.yaml`.
    pub place: String,
    /// What comes before a key where it is named, such as `args.`; `None` where the place is enough.
    pub section: Option<&'static str>,
    /// The folder in which paths start.
    pub folder: PathBuf,
    pub values: Map<String, Value>,
}

impl Record {
    /// Returns where a value is recorded.
    fn told(&self, key: &str) -> String {
        match self.section {
            Some(section) => format!("`{section}{key}` in {}", self.place),
            None => self.place.clone(),
        }
    }

    fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        ARCHITECTURE.iter().filter_map(move |key| Some((self.values.get(*key)?.as_str()?, self.told(key))))
    }

    /// Returns the name of the architecture and where it is: one that is known here, else the first.
    pub fn architecture(&self) -> Option<(&str, String)> {
        self.texts().find(|(name, _)| known(name).is_some()).or_else(|| self.texts().next())
    }

    /// Returns the lists of classes, in the order of the outputs, and where they are.
    pub fn classes(&self) -> impl Iterator<Item = (Vec<String>, String)> {
        let lists =
            CLASSES.iter().filter_map(move |key| Some((names(self.values.get(*key)?)?, self.told(key))));
        lists.chain(self.class_map())
    }

    /// Reads the file that timm's `--class-map` names, if it is there: a class on each line. Only one
    /// below the folder is read, since anybody may have made the record.
    fn class_map(&self) -> Option<(Vec<String>, String)> {
        let named = Path::new(self.values.get("class_map")?.as_str()?);
        if !named.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return None;
        }
        let path = self.folder.join(named);
        let text = read_text(&path).ok()?;
        let lines = text.lines().map(|line| line.trim().to_owned()).collect();
        Some((lines, path.display().to_string()))
    }

    /// Returns the side of the images in pixels.
    pub fn image_size(&self) -> Option<u32> {
        IMAGE_SIZE.iter().find_map(|key| side(self.values.get(*key)?))
    }

    /// Returns the normalisation. Where timm's options have null, it is that of the named network.
    pub fn normalisation(&self) -> Option<Normalisation> {
        let is_vit = self.architecture().is_some_and(|(name, _)| plain_name(name).starts_with("vit_"));
        let of_network = if is_vit { HALF } else { Normalisation::IMAGENET };
        let values = |key: &str, of_network: [f32; 3]| match self.values.get(key)? {
            Value::Null => Some(of_network),
            value => channels(value),
        };
        let [mean, std] = [values("mean", of_network.mean)?, values("std", of_network.std)?];
        Some(Normalisation { mean, std }).filter(Normalisation::is_valid)
    }
}

/// Returns the architecture of a name that timm or this crate gives it, with a tag of timm's weights
/// or without.
pub fn known(name: &str) -> Option<Architecture> {
    let name = plain_name(name);
    let is_named = |one: &&Architecture| one.name == name || one.timm == Some(&*name);
    Architecture::ALL.iter().find(is_named).copied()
}

/// Returns a name without owner and tag: `vit_base` of `timm/vit_base.augreg`.
pub fn plain_name(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.split('.').next().unwrap_or(name).to_ascii_lowercase()
}

/// Returns names in the order of the outputs: a list, or a map from names to outputs or from outputs
/// to names. The names that transformers gives to classes without one are none.
fn names(value: &Value) -> Option<Vec<String>> {
    let text =
        |value: &Value| value.as_str().map(str::to_owned).or_else(|| Some(value.as_u64()?.to_string()));
    let names: Vec<String> = match value {
        Value::Array(items) => items.iter().map(text).collect::<Option<_>>()?,
        Value::Object(entries) if entries.values().all(Value::is_u64) => {
            ordered(entries.iter().map(|(name, output)| Some((output.as_u64()?, name.clone()))))?
        }
        Value::Object(entries) => {
            ordered(entries.iter().map(|(output, name)| Some((output.parse().ok()?, text(name)?))))?
        }
        _ => return None,
    };
    let is_unnamed = names.iter().enumerate().all(|(output, name)| *name == format!("LABEL_{output}"));
    (!names.is_empty() && !is_unnamed).then_some(names)
}

/// Returns names by output, if the outputs are 0, 1, 2 and so on.
fn ordered(names: impl Iterator<Item = Option<(u64, String)>>) -> Option<Vec<String>> {
    let mut names: Vec<(u64, String)> = names.collect::<Option<_>>()?;
    names.sort_unstable();
    let is_whole = names.iter().zip(0..).all(|((output, _), place)| *output == place);
    is_whole.then(|| names.into_iter().map(|(_, name)| name).collect())
}

/// Returns the side of a square: `n`, `[n, n]` or `[channels, n, n]`.
fn side(value: &Value) -> Option<u32> {
    let side = match value.as_array().map(Vec::as_slice) {
        Some([height, width] | [_, height, width]) if height == width => height.as_u64()?,
        _ => value.as_u64()?,
    };
    u32::try_from(side).ok().filter(|side| (1..=MAX_IMAGE_SIZE).contains(side))
}

fn channels(value: &Value) -> Option<[f32; 3]> {
    let values: Option<Vec<f32>> = value.as_array()?.iter().map(|one| Some(one.as_f64()? as f32)).collect();
    values?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::serde_json::json;

    use super::*;

    fn record(values: Value) -> Record {
        let Value::Object(values) = values else { panic!("{values}") };
        Record { place: "args.yaml".to_owned(), section: None, folder: PathBuf::new(), values }
    }

    #[test]
    fn a_known_architecture_comes_before_other_texts() {
        let record = record(json!({"model": "Resnet18", "arch": "classifier", "architecture": {"a": 1}}));
        assert_eq!(record.architecture(), Some(("Resnet18", "args.yaml".to_owned())));
        let record = Record { section: Some("args."), place: "the file".to_owned(), ..record };
        assert_eq!(record.architecture().unwrap().1, "`args.model` in the file");
        for (name, expected) in [
            ("timm/resnet50.a1_in1k", Some(Architecture::RESNET50)),
            ("deit_base_patch16_224.fb_in1k", Some(Architecture::DEIT_BASE)),
            ("vgg16_bn", None),
            ("", None),
        ] {
            assert_eq!(known(name), expected, "{name}");
        }
    }

    #[test]
    fn classes_are_read_in_every_form() {
        let lists = |values: Value| record(values).classes().map(|(names, _)| names).collect::<Vec<_>>();
        for values in [
            json!({"classes": ["b", "a"], "class_map": "no/such/file", "num_classes": 2}),
            json!({"class_to_idx": {"a": 1, "b": 0}}),
            json!({"id2label": {"0": "b", "1": "a"}}),
            json!({"label_names": {"1": "a", "0": "b"}, "classes": 2}),
        ] {
            assert_eq!(lists(values), [["b", "a"]]);
        }
        assert_eq!(lists(json!({"classes": [3, 7]})), [["3", "7"]]);
        let many = Vec::from_iter((0..11).map(|output| (output.to_string(), format!("name {output}"))));
        let many: Map<String, Value> = many.into_iter().map(|(key, name)| (key, name.into())).collect();
        assert_eq!(lists(json!({"id2label": many}))[0][10], "name 10");
        for values in [
            json!({"classes": [], "class_names": [["a"]], "labels": "a"}),
            json!({"class_to_idx": {"a": 1, "b": 2}}),
            json!({"class_to_idx": {"a": 0, "b": 0}}),
            json!({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}),
        ] {
            assert!(lists(values.clone()).is_empty(), "{values}");
        }
    }

    #[test]
    fn a_class_map_has_a_class_on_each_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("map.txt"), "b\r\na b\n").unwrap();
        let record = Record { folder: folder.path().to_owned(), ..record(json!({"class_map": "map.txt"})) };
        let (names, told) = record.classes().next().unwrap();
        assert_eq!(names, ["b", "a b"]);
        assert_eq!(Path::new(&told), folder.path().join("map.txt"));
    }

    #[test]
    fn a_class_map_is_a_file_below_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, outside) = (folder.path().join("run"), folder.path().join("map.txt"));
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(&outside, "a\nb\n").unwrap();
        std::fs::copy(&outside, inner.join("map.txt")).unwrap();
        std::fs::write(inner.join("long.txt"), "a\n".repeat(1 << 20)).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/dev/null", inner.join("device")).unwrap();
        let count = |map: &str| {
            let record = Record { folder: inner.clone(), ..record(json!({ "class_map": map })) };
            record.classes().count()
        };
        assert_eq!((count("map.txt"), count("./map.txt")), (1, 1));
        for other in ["../map.txt", outside.to_str().unwrap(), "device", "long.txt", ".", ""] {
            assert_eq!(count(other), 0, "{other}");
        }
    }

    #[test]
    fn sizes_are_those_of_squares() {
        let size = |values| record(values).image_size();
        assert_eq!(size(json!({"input_size": [3, 96, 96], "img_size": 64})), Some(96));
        assert_eq!(size(json!({"input_size": null, "img_size": 64})), Some(64));
        assert_eq!(size(json!({"image_size": [64, 64]})), Some(64));
        for other in [json!([3, 96, 64]), json!(0), json!(1e6), json!([64]), json!("64"), json!(5000)] {
            assert_eq!(size(json!({"img_size": other})), None);
        }
    }

    #[test]
    fn what_timm_leaves_open_is_of_the_network() {
        let of = |values| record(values).normalisation();
        let own = Normalisation { mean: [0.1, 0.2, 0.3], std: [0.5; 3] };
        let std = json!([0.5, 0.5, 0.5]);
        assert_eq!(of(json!({"mean": [0.1, 0.2, 0.3], "std": std})), Some(own));
        assert_eq!(of(json!({"mean": null, "std": null})), Some(Normalisation::IMAGENET));
        assert_eq!(of(json!({"mean": null, "std": null, "model": "vit_small_patch16_224"})), Some(HALF));
        for other in [json!({"mean": null}), json!({"mean": [0.5], "std": std}), json!({})] {
            assert_eq!(of(other), None);
        }
        assert_eq!(of(json!({"mean": null, "std": [0.5, 0.0, 0.5]})), None);
    }
}
