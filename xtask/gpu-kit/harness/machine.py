"""What the results were measured on: `machine.json`."""

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.files import write_json
from harness.kit import Kit, libraries, version
from harness.options import Options

# Results with another value in one of these are not comparable.
IDENTITY = ["gpus", "processor", "cores", "torch", "device", "quick"]


def gpus() -> list[dict[str, str]]:
    """Return name, driver and memory of each card, as nvidia-smi prints them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    if shutil.which(query[0]) is None:
        return []
    printed = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    lines = printed.stdout.splitlines() if printed.returncode == 0 else []
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    return [dict(zip(["name", "driver", "memory"], row)) for row in rows if len(row) == 3]


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
        "gpus": gpus(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "timm": version("timm"),
        "programs": kit.run("ff-models", "--version").stdout.strip(),
        "libtorch": str(found[0]) if found else "that of the programs' run path",
        "device": kit.options.device,
        "quick": kit.options.quick,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["./run.sh", *sys.argv[1:]]),
    }


def settle(kit: Kit) -> str | None:
    """Write machine.json, and return why these results cannot be continued here, if so.

    With `--again`, the results of another machine or of other settings are removed.
    """
    options = kit.options
    path, here = options.results / "machine.json", describe(kit)
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in IDENTITY if there.get(name) != here[name]]
        if differing and not options.again:
            name = differing[0]
            expected, found = json.dumps(here[name]), json.dumps(there.get(name))
            return (
                f"{path}: expected results with {name} = {expected}, found {found}\n"
                "hint: `--results DIR` starts a new folder; `--again` replaces these results"
            )
        if differing:
            remove(options)
    write_json(path, here)
    return None


def remove(options: Options) -> None:
    """Remove the results of every stage."""
    for path in options.results.iterdir():
        if path.is_file() and path.name.endswith((".json", ".md", ".partial.jsonl")):
            path.unlink()
    shutil.rmtree(options.results / "work", ignore_errors=True)
