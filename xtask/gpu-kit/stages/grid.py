"""Tables of `ff-grid`: how to run one, and how to read its runs folder."""

import hashlib
import json
from pathlib import Path
from typing import Any

from harness.files import digest
from harness.kit import Kit
from harness.options import HERE
from harness.process import Failed

DURATIONS = {"seconds", "data_seconds", "wall_seconds"}


def words(config: str, runs: Path, device: str, values: list[str]) -> list[object]:
    """Return the arguments that run a table of the kit's configurations."""
    sets = [word for value in values for word in ("--set", value)]
    return ["run", "--config", HERE / "configs" / f"{config}.toml", "--runs", runs, "--device", device, *sets]


def tensors(runs: Path) -> dict[str, str]:
    """Return the digest of every file of weights and predictions, by its path in the runs folder."""
    files = sorted((runs / "jobs").rglob("*.safetensors"))
    return {str(path.relative_to(runs)): digest(path) for path in files}


def differing(expected: Path, found: Path) -> tuple[int, int]:
    """Return how many files of two runs differ, and how many there are."""
    here, there = tensors(expected), tensors(found)
    names = here.keys() | there.keys()
    if not names:
        raise Failed(f"{expected}: expected files of weights, found none")
    return sum(here.get(name) != there.get(name) for name in names), len(names)


def records(runs: Path) -> list[dict[str, Any]]:
    """Return the records of all finished jobs."""
    files = sorted((runs / "jobs").glob("*/record.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def histories(runs: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the epochs of every training run, by the job's identity."""
    found = {record["id"]: record["output"].get("training") for record in records(runs)}
    return {name: training["history"] for name, training in found.items() if training}


def untimed(value: Any) -> Any:
    """Return a value without durations."""
    if isinstance(value, dict):
        return {key: untimed(inner) for key, inner in value.items() if key not in DURATIONS}
    return [untimed(inner) for inner in value] if isinstance(value, list) else value


def table_digest(path: Path) -> str:
    """Return a hash of a table's scores and costs, without durations."""
    table = untimed(json.loads(path.read_text(encoding="utf-8")))
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def run(kit: Kit, config: str, runs: Path, device: str, values: list[str]) -> float:
    """Run a table and return the seconds that it took."""
    return kit.run("ff-grid", *words(config, runs, device, values)).seconds
