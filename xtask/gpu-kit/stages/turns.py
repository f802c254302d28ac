"""Ours and the peer's in turn, so that slow minutes of a machine affect both."""

from collections.abc import Callable, Iterable

from harness.figures import median
from harness.process import Failed, LeftOut

Measure = Callable[[], float]


def in_turn(rounds: int, measures: dict[str, Measure]) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Call all measures in turn; return the values of each, and why one has none.

    A measure that fails is not called again. Only the failure of `ours` fails the case.
    """
    values: dict[str, list[float]] = {name: [] for name in measures}
    errors: dict[str, str] = {}
    for _ in range(rounds):
        for name, measure in measures.items():
            if name in errors:
                continue
            try:
                values[name].append(measure())
            except (Failed, LeftOut) as error:
                if name == "ours":
                    raise
                errors[name] = str(error)
    return values, errors


def medians(values: dict[str, list[float]]) -> dict[str, float | None]:
    """Return the median of each list; nothing for an empty one."""
    return {name: median(found) if found else None for name, found in values.items()}


def remarks(errors: Iterable[str]) -> str:
    """Return the reasons for missing figures, each once."""
    return "; ".join(dict.fromkeys(errors))
