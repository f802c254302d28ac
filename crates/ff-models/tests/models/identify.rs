//! What weights are, by their tensors and by the records of timm, Lightning, the hub and this
//! software. tests/golden/identify/make.py made the runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::{OwnedTensor, Provenance, StateDict};
use ff_models::{Architecture, Error, Identity, Model, Normalisation, Spec, TimmConfig};
use serde_json::{Value, json};
use tch::Device;

use crate::{PICO, model, spec};

const PICO_RESNET: Architecture = Architecture::RESNET_PICO;

fn golden(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/identify")).join(name)
}

fn identify(path: impl AsRef<Path>) -> Identity {
    Identity::of(&StateDict::open(path).unwrap(), None).unwrap()
}

fn error(weights: &StateDict, asked: Option<Architecture>) -> String {
    Identity::of(weights, asked).unwrap_err().to_string()
}

/// A folder with a `resnet_pico` of two outputs, as another program may have saved it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self::of(StateDict::from_tensors(tensors()), None)
    }

    fn of(weights: StateDict, made: Option<Provenance>) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        weights.save(folder.0.path().join("w.safetensors"), made.as_ref()).unwrap();
        folder
    }

    /// Writes a `config.json`, in place of an earlier one.
    fn with(self, config: Value) -> Self {
        self.with_file("config.json", &config.to_string())
    }

    fn with_file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    fn weights(&self) -> StateDict {
        StateDict::open(self.0.path()).unwrap()
    }

    fn identity(&self) -> Identity {
        Identity::of(&self.weights(), None).unwrap()
    }
}

fn tensors() -> BTreeMap<String, OwnedTensor> {
    model(PICO_RESNET, 2, 1).state_dict()
}

#[test]
fn tensors_are_enough() {
    for architecture in PICO {
        let weights = StateDict::from_tensors(model(architecture, 5, 1).state_dict());
        let expected = Identity {
            architecture,
            told_by: "names and shapes".to_owned(),
            outputs: 5,
            classes: None,
            image_size: (architecture == Architecture::DEIT_PICO).then_some(32),
            normalisation: None,
            notes: Vec::new(),
        };
        assert_eq!(Identity::of(&weights, None).unwrap(), expected);
        let asked = Identity::of(&weights, Some(architecture)).unwrap();
        assert_eq!(asked, Identity { told_by: "--arch".to_owned(), ..expected });
    }
}

#[test]
fn a_run_of_timm_is_read() {
    let run = golden("timm/model_best.pth.tar");
    let names = ["nevus", "melanoma", "café au lait"].map(str::to_owned).to_vec();
    let expected = Identity {
        architecture: PICO_RESNET,
        told_by: "args.yaml".to_owned(),
        outputs: 3,
        classes: Some((names, golden("timm/classes.txt").display().to_string())),
        image_size: Some(48),
        normalisation: Some(Normalisation { std: [0.5, 0.5, 0.25], ..Normalisation::IMAGENET }),
        notes: Vec::new(),
    };
    assert_eq!(identify(&run), expected);
    // Alone, the file tells all but the classes, whose file it only names.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("best.pth.tar");
    std::fs::copy(run, &copy).unwrap();
    let told_by = "`arch` in the file".to_owned();
    assert_eq!(identify(copy), Identity { told_by, classes: None, ..expected });
}

#[test]
fn a_run_of_lightning_is_read() {
    let run = golden("lightning/checkpoints/epoch=0.ckpt");
    let names = ["nevus", "melanoma", "café au lait"].map(str::to_owned).to_vec();
    let expected = Identity {
        architecture: PICO_RESNET,
        told_by: "hparams.yaml".to_owned(),
        outputs: 3,
        classes: Some((names, "hparams.yaml".to_owned())),
        image_size: Some(40),
        normalisation: Some(Normalisation { mean: [0.5; 3], std: [0.25; 3] }),
        notes: Vec::new(),
    };
    assert_eq!(identify(&run), expected);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("epoch=0.ckpt");
    std::fs::copy(run, &copy).unwrap();
    let told_by = "`hyper_parameters.backbone` in the file".to_owned();
    assert_eq!(identify(copy), Identity { told_by, classes: None, image_size: None, ..expected });
}

