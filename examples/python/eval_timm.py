"""Prints the accuracy of a timm model on class folders: python eval_timm.py WEIGHTS DATA --model resnet18"""
import argparse
import csv

import safetensors.torch
import timm
import torch
from torchvision.datasets import ImageFolder

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("weights", help="safetensors, or a checkpoint of timm's train.py")
parser.add_argument("data", help="folder with a folder of validation images for each class")
parser.add_argument("--model", required=True, help="timm's name of the model")
parser.add_argument("--img-size", type=int, help="side of the images in pixels, if it is not the network's usual")
parser.add_argument("--predictions", help="CSV file to write logits and targets to, as ff-eval reads it")
parser.add_argument("--bn-images", help="class folders of training images, to recompute BatchNorm statistics")
parser.add_argument("--save", help="file to write the weights with recomputed statistics to")
args = parser.parse_args()

images = ImageFolder(args.data)
model = timm.create_model(args.model, num_classes=len(images.classes))
if args.weights.endswith(".safetensors"):
    weights = safetensors.torch.load_file(args.weights)
else:
    with torch.serialization.safe_globals([argparse.Namespace]):  # train.py's options
        weights = torch.load(args.weights, map_location="cpu", weights_only=True)
    weights = weights.get("state_dict", weights)
model.load_state_dict(weights)
device = "cuda" if torch.cuda.is_available() else "cpu"
model.to(device).eval()
options = {"img_size": args.img_size} if args.img_size else {}
transform = timm.data.create_transform(**timm.data.resolve_data_config(options, model=model))


@torch.inference_mode()
def run(dataset):
    dataset.transform = transform
    loader = torch.utils.data.DataLoader(dataset, batch_size=64, num_workers=2)
    batches = [(model(batch.to(device)).float().cpu(), targets) for batch, targets in loader]
    return [torch.cat(parts) for parts in zip(*batches)]


if args.bn_images:  # of single models too, so that all candidates are treated alike
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    run(ImageFolder(args.bn_images))
    model.eval()
if args.save:
    safetensors.torch.save_model(model, args.save)
logits, targets = run(images)
if args.predictions:
    with open(args.predictions, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["target"] + [f"logit_{output}" for output in range(logits.shape[1])])
        rows.writerows([target] + row for target, row in zip(targets.tolist(), logits.tolist()))
print((logits.argmax(1) == targets).double().mean().item())
