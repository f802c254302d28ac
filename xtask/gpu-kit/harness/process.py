"""Commands with time limits, whose whole process group ends with them."""

import ctypes
import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A case that failed, with the reason in one line."""


class LeftOut(Exception):
    """A case that cannot run here, with the reason in one line."""


class CutOff(Exception):
    """The time of the stage ended while a command ran."""


@dataclass(frozen=True)
class Output:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    def error(self) -> str:
        """Return the line that says what went wrong: a program's `error:`, else the last line."""
        lines = [line.strip() for line in (self.stderr.strip() or self.stdout.strip()).splitlines() if line.strip()]
        named = [line for line in lines if line.startswith("error:")]
        raised = [line for line in lines if re.match(r"[\w.]*Error: ", line)]
        return (named or raised or lines or [f"exit code {self.code}"])[-1]


def of_own_group() -> None:
    """In the child: a process group of its own, and SIGTERM if the kit is killed."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(child: subprocess.Popen) -> None:
    """Stop a process with its children: SIGTERM, after five seconds SIGKILL."""
    for number, patience in [(signal.SIGTERM, 5), (signal.SIGKILL, None)]:
        try:
            os.killpg(child.pid, number)
            child.wait(patience)
        except ProcessLookupError:
            child.wait()
        except subprocess.TimeoutExpired:
            continue


@dataclass(frozen=True)
class Running:
    """A command that runs, and the files without names that its two outputs go to."""

    child: subprocess.Popen
    out: IO[bytes]
    err: IO[bytes]


def start(words: list[str], environment: dict[str, str]) -> Running:
    """Start a command."""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, preexec_fn=of_own_group
    )
    return Running(child, out, err)


def finish(running: Running, timeout: float, until: float) -> Output:
    """Wait for a command.

    Raises `Failed` after `timeout` seconds, and `CutOff` at the time `until` of `time.monotonic`.
    """
    child, started = running.child, time.monotonic()
    try:
        child.wait(max(0.1, min(timeout, until - started)))
    except subprocess.TimeoutExpired:
        if time.monotonic() >= until:
            raise CutOff from None
        raise Failed(f"{Path(child.args[0]).name}: no end within {timeout:.0f} s") from None
    finally:
        if child.poll() is None:
            end(child)
    took = time.monotonic() - started
    out, err = [text(file) for file in (running.out, running.err)]
    return Output(child.returncode, out, err, took)


def text(file: IO[bytes]) -> str:
    """Return what a command wrote, and close the file."""
    with file:
        file.seek(0)
        return file.read().decode(errors="replace")