#[test]
fn config_json_of_timm_and_of_transformers_is_read() {
    let half = json!([0.5, 0.5, 0.5]);
    let config = json!({
        "architecture": "resnet_pico", "num_classes": 2, "label_names": ["b", "a"],
        "pretrained_cfg": {"input_size": [3, 64, 64], "mean": half, "std": half},
    });
    let found = Folder::new().with(config.clone()).identity();
    assert_eq!((found.told_by.as_str(), found.image_size), ("config.json", Some(64)));
    assert_eq!(found.normalisation, Some(Normalisation { mean: [0.5; 3], std: [0.5; 3] }));
    let classes = Some((vec!["b".to_owned(), "a".to_owned()], "config.json".to_owned()));
    assert_eq!(found.classes, classes);

    let transformers = json!({"architectures": ["Net"], "image_size": 48, "id2label": {"1": "a", "0": "b"}});
    let found = Folder::new().with(transformers).identity();
    assert_eq!((found.told_by.as_str(), found.image_size), ("names and shapes", Some(48)));
    assert_eq!(found.classes, classes);

    // A name that is none here may be of the same network.
    let found = Folder::new().with(json!({"architecture": "tv_resnet_pico"})).identity();
    assert_eq!((found.architecture, found.told_by.as_str()), (PICO_RESNET, "names and shapes"));
}

#[test]
fn a_config_json_that_cannot_be_read_is_noted() {
    // Python writes numbers that JSON does not have.
    for text in [r#"{"architecture": "vgg_pico", "mean": NaN}"#, "{"] {
        let folder = Folder::new().with_file("config.json", text);
        let found = folder.identity();
        assert_eq!((found.architecture, found.told_by.as_str()), (PICO_RESNET, "names and shapes"));
        let note = format!("{}/config.json: not read: other text (", folder.0.path().display());
        assert!(found.notes.len() == 1 && found.notes[0].starts_with(&note), "{:?}", found.notes);
        // The backbone of a table is what its file says.
        assert!(matches!(TimmConfig::beside(folder.0.path()), Err(Error::Config { .. })));
    }
}

#[test]
fn config_json_has_a_maximum_size() {
    let config = format!("{}{}", json!({"architecture": "resnet_pico"}), " ".repeat(1 << 20));
    let folder = Folder::new().with_file("config.json", &config);
    let text = TimmConfig::beside(folder.0.path()).unwrap_err().to_string();
    assert!(text.contains("config.json: expected JSON, as timm writes it, found more than 1048576 bytes"));
}

#[test]
fn provenance_comes_first() {
    let normalisation = Some(Normalisation { mean: [0.25; 3], std: [0.5; 3] });
    let spec = Spec { normalisation, ..spec(PICO_RESNET, 2) };
    let of = |recipe: Value| {
        let made = Provenance::new("finetune", recipe);
        Folder::of(StateDict::from_tensors(tensors()), Some(made))
            .with(json!({"architecture": "vgg_pico", "classes": ["c", "d"], "image_size": 99}))
    };
    let ours = of(json!({"model": spec, "classes": ["a", "b"]}));
    let expected = Identity {
        architecture: PICO_RESNET,
        told_by: "its provenance".to_owned(),
        outputs: 2,
        classes: Some((vec!["a".to_owned(), "b".to_owned()], "its provenance".to_owned())),
        image_size: Some(32),
        normalisation,
        notes: Vec::new(),
    };
    assert_eq!(ours.identity(), expected);
    // A specification without a normalisation has the architecture's; that of another file is unknown.
    let usual = of(json!({"model": Spec { normalisation: None, ..spec }})).identity();
    assert_eq!(usual.normalisation, Some(PICO_RESNET.normalisation));
    let unnamed = of(json!({"method": "uniform"})).with(json!({"architecture": "resnet_pico"})).identity();
    assert_eq!(unnamed.normalisation, None);
    let text = error(&ours.weights(), Some(Architecture::VGG_PICO));
    assert!(
        text.contains("expected weights of vgg_pico, as --arch says, found those of resnet_pico"),
        "{text}"
    );
    // An average of files of other programs names no model.
    let merged =
        of(json!({"method": "uniform"})).with(json!({"architecture": "resnet_pico", "image_size": 99}));
    assert_eq!((merged.identity().told_by.as_str(), merged.identity().image_size), ("config.json", Some(99)));
}

