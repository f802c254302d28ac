"""The programs, the peers and the time that a case works with."""

import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from harness.options import HERE, Options
from harness.process import Failed, LeftOut, Output, Running, finish, start

PROGRAMS = ["ff-models", "ff-train", "ff-grid", "ff-inmerge"]
# libtorch's part of a version that our programs are linked with.
TORCH = "2.11."
# Seconds for the first use of the device.
FIRST_TRY = 240


def version(package: str) -> str | None:
    """Return the version of a Python package without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def libraries() -> list[Path]:
    """Return the library folders of Python's torch; none if it is missing or of another version."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations or not (version("torch") or "").startswith(TORCH):
        return []
    torch = Path(list(spec.submodule_search_locations)[0])
    return [torch / "lib", *sorted((torch.parent / "nvidia").glob("*/lib"))]


class Kit:
    """The options, how to run programs, and the time at which the stage ends."""

    def __init__(self, options: Options) -> None:
        """Find the programs' libraries."""
        self.options = options
        # Each stage sets both. Before the first, the device is tried.
        self.work = options.results / "work"
        self.until = time.monotonic() + FIRST_TRY
        own = [str(folder) for folder in libraries()]
        before = [os.environ["LD_LIBRARY_PATH"]] if os.environ.get("LD_LIBRARY_PATH") else []
        self.environment = dict(os.environ)
        for name in ["FF_DATA_ROOT", "RUST_LOG"]:
            self.environment.pop(name, None)
        # Nothing is downloaded: every network starts from random weights or from the kit's own.
        self.environment["HF_HUB_OFFLINE"] = "1"
        path = {"LD_LIBRARY_PATH": os.pathsep.join([*own, *before])} if own else {}
        self.for_programs = {**self.environment, **path}

    def path(self, program: str) -> str:
        """Return the path of one of our programs."""
        return str(self.options.programs / program)

    def start(self, program: str, *words: object) -> Running:
        """Start one of our programs."""
        return start([self.path(program), *map(str, words)], self.for_programs)

    def finish(self, running: Running, timeout: float = 400) -> Output:
        """Wait for a command, within the time of the stage."""
        return finish(running, timeout, self.until)

    def run(self, program: str, *words: object, timeout: float = 400, check: bool = True) -> Output:
        """Run one of our programs; a failure is an error unless `check` is false."""
        output = self.finish(self.start(program, *words), timeout)
        if check and output.code != 0:
            raise Failed(output.error())
        return output

    def json(self, program: str, *words: object, timeout: float = 400) -> dict[str, Any]:
        """Run one of our programs with `--json` and return the object that it prints."""
        return parsed(self.run(program, *words, "--json", timeout=timeout))

    def peer(self, script: str, *words: object, timeout: float = 400) -> dict[str, Any]:
        """Run a peer's script and return the object in the last line that it prints."""
        self.needs_peer()
        command = [sys.executable, str(HERE / "peers" / script), *map(str, words)]
        output = self.finish(start(command, self.environment), timeout)
        if output.code != 0:
            raise Failed(f"{script}: {output.error()}")
        return json.loads(output.stdout.strip().splitlines()[-1])

    def peer_missing(self) -> str | None:
        """Return why there is no peer to compare with; nothing if there is one."""
        missing = [name for name in ["torch", "timm"] if importlib.util.find_spec(name) is None]
        return f"no peer: Python has no {' and no '.join(missing)}" if missing else None

    def needs_peer(self) -> None:
        """Leave the case out if there is no peer."""
        if why := self.peer_missing():
            raise LeftOut(why)


def parsed(output: Output) -> dict[str, Any]:
    """Return the JSON that a program printed."""
    try:
        return json.loads(output.stdout)
    except ValueError:
        raise Failed(output.error()) from None
