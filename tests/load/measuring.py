"""What a bench measured: lines, several rounds of them put together, and the table for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.markup import escape
from rich.table import Table

from infra.local.stack import Stack

TICKS_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One measured number, its goal where there is one, and the raw limit that it is a share of."""

    work: str
    value: float
    unit: str
    share_of: str = ""
    share: float | None = None
    goal: str = ""
    met: bool | None = None
    p99_ms: float | None = None
    cpu_us: float | None = None  # of the service and PostgreSQL, for each request


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def document_of(rounds: Sequence[Sequence[Line]]) -> list[dict[str, Any]]:
    """Every line with the median, least and most of all rounds."""
    return [
        {
            "work": line.work,
            "unit": line.unit,
            "share_of": line.share_of,
            "goal": line.goal,
            "met": [one.met for one in same],
            **{
                name: spread
                for name in ("value", "share", "p99_ms", "cpu_us")
                if (spread := _spread([getattr(one, name) for one in same])) is not None
            },
        }
        for line, *rest in zip(*rounds, strict=True)
        for same in ([line, *rest],)
    ]


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return {"median": median(known), "min": min(known), "max": max(known)} if known else None


def table_of(rounds: Sequence[Sequence[Line]], title: str) -> Table:
    """The lines for a person; of several rounds the median, with the least and the most."""
    several = len(rounds) > 1
    table = Table(title=f"{title}{f', {len(rounds)} rounds' if several else ''}", title_justify="left")
    for heading in ("work", "measured", "share", "goal", "", "p99", "CPU each"):
        table.add_column(heading, justify="left" if heading in ("work", "") else "right")
    for line in document_of(rounds):
        digits = 3 if line["unit"] == "s" else 2 if line["unit"] in ("ms", "times") else 0
        share = line.get("share")
        met = [one for one in line["met"] if one is not None]
        table.add_row(
            escape(line["work"]),
            f"{_shown(line['value'], digits, several=several)} {line['unit']}",
            "" if share is None else f"{_shown(share, 0, several=several, by='%')} of {line['share_of']}",
            line["goal"],
            "" if not met else "met" if all(met) else "missed" if not any(met) else "sometimes",
            f"{line['p99_ms']['median']:.0f} ms" if "p99_ms" in line else "",
            f"{line['cpu_us']['median']:.0f} µs" if "cpu_us" in line else "",
        )
    return table


def _shown(spread: dict[str, float], digits: int, *, several: bool, by: str = "f") -> str:
    form = f",.{digits}{by}"
    middle = f"{spread['median']:{form}}"
    return f"{middle} ({spread['min']:{form}} to {spread['max']:{form}})" if several else middle


def cpu_seconds(stack: Stack, services: Sequence[int]) -> float:
    """CPU time that these processes and PostgreSQL have taken so far, its ended sessions included."""
    server = stack.servers.postgres.running()
    assert server is not None
    ticks = sum(_ticks(pid) for pid in services) + _ticks(server.pid, with_ended=True)
    for path in Path("/proc").glob("[0-9]*"):
        if _parent(path) == server.pid:
            ticks += _ticks(int(path.name))
    return ticks / TICKS_PER_SECOND


def _ticks(pid: int, *, with_ended: bool = False) -> int:
    fields = _stat(Path("/proc") / str(pid))
    return sum(int(field) for field in fields[11 : 15 if with_ended else 13])


def _parent(path: Path) -> int | None:
    fields = _stat(path)
    return int(fields[1]) if fields else None


def _stat(path: Path) -> list[str]:
    try:
        return (path / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