#[test]
fn a_record_that_contradicts_the_tensors_is_refused() {
    let folder = Folder::new().with(json!({"architecture": "vgg_pico"}));
    let expected =
        "expected weights of vgg_pico, as config.json says, found those of resnet_pico\nhint: correct";
    for asked in [None, Some(PICO_RESNET)] {
        let text = error(&folder.weights(), asked);
        assert!(text.contains(expected), "{text}");
    }
    let folder = Folder::new().with(json!({"architecture": "resnet_pico"}));
    let text = error(&folder.weights(), Some(Architecture::DEIT_PICO));
    let expected =
        "expected weights of deit_pico_patch4, as --arch says, found those of resnet_pico\nhint: leave";
    assert!(text.contains(expected), "{text}");
    let folder = Folder::new().with(json!({"architecture": "resnetblur18.bt_in1k"}));
    let text = error(&folder.weights(), None);
    assert!(text.contains("found `resnetblur18.bt_in1k`, as config.json says"), "{text}");
}

#[test]
fn tensors_of_no_known_architecture_are_told_by_the_nearest() {
    let mut others = tensors();
    others.remove("bn1.weight");
    let weights = StateDict::from_tensors(others.clone());
    let missing =
        "found others, nearest to resnet_pico: `bn1.weight` is missing\nhint: known are resnet_pico, ";
    let text = error(&weights, None);
    assert!(text.starts_with("weights in memory: expected weights of a known architecture, "), "{text}");
    assert!(text.contains(missing), "{text}");
    let text = error(&weights, Some(PICO_RESNET));
    assert!(
        text.contains("of resnet_pico, as --arch says, found others: `bn1.weight` is missing\n"),
        "{text}"
    );

    others.retain(|name, _| !name.starts_with("fc."));
    others.insert("bn1.weight".to_owned(), OwnedTensor::f32([16], &[0.0; 16]));
    let text = error(&StateDict::from_tensors(others), None);
    let found =
        "found those of resnet_pico without its classifier: `fc.weight` is missing, `fc.bias` is missing\n";
    assert!(text.contains(found), "{text}");
    assert!(text.contains("hint: the weights have no classifier `fc` for resnet_pico"), "{text}");

    let name = "encoder.layers.encoder_layer_0.self_attention.in_proj_weight".to_owned();
    let weights = StateDict::from_tensors([(name, OwnedTensor::f32([1], &[0.0]))].into());
    let text = error(&weights, None);
    assert!(text.contains("found others, of other names"), "{text}");
    assert!(text.contains("hint: the names are those of a vision transformer of torchvision: use"), "{text}");
}

#[test]
fn copies_of_a_network_are_refused() {
    let own = tensors()
        .into_iter()
        .flat_map(|(name, tensor)| ["a.", "b."].map(|prefix| (format!("{prefix}{name}"), tensor.clone())));
    let weights = StateDict::from_tensors(own.collect());
    for asked in [None, Some(PICO_RESNET)] {
        assert!(matches!(Identity::of(&weights, asked), Err(Error::Copies { .. })));
    }
}

#[test]
fn lists_that_cannot_be_the_classes_are_noted() {
    let config = json!({"classes": ["a"], "class_names": ["a", "a"], "labels": ["b", "a"]});
    let folder = Folder::new().with(config).with_file("args.yaml", "a: [");
    let found = folder.identity();
    assert_eq!(found.classes.unwrap().0, ["b", "a"]);
    assert!(found.notes[0].contains("args.yaml: not read: "), "{:?}", found.notes);
    let lists = [
        "config.json: expected the names of 2 classes, found 1",
        "config.json: expected classes of different names, found `a` twice",
    ];
    assert_eq!(found.notes[1..], lists);
}

#[test]
fn the_position_embedding_tells_the_image_size() {
    let larger = Spec { image_size: 40, ..spec(Architecture::DEIT_PICO, 2) };
    let weights = Model::new(&larger, Device::Cpu, 1).unwrap().state_dict();
    let folder = Folder::of(StateDict::from_tensors(weights), None);
    assert_eq!(folder.identity().image_size, Some(40));
    let found = folder.with(json!({"image_size": 32})).identity();
    assert_eq!(found.image_size, Some(40));
    assert_eq!(found.notes, ["config.json: the position embedding is for images of 40 px, not of 32 px"]);
    // An impossible size of another network is no size.
    let weights = model(Architecture::VGG_PICO, 2, 1).state_dict();
    let folder = Folder::of(StateDict::from_tensors(weights), None).with(json!({"image_size": 4}));
    assert_eq!(folder.identity().image_size, None);
}
