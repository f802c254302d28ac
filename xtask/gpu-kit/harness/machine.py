"""What the results were measured on: `machine.json`."""

import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.files import write_json
from harness.kit import PROGRAMS, Kit, libraries, version

# Results with another value in one of these are not comparable.
IDENTITY = ["gpus", "processor", "cores", "torch", "timm", "programs", "images", "device", "quick"]


def gpus(device: str) -> list[dict[str, str]]:
    """Return name, driver and memory of the card, as nvidia-smi prints them.

    Of all cards, if a choice of visible ones hides which it is.
    """
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    if shutil.which(query[0]) is None:
        return []
    try:
        printed = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return []
    lines = printed.stdout.splitlines() if printed.returncode == 0 else []
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    found = [dict(zip(["name", "driver", "memory"], row)) for row in rows if len(row) == 3]
    number = int(device.partition(":")[2] or 0)
    chosen = "CUDA_VISIBLE_DEVICES" not in os.environ and device != "cpu" and number < len(found)
    return [found[number]] if chosen else found


def programs(kit: Kit) -> str:
    """Return the programs' version with a hash of their files."""
    content = hashlib.sha256()
    for name in PROGRAMS:
        content.update(Path(kit.path(name)).read_bytes())
    return f"{kit.run('ff-models', '--version').stdout.strip()}, {content.hexdigest()[:12]}"


def processor() -> str:
    """Return the processor's model."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def describe(kit: Kit) -> dict[str, Any]:
    """Return the machine, the software and the command line."""
    found = libraries()
    return {
        "gpus": gpus(kit.options.device),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "timm": version("timm"),
        "programs": programs(kit),
        "images": str(kit.options.images) if kit.options.images else None,
        "libtorch": str(found[0]) if found else "that of the programs' run path",
        "device": kit.options.device,
        "quick": kit.options.quick,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["./run.sh", *sys.argv[1:]]),
    }


def settle(kit: Kit, stages: list[str]) -> str | None:
    """Write machine.json, and return why these results cannot be continued here, if so.

    With `all --again`, the results of another machine or of other settings are removed.
    """
    options = kit.options
    path, here = options.results / "machine.json", describe(kit)
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in IDENTITY if there.get(name) != here[name]]
        if differing and not (options.again and options.stages == stages):
            name = differing[0]
            expected, found = json.dumps(here[name]), json.dumps(there.get(name))
            return (
                f"{path}: expected results with {name} = {expected}, found {found}\n"
                "hint: `--results DIR` starts a new folder; `all --again` replaces these results"
            )
        if differing:
            for name in stages:
                for ending in [".json", ".md", ".partial.jsonl"]:
                    (options.results / f"{name}{ending}").unlink(missing_ok=True)
            shutil.rmtree(options.results / "work", ignore_errors=True)
    write_json(path, here)
    return None
