//! A soup's folder for timm: it loads, its metadata are right, and its logits are ours.

use std::process::Command;

use ff_checkpoint::StateDict;

use crate::place::{Place, SHAPES, works};

/// A script that loads the folder and writes inputs and logits.
const LOAD: &str = r#"
import json, sys
import safetensors.torch, timm, torch
folder, images, logits = sys.argv[1:]
model = timm.create_model("local-dir:" + folder, pretrained=True).eval()
data = timm.data.resolve_model_data_config(model)
torch.manual_seed(0)
x = torch.randn(4, *data["input_size"])
with torch.no_grad():
    y = model(x)
safetensors.torch.save_file({"input": x}, images)
safetensors.torch.save_file({"logits": y}, logits)
cfg = model.pretrained_cfg
print(json.dumps({**data, "classes": model.num_classes, "labels": cfg["label_names"], "transform": str(timm.data.create_transform(**data))}))
"#;

/// A script that reads a model card with the hub's library.
const CARD: &str = r#"
import json, sys
from huggingface_hub import ModelCard
card = ModelCard.load(sys.argv[1])
results = [[r.dataset_name, r.metric_type, r.metric_value] for r in card.data.eval_results]
print(json.dumps({"license": card.data.license, "library": card.data.library_name, "tags": card.data.tags, "results": results}))
"#;

#[test]
fn timm_loads_the_soup_and_the_card_is_valid() {
    let Some(python) = python() else {
        eprintln!(
            "skipped: no Python with timm (FF_TIMM_PYTHON or python3), so the soup was not loaded in timm"
        );
        return;
    };
    let place = Place::with_table(SHAPES);
    let smaller = "--set model.image_size=32 --set backbone.architecture=deit_tiny_patch16_224 --set grid.learning_rates=[1e-3] \
                   --set grid.augmentations=[\"heavy\"] --set fgg.learning_rates=[1e-3] --set finetune.epochs=1";
    place.run(&format!("ff-grid run --config tiny.toml {smaller}")).ok();
    let folder = place.path("runs/tables/tiny/timm");
    let said = run(&python, LOAD, &[folder.to_str().unwrap(), "x.safetensors", "theirs.safetensors"], &place);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let note = place.json("runs/tables/tiny/soup.json");
    assert_eq!((&said["labels"], said["classes"].as_u64()), (&note["classes"], Some(6)), "{said}");
    assert_eq!(said["input_size"], serde_json::json!([3, 32, 32]));
    assert_eq!(said["mean"], serde_json::json!([0.485, 0.456, 0.406]));
    assert_eq!(said["std"], serde_json::json!([0.229, 0.224, 0.225]));
    let transform = said["transform"].as_str().unwrap();
    assert!(
        transform.contains("size=(32, 32), interpolation=bilinear")
            && transform.contains("CenterCrop(size=(32, 32))"),
        "{transform}"
    );

    let soup = "runs/tables/tiny/soup.safetensors";
    let logits =
        format!("ff-models logits --arch deit_tiny_patch16_224 --weights {soup} --input x.safetensors");
    place.run(&format!("{logits} --output ours.safetensors")).ok();
    let read = |file: &str| -> Vec<f32> {
        let file = StateDict::open(place.path(file)).unwrap();
        let tensor = file.get("logits").unwrap();
        tensor.data.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
    };
    let (ours, theirs) = (read("ours.safetensors"), read("theirs.safetensors"));
    assert_eq!(ours.len(), 24);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 1e-4, "{ours}, not {theirs}");
    }

    let card = run(&python, CARD, &["runs/tables/tiny/soup.md"], &place);
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    assert_eq!((&card["library"], &card["license"]), (&"timm".into(), &"unknown".into()), "{card}");
    let [dataset, metric, value] = [0, 1, 2].map(|at| &card["results"][0][at]);
    assert_eq!((dataset, metric), (&"shapes".into(), &"accuracy".into()), "{card}");
    let scores = place.json("runs/tables/tiny/table.json");
    let rows = scores["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["method"] == note["method"]).unwrap();
    assert_eq!(*value, row["cells"][0]["test"]["value"], "{card}");
    assert_eq!(place.read("runs/tables/tiny/soup.md"), place.read("runs/tables/tiny/timm/README.md"));
}

/// Returns a Python that has timm, if there is one.
fn python() -> Option<String> {
    let python = std::env::var("FF_TIMM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    works(&[&python, "-c", "import timm, safetensors.torch, huggingface_hub"]).then_some(python)
}

fn run(python: &str, script: &str, words: &[&str], place: &Place) -> String {
    let output =
        Command::new(python).arg("-c").arg(script).args(words).current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
