"""Run stages that prove and measure the GPU path, and keep their results.

The exit code is 0 if every case ran and every check holds, 1 if one failed, 75 if the time was
over before the last case (the same command resumes), and 2 for a wrong command line.
"""

import signal
import sys

from harness import machine
from harness.kit import FIRST_TRY, PROGRAMS, Kit, libraries
from harness.options import parse
from harness.process import CutOff, Failed
from harness.stage import all_good, finished_before, markdown, run, say, show
from stages import STAGES

FAILED = 1
UNFINISHED = 75


def stopped(number: int, _: object) -> None:
    """End the kit at a signal; the command that runs ends with it."""
    sys.exit(128 + number)


def check_device(kit: Kit) -> str | None:
    """Return why the programs or the device cannot be used, if so, in the program's own words."""
    missing = [kit.path(name) for name in PROGRAMS if not (kit.options.programs / name).is_file()]
    if missing:
        return (
            f"error: {missing[0]}: expected a program, found none\n"
            "hint: pack the kit with `cargo xtask gpu-kit --output DIR`, or name their folder with --programs"
        )
    small = ["--arch", "resnet_pico", "--batch", 2, "--image-size", 32, "--iters", 1, "--warmup", 1]
    try:
        output = kit.run("ff-models", "bench", *small, "--device", kit.options.device, check=False)
    except (CutOff, Failed, OSError) as error:
        return f"error: {kit.path('ff-models')}: {str(error) or f'no end within {FIRST_TRY} s'}"
    if output.code == 0:
        return None
    hint = "" if libraries() else "\nhint: set PYTHON to a Python with torch 2.11, whose libtorch the programs then use"
    return (output.stderr.strip() or f"error: ff-models: exit code {output.code}") + hint


def main() -> int:
    """Run the stages of the command line and return the exit code."""
    for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
        signal.signal(number, stopped)
    names = [stage.name for stage in STAGES]
    options = parse(sys.argv[1:], names)
    try:
        return work(Kit(options), names)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Nothing can be written, or a file of results is damaged.
        print(f"error: {options.results}: {type(error).__name__}: {error}", file=sys.stderr)
        print("hint: `--results DIR` starts a new folder", file=sys.stderr)
        return FAILED


def work(kit: Kit, names: list[str]) -> int:
    """Run the stages and return the exit code."""
    options = kit.options
    if why := check_device(kit):
        print(why, file=sys.stderr)
        return FAILED
    if why := machine.settle(kit, names):
        print(f"error: {why}", file=sys.stderr)
        return FAILED
    finished = good = True
    for stage in STAGES:
        if stage.name not in options.stages:
            continue
        before = None if options.again else finished_before(kit, stage.name)
        if before:
            say(f"[{stage.name}] finished before; --again runs it again")
            show(markdown(before))
            good &= all_good(before["cases"])
        else:
            whole, sound = run(stage, kit)
            finished, good = finished and whole, good and sound
    return FAILED if not good else 0 if finished else UNFINISHED


if __name__ == "__main__":
    sys.exit(main())
