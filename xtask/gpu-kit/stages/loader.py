"""Whole epochs of `ff-train` on image files: speed, and the share of time that waits for images."""

import json
import shutil
from functools import partial

from harness.figures import median, rate, ratio, share
from harness.kit import Kit
from harness.options import HERE
from harness.photos import photos
from harness.stage import Case, Figures

SHRUNK = 256


def cases(kit: Kit) -> list[Case]:
    """Return a case for decoding each time, and one for the cache of shrunk images."""
    network = "resnet_pico, 32 px" if kit.options.quick else "resnet50, 224 px, bf16"
    sources = [("from image files", None), ("from the cache of shrunk images", SHRUNK)]
    return [Case(f"{network}, {name}", partial(epochs, shrink)) for name, shrink in sources]


def epochs(shrink: int | None, kit: Kit) -> Figures:
    """Train three epochs."""
    images = photos(kit)
    runs = kit.work / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    values = [f"dataset.split={images.split}"]
    if kit.options.quick:
        small = ["architecture=resnet_pico", "image_size=32", "precision=fp32"]
        values += [f"model.{value}" for value in small] + ["train.batch_size=8", "train.epochs=2"]
    if shrink:
        values.append(f"dataset.shrink_px={shrink}")
    sets = [word for value in values for word in ("--set", value)]
    words = ["--config", HERE / "configs" / "loader.toml", "--data-root", images.folder, "--runs", runs]
    kit.run("ff-train", "finetune", *words, "--device", kit.options.device, *sets)
    lines = (runs / "loader" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    keys = ["images", "seconds", "data_seconds"]
    history = [{key: epoch[key] for key in keys} for epoch in map(json.loads, lines)]
    shutil.rmtree(runs, ignore_errors=True)
    return {"epochs": history, "images": images.what}


def row(case: str, figures: Figures, eager: float | None) -> list[str]:
    """Return a case's line, beside the images per second of eager steps."""
    later = figures["epochs"][1:]
    speed = median([epoch["images"] / epoch["seconds"] for epoch in later])
    waits = median([epoch["data_seconds"] / epoch["seconds"] for epoch in later])
    first = figures["epochs"][0]
    before = rate(first["images"] / first["seconds"])
    remark = f"{first['images']} images an epoch, {figures['images']}; first epoch {before}"
    return [case, rate(speed), rate(eager), ratio(speed, eager), share(waits), remark]
