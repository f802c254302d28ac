"""Numbers as the tables show them."""

import statistics


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def rate(value: float | None) -> str:
    """Return images per second or milliseconds, with digits by size."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(ours: float | None, theirs: float | None) -> str:
    """Return how many times the second the first is."""
    return f"{ours / theirs:.2f}" if ours and theirs else "–"


def share(part: float | None) -> str:
    """Return a share as per cent."""
    return "–" if part is None else f"{100 * part:.1f} %"


def small(value: float | None) -> str:
    """Return a difference."""
    return "–" if value is None else "0" if value == 0 else f"{value:.1e}"


def mark(ok: bool) -> str:
    """Return the result of a check."""
    return "ok" if ok else "**failed**"
