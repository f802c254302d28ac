"""Predicts the images below a folder with timm and a PyTorch DataLoader, as `ff-models predict` does.

It is what docs/measurements/performance.md compares `ff-models predict` with.

    python predict_timm.py --model runs/tables/NAME/timm --images FOLDER --output predictions.csv
"""

import argparse
import csv
from pathlib import Path

import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True, help="folder that timm loads")
parser.add_argument("--images", required=True, type=Path)
parser.add_argument("--output", required=True)
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--batch", type=int, default=32)
options = parser.parse_args()


class Images(Dataset):
    """Image files, normalised."""

    def __init__(self, files, side, mean, std):
        self.files = files
        self.transform = transforms.Compose(
            [
                transforms.Resize((side, side), antialias=True),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.transform(Image.open(self.files[index]).convert("RGB"))


model = timm.create_model(f"local-dir:{options.model}", pretrained=True)
model = model.eval().to(memory_format=torch.channels_last)
config = model.pretrained_cfg
files = sorted(path for path in options.images.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
images = Images(files, config["input_size"][1], config["mean"], config["std"])
loader = DataLoader(images, batch_size=options.batch, num_workers=options.workers)
at = 0
with open(options.output, "w", newline="") as file, torch.inference_mode():
    writer = csv.writer(file)
    writer.writerow(["path", *(f"probability_{name}" for name in config["label_names"])])
    for batch in loader:
        probabilities = model(batch.contiguous(memory_format=torch.channels_last)).softmax(-1).tolist()
        for row in probabilities:
            writer.writerow([files[at], *row])
            at += 1
