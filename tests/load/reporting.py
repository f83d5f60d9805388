"""What a run of many identity providers was like: kept as JSON, shown as tables."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console as Terminal
from rich.table import Table

from infra.identity_providers.speaking import Speaker, Tally
from tests.load.lateness import Lateness, percentile
from tests.load.onboarding import Participant, Plan

NOT_COMPARED = "not compared: the gateway runs elsewhere"


@dataclass(frozen=True, slots=True)
class Line:
    """One customer of the run; milliseconds of answers, seconds from accepted to applied."""

    slug: str
    dialect: str
    people: int
    requests: int
    answers_ms: dict[str, dict[str, float]]
    p50_ms: float
    p99_ms: float
    joiners: int
    joiner_p50_s: float | None
    joiner_p95_s: float | None
    leavers: int
    leaver_p50_s: float | None
    leaver_p95_s: float | None
    movers: int
    mover_p50_s: float | None
    mover_p95_s: float | None
    group_joins: int
    group_join_p50_s: float | None
    group_join_p95_s: float | None
    rounds: int
    happened: dict[str, int]
    errors: dict[str, int]
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """Everything about one run."""

    plan: Plan
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0
    settled_after: float | None = None
    interrupted: bool = False
    compared: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Every problem, with whose it is."""
        return [
            *self.problems,
            *(f"{line.slug}: {problem}" for line in self.lines for problem in line.problems),
        ]

    @property
    def exit_code(self) -> int:
        """0 only if nothing is wrong or lost; 130 for a run that was cut short and found nothing wrong."""
        return 1 if self.wrong else (130 if self.interrupted else 0)

    def errors(self) -> Counter[str]:
        """Errors by kind, of all together."""
        found: Counter[str] = Counter()
        for line in self.lines:
            found.update(line.errors)
        return found

    def as_document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "idps": len(self.lines),
            "people": self.plan.people,
            "minutes": self.plan.minutes,
            "seed": self.plan.seed,
            "time_factor": self.plan.factor,
            "seconds": self.seconds,
            "settled_after_s": self.settled_after,
            "interrupted": self.interrupted,
            "requests": sum(line.requests for line in self.lines),
            "errors": dict(self.errors()),
            "compared": self.compared,
            "wrong": self.wrong,
            "customers": [asdict(line) for line in self.lines],
        }

    def save(self, path: Path) -> None:
        """Write the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(self.as_document(), option=orjson.OPT_INDENT_2))


def line_of(participant: Participant, speaker: Speaker, late: Lateness, problems: Sequence[str]) -> Line:
    """The line of one customer."""
    idp, tally = speaker.idp, speaker.tally
    began = time.time() - speaker.clock()  # the run's clock in seconds of the epoch
    joins = late.group_joins({key: began + taken for key, taken in idp.beliefs.joined.items()})
    return Line(
        participant.slug,
        participant.dialect.name,
        len(idp.beliefs.links),
        tally.requests,
        _by_purpose(tally),
        tally.percentile(0.5) * 1000,
        tally.percentile(0.99) * 1000,
        len(late.joiners),
        percentile(late.joiners, 0.5),
        percentile(late.joiners, 0.95),
        len(late.leavers),
        percentile(late.leavers, 0.5),
        percentile(late.leavers, 0.95),
        len(late.movers),
        percentile(late.movers, 0.5),
        percentile(late.movers, 0.95),
        len(joins),
        percentile(joins, 0.5),
        percentile(joins, 0.95),
        idp.agenda.cycle.number,
        dict(idp.life.happened) if idp.life is not None else {},
        errors_of(speaker),
        list(problems),
    )


def errors_of(speaker: Speaker) -> dict[str, int]:
    """What did not go smoothly, by kind; an answer that was lost on purpose is one."""
    idp, tally = speaker.idp, speaker.tally
    found: Counter[str] = Counter(idp.beliefs.errors) + Counter(idp.agenda.refused)
    found["answer lost on purpose"] = tally.lost
    found["put off (429, 503)"] = tally.put_off
    found["quarantine"] = idp.agenda.cycle.quarantines
    for kind, count in tally.silence.items():
        found[f"no answer: {kind}"] = count
    return {kind: count for kind, count in sorted(found.items()) if count}


def show(report: Report, terminal: Terminal) -> None:
    """The tables for a person."""
    terminal.print(_customers(report))
    for kind, count in report.errors().most_common():
        terminal.print(f"  {count:>7,}  {kind}")
    terminal.print(_ends(report.lines))
    requests = sum(line.requests for line in report.lines)
    people = sum(line.people for line in report.lines)
    terminal.print(
        f"{len(report.lines)} identity providers, {people:,} people, {requests:,} requests in"
        f" {report.seconds:.0f} s; their clocks ran {report.plan.factor:.0f} times as fast as in life"
    )
    if report.settled_after is not None:
        terminal.print(f"everything was at the desk {report.settled_after:.1f} s after the last request")
    for what, outcome in report.compared.items():
        terminal.print(f"  {what}: {outcome}")
    if report.interrupted:
        terminal.print("[bold]interrupted: the changes that were still to come did not happen[/]")
    for problem in report.wrong[:30]:
        terminal.print(f"[bold red]wrong:[/] {problem}", soft_wrap=True)
    if not report.wrong:
        terminal.print("[bold green]Nothing is wrong, nothing is lost.[/]")


def _customers(report: Report) -> Table:
    table = Table(title="Identity providers", title_justify="left", box=None, padding=(0, 2, 0, 0))
    headings = (
        "customer",
        "speaks",
        "people",
        "requests",
        "p50 ms",
        "p99 ms",
        "joiner p50/p95 s",
        "leaver p50/p95 s",
        "mover p50/p95 s",
        "group join p50/p95 s",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading in headings[:2] else "right")
    for line in report.lines:
        table.add_row(
            line.slug,
            line.dialect,
            f"{line.people:,}",
            f"{line.requests:,}",
            f"{line.p50_ms:.1f}",
            f"{line.p99_ms:.0f}",
            _pair(line.joiner_p50_s, line.joiner_p95_s),
            _pair(line.leaver_p50_s, line.leaver_p95_s),
            _pair(line.mover_p50_s, line.mover_p95_s),
            _pair(line.group_join_p50_s, line.group_join_p95_s),
        )
    return table


def _ends(lines: Iterable[Line]) -> str:
    """The lightest tenant beside the heaviest."""
    ordered = sorted(lines, key=lambda line: line.people)
    if not ordered:
        return ""
    return "\n".join(
        f"{name}: {line.people:,} people, answers p99 {line.p99_ms:.0f} ms,"
        f" joiners p50/p95 {_pair(line.joiner_p50_s, line.joiner_p95_s)} s,"
        f" leavers p50/p95 {_pair(line.leaver_p50_s, line.leaver_p95_s)} s,"
        f" movers p50/p95 {_pair(line.mover_p50_s, line.mover_p95_s)} s,"
        f" group joins p50/p95 {_pair(line.group_join_p50_s, line.group_join_p95_s)} s"
        for name, line in (("lightest", ordered[0]), ("heaviest", ordered[-1]))
    )


def _by_purpose(tally: Tally) -> dict[str, dict[str, float]]:
    found = {}
    for purpose, seconds in sorted(tally.seconds.items()):
        ordered = sorted(seconds)
        p50, p99 = percentile(ordered, 0.5) or 0.0, percentile(ordered, 0.99) or 0.0
        found[purpose] = {"count": len(ordered), "p50": p50 * 1000, "p99": p99 * 1000}
    return found


def _pair(one: float | None, other: float | None) -> str:
    return "-" if one is None or other is None else f"{one:.2f} / {other:.2f}"
