"""Prints the AUROC of a MONAI network on class folders: python eval_monai.py WEIGHTS DATA"""
import sys
from pathlib import Path

import safetensors.torch
import torch
from monai.data import DataLoader, Dataset
from monai.metrics import ROCAUCMetric
from monai.networks.nets import DenseNet121
from monai.transforms import AsDiscrete, Compose, EnsureChannelFirstd, LoadImaged, Resized, ScaleIntensityd

weights, data = sys.argv[1], Path(sys.argv[2])
classes = sorted(folder.name for folder in data.iterdir() if folder.is_dir())
files = [(file, at) for at, name in enumerate(classes) for file in sorted((data / name).iterdir())]
items = [{"image": str(file), "class": at} for file, at in files]
load = [LoadImaged("image"), EnsureChannelFirstd("image"), ScaleIntensityd("image")]
images = Dataset(items, Compose([*load, Resized("image", (64, 64))]))
loader = DataLoader(images, batch_size=64, num_workers=2)

# Your network, as it was trained.
network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=len(classes))
if weights.endswith(".safetensors"):
    network.load_state_dict(safetensors.torch.load_file(weights))
else:
    saved = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict(saved.get("model", saved))
device = "cuda" if torch.cuda.is_available() else "cpu"
network.to(device).eval()

auroc, one_hot = ROCAUCMetric(average="macro"), AsDiscrete(to_onehot=len(classes))
with torch.inference_mode():
    for batch in loader:
        predicted = network(batch["image"].to(device)).softmax(1).cpu()
        auroc(list(predicted), [one_hot(target) for target in batch["class"]])
print(auroc.aggregate())
