"""What an examination says: one line for each part, whether it is well, and what to do when it is not."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    PROBLEM = "problem"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"  # the configuration: nothing that needs it could be looked at
    UNKNOWN = "unknown"  # not looked at, and why


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` is empty where nothing is to be done."""

    part: str
    name: str
    verdict: Verdict
    told: str
    advice: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """0 all well, 2 the configuration is invalid, 4 something is unreachable, 1 any other problem."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.INVALID in verdicts:
        return 2
    if Verdict.UNREACHABLE in verdicts:
        return 4
    return 1 if Verdict.PROBLEM in verdicts else 0


def age(seconds: float) -> str:
    """A duration for people, in its two largest units at most."""
    whole = max(0, int(seconds))
    for unit, size, smaller, part in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
