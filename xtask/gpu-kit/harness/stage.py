"""A stage: cases that run one after the other, each kept as soon as it is finished."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.files import append_line, read_lines, write_json, write_whole
from harness.kit import Kit
from harness.process import CutOff, Failed, LeftOut

Figures = dict[str, Any]
# Seconds that a case may take after the limit, after which no case is started.
GRACE = 20.0
RESUME = "the same command without --again resumes"


@dataclass(frozen=True)
class Case:
    """One measurement or check. `run` returns its figures; `ok = False` in them is a failed check."""

    name: str
    run: Callable[[Kit], Figures]


@dataclass(frozen=True)
class Stage:
    """Cases with one table. `rows` makes the lines of one finished case, of all finished cases."""

    name: str
    title: str
    columns: list[str]
    cases: Callable[[Kit], list[Case]]
    rows: Callable[[str, Figures, dict[str, Figures]], list[list[str]]]
    notes: list[str] = field(default_factory=list)


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def published(kit: Kit, name: str) -> dict[str, Any] | None:
    """Return the results of a stage as they were written last."""
    path = kit.options.results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def finished_before(kit: Kit, name: str) -> dict[str, Any] | None:
    """Return the results of a stage if they are complete and nothing in them is worth another try."""
    whole = published(kit, name)
    again = whole is None or not whole["finished"] or any(is_worth_a_try(kit, one) for one in whole["cases"])
    return None if again else whole


def is_worth_a_try(kit: Kit, record: dict[str, Any]) -> bool:
    """Return whether a case failed, or lacks a peer that is there now."""
    errors = record["figures"].get("errors", {})
    lacks_peer = kit.peer_missing() is None and any(name in errors for name in ["all", "eager", "compile"])
    return record["status"] == "failed" or lacks_peer


def all_good(records: list[dict[str, Any]]) -> bool:
    """Return whether no case failed and every check holds."""
    return all(record["status"] != "failed" and record["figures"].get("ok", True) for record in records)


def attempt(case: Case, kit: Kit) -> dict[str, Any]:
    """Run a case and return its record. A failure is a record too."""
    started = time.monotonic()
    status, note, figures = "done", "", {}
    try:
        figures = case.run(kit)
    except Failed as error:
        status, note = "failed", str(error)
    except LeftOut as why:
        status, note = "left out", str(why)
    except (OSError, ValueError, KeyError, IndexError, TypeError, ZeroDivisionError) as error:
        status, note = "failed", f"{type(error).__name__}: {error}"
    took = round(time.monotonic() - started, 1)
    return {"case": case.name, "status": status, "note": note, "seconds": took, "figures": figures}


def run(stage: Stage, kit: Kit) -> tuple[bool, bool]:
    """Run the cases that have no record yet; return whether all are finished, and whether all are good."""
    options = kit.options
    partial = options.results / f"{stage.name}.partial.jsonl"
    kit.work = options.results / "work" / stage.name
    if options.again:
        partial.unlink(missing_ok=True)
        shutil.rmtree(kit.work, ignore_errors=True)
    before = [] if options.again else (published(kit, stage.name) or {"cases": []})["cases"]
    # What ran last counts.
    records = {record["case"]: record for record in [*before, *read_lines(partial)]}
    records = {name: record for name, record in records.items() if not is_worth_a_try(kit, record)}
    started, first = time.monotonic(), True
    kit.until = started + options.limit + GRACE
    cases = stage.cases(kit)
    for case in [case for case in cases if case.name not in records]:
        if not first and time.monotonic() - started > options.limit:
            break
        say(f"[{stage.name}] {case.name}")
        try:
            record = attempt(case, kit)
        except CutOff:
            # A case that had the whole time of a call would never end.
            if not first:
                break
            note = f"no end within {options.limit + GRACE:.0f} s"
            record = {"case": case.name, "status": "failed", "note": note, "seconds": options.limit, "figures": {}}
        first = False
        if record["note"]:
            say(f"[{stage.name}] {case.name}: {record['status']}: {record['note']}")
        append_line(partial, record)
        records[case.name] = record
    ordered = [records[case.name] for case in cases if case.name in records]
    finished = len(ordered) == len(cases)
    publish(stage, kit, ordered, finished)
    left = len(cases) - len(ordered)
    if finished:
        partial.unlink(missing_ok=True)
        shutil.rmtree(kit.work, ignore_errors=True)
    else:
        say(f"[{stage.name}] unfinished: {left} of {len(cases)} cases left; {RESUME}")
    return finished, all_good(ordered)


def publish(stage: Stage, kit: Kit, records: list[dict[str, Any]], finished: bool) -> None:
    """Write the stage's JSON and Markdown, and print the table."""
    done = {record["case"]: record["figures"] for record in records if record["status"] == "done"}
    rows = []
    for record in records:
        if record["status"] == "done":
            rows += stage.rows(record["case"], record["figures"], done)
        else:
            rows.append([record["case"], f"{record['status']}: {record['note']}"])
    rows = [[*row, *[""] * (len(stage.columns) - len(row))] for row in rows]
    whole = {
        "stage": stage.name,
        "title": stage.title,
        "notes": stage.notes,
        "finished": finished,
        "device": kit.options.device,
        "quick": kit.options.quick,
        "seconds": round(sum(record["seconds"] for record in records), 1),
        "columns": stage.columns,
        "rows": rows,
        "cases": records,
    }
    text = markdown(whole)
    write_whole(kit.options.results / f"{stage.name}.md", text)
    write_json(kit.options.results / f"{stage.name}.json", whole)
    show(text)


def show(text: str) -> None:
    """Print to stdout. A reader that has closed it, as `head` does, misses only what is printed."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def markdown(whole: dict[str, Any]) -> str:
    """Return a stage's table as Markdown."""
    line = lambda cells: "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"  # noqa: E731
    table = [line(whole["columns"]), "|" + "---|" * len(whole["columns"]), *map(line, whole["rows"])]
    notes = [f"- {note}" for note in whole["notes"]]
    unfinished = [] if whole["finished"] else ["", f"Unfinished: {RESUME}."]
    head = [f"## {whole['stage']}", "", whole["title"], "", *table]
    return "\n".join([*head, *([""] if notes else []), *notes, *unfinished]) + "\n"
