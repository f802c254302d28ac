"""Runs of training that are repeated, killed and resumed, and moved to the CPU.

In deterministic mode two runs give equal bits, whether one was killed or not. The table has every
kind of training job: pretraining, a probe, fine-tuning and Fast Geometric Generation.
"""

import shutil
import time
from pathlib import Path

from harness.kit import Kit
from harness.process import Failed, end
from harness.stage import Case, Figures
from stages import grid

QUICK = [
    "model.image_size=32",
    "backbone.0.architecture=resnet_pico",
    "dataset.source.train=96",
    "dataset.source.image_size=32",
    "pretrain.source.train=96",
    "pretrain.source.image_size=32",
    "finetune.epochs=2",
]
LOSSES = 0.02
# Kinds of jobs in which the run is killed, as soon as one has a resume point.
KILLED_IN = ["finetune", "fgg"]


def cases(_: Kit) -> list[Case]:
    """Return the checks; each starts with the undisturbed run if there is none."""
    return [
        Case("runs: the same run twice", twice),
        Case("runs: killed and resumed", killed),
        Case("runs: the CPU and the device", on_cpu),
    ]


def fresh(kit: Kit, name: str) -> Path:
    """Return a runs folder that does not exist yet."""
    runs = kit.work / name
    shutil.rmtree(runs, ignore_errors=True)
    return runs


def values(kit: Kit) -> list[str]:
    """Return the overrides of the configuration."""
    return QUICK if kit.options.quick else []


def whole(kit: Kit) -> Path:
    """Return the folder of the undisturbed run, which is run unless it is there."""
    done = kit.work / "whole"
    if not done.is_dir():
        runs = fresh(kit, "whole.partial")
        grid.run(kit, "right", runs, kit.options.device, values(kit))
        runs.rename(done)
    return done


def equal(kit: Kit, runs: Path, what: str) -> Figures:
    """Compare all weights and predictions of a run with the undisturbed run's."""
    differ, files = grid.differing(whole(kit), runs)
    check = {"what": f"weights of {files} files, {what}", "difference": differ, "limit": 0, "ok": differ == 0}
    shutil.rmtree(runs, ignore_errors=True)
    return {"checks": [check], "ok": differ == 0}


def twice(kit: Kit) -> Figures:
    """Run the table a second time."""
    whole(kit)
    runs = fresh(kit, "twice")
    grid.run(kit, "right", runs, kit.options.device, values(kit))
    return equal(kit, runs, "two runs")


def killed(kit: Kit) -> Figures:
    """Stop the table inside a fine-tuning and inside a cyclic run, and resume it."""
    whole(kit)
    runs = fresh(kit, "killed")
    words = grid.words("right", runs, kit.options.device, values(kit))
    for kind in KILLED_IN:
        running = kit.start("ff-grid", *words)
        try:
            while running.child.poll() is None and time.monotonic() < kit.until:
                if any((runs / "jobs").glob(f"{kind}-*/resume-*.safetensors")):
                    break
                time.sleep(0.005)
            running.child.terminate()
            output = kit.finish(running)
        finally:
            if running.child.poll() is None:
                end(running.child)
        if output.code != 1 or "interrupted" not in output.stderr:
            found = f"exit code {output.code}: {output.error()}"
            raise Failed(f"killed in {kind}: expected an interrupted run, found {found}")
    grid.run(kit, "right", runs, kit.options.device, values(kit))
    return equal(kit, runs, f"killed in {' and '.join(KILLED_IN)}, and resumed")


def on_cpu(kit: Kit) -> Figures:
    """Run the table on the CPU, and compare the losses of every epoch of every training run."""
    runs = fresh(kit, "cpu")
    grid.run(kit, "right", runs, "cpu", values(kit))
    here, there = grid.histories(whole(kit)), grid.histories(runs)
    if here.keys() != there.keys() or not here:
        raise Failed(f"expected the training runs {sorted(there)}, found {sorted(here)}")
    checks = []
    for name in ["train_loss", "validation_loss"]:
        pairs = [(a[name], b[name]) for job in there for a, b in zip(here[job], there[job], strict=True)]
        difference = max(abs(a - b) / abs(b) for a, b in pairs)
        what = f"{name} of {len(pairs)} epochs, device and CPU"
        checks.append({"what": what, "difference": difference, "limit": LOSSES, "ok": difference <= LOSSES})
    shutil.rmtree(runs, ignore_errors=True)
    return {"checks": checks, "ok": all(check["ok"] for check in checks)}
