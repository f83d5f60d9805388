"""How the desk misbehaves: what an admin call asked for, checked and then drawn call by call."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REASONS = (
    "jira-burst-based",
    "jira-quota-tenant-based",
    "jira-quota-global-based",
    "jira-per-issue-on-write",
    "jira-cost-based",
)
KINDS = ("throttle", "unavailable", "answer", "hang", "cut")
BODIES = ("json", "html", "empty")


@dataclass(slots=True)
class Fault:
    """One way to fail, for calls of an endpoint and method (`*`: any).

    - `throttle`: 429 with `reason` and Retry-After `retry_after`
    - `unavailable`: 503 with Retry-After `retry_after` (0: without)
    - `answer`: `status` with a `body` of that kind in place of the true answer
    - `hang`: no answer for `seconds`, then the connection ends
    - `cut`: the connection ends at once
    `after_effect`: the call does its work first. `skip` calls pass before, `count` calls fail, a `share`
    of those that come.
    """

    kind: str
    endpoint: str = "*"
    method: str = "*"
    count: int | None = None
    skip: int = 0
    share: float = 1.0
    after_effect: bool = False
    reason: str = "jira-burst-based"
    retry_after: int = 1
    status: int = 500
    body: str = "json"
    seconds: float = 60.0
    hits: int = 0

    def strikes(self, endpoint: str, method: str) -> bool:
        """Whether this call fails; counts it if so."""
        if self.endpoint not in ("*", endpoint) or self.method not in ("*", method):
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.share < 1.0 and random.random() >= self.share:  # noqa: S311 - a fault, not a secret
            return False
        self.hits += 1
        return True


@dataclass(slots=True)
class Bucket:
    """A burst allowance: full at first, refilled steadily."""

    tokens: float
    at: float


@dataclass(slots=True)
class Faults:
    """All that is switched on. `rate_per_second` is per endpoint and method, 0 for none."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    rate_per_second: float = 0.0
    visible_after_ms: int = 0
    hide_emails: bool = False
    faults: list[Fault] = field(default_factory=list)
    buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def draw(self, endpoint: str, method: str, now: float) -> Fault | None:
        """The fault that hits this call, if any."""
        for fault in self.faults:
            if fault.strikes(endpoint, method):
                return fault
        if self.rate_per_second and not self._within_rate(endpoint, method, now):
            return Fault("throttle")
        return None

    def delay(self) -> float:
        """Seconds this call takes."""
        jitter = random.uniform(0.0, self.jitter_ms) if self.jitter_ms else 0.0  # noqa: S311 - no secret
        return (self.latency_ms + jitter) / 1000

    def _within_rate(self, endpoint: str, method: str, now: float) -> bool:
        burst = max(1.0, self.rate_per_second)
        bucket = self.buckets.setdefault((endpoint, method), Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * self.rate_per_second)
        bucket.at = now
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True


Number = (int, float)
WHOLE: Mapping[str, tuple[type | tuple[type, ...], float, float]] = {
    "latency_ms": (Number, 0, 60_000),
    "jitter_ms": (Number, 0, 60_000),
    "rate_per_second": (Number, 0, 1_000_000),
    "visible_after_ms": (int, 0, 3_600_000),
    "hide_emails": (bool, 0, 1),
}
SINGLE: Mapping[str, tuple[type | tuple[type, ...], float, float]] = {
    "count": (int, 0, 1_000_000_000),
    "skip": (int, 0, 1_000_000_000),
    "share": (Number, 0, 1),
    "after_effect": (bool, 0, 1),
    "retry_after": (int, 0, 86_400),
    "status": (int, 200, 599),
    "seconds": (Number, 0, 600),
}
CHOICES: Mapping[str, tuple[str, ...]] = {"kind": KINDS, "reason": REASONS, "body": BODIES}
TEXTS = ("endpoint", "method")


def read_faults(value: object) -> tuple[Faults | None, list[str]]:
    """The faults an admin asked for, or every reason why they are none."""
    if not isinstance(value, dict):
        return None, ["must be an object"]
    problems = _outside(value, WHOLE, "")
    problems += [f"{name}: unknown" for name in value if name not in WHOLE and name != "faults"]
    listed = value.get("faults", [])
    if not isinstance(listed, list):
        return None, [*problems, "faults: must be a list"]
    for place, one in enumerate(listed):
        problems += _problems_of_one(one, f"faults[{place}].")
    if problems:
        return None, problems
    scalars = {name: value[name] for name in WHOLE if name in value}
    return Faults(**scalars, faults=[Fault(**one) for one in listed]), []


def _problems_of_one(value: object, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place}: must be an object"]
    problems = _outside(value, SINGLE, place)
    for name, choices in CHOICES.items():
        if (name in value or name == "kind") and value.get(name) not in choices:
            problems.append(f"{place}{name}: must be one of {', '.join(choices)}")
    problems += [
        f"{place}{name}: must be a text"
        for name in TEXTS
        if name in value and not isinstance(value[name], str)
    ]
    known = {*SINGLE, *CHOICES, *TEXTS}
    return problems + [f"{place}{name}: unknown" for name in value if name not in known]


def _outside(
    value: Mapping[str, Any], rules: Mapping[str, tuple[type | tuple[type, ...], float, float]], place: str
) -> list[str]:
    problems = []
    for name, (kind, least, most) in rules.items():
        if name not in value or (name == "count" and value[name] is None):
            continue
        given = value[name]
        if not _is(given, kind):
            problems.append(f"{place}{name}: wrong type")
        elif not least <= given <= most:
            problems.append(f"{place}{name}: must be from {least} to {most}")
    return problems


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    """Whether a value is of a kind; in JSON true is no number."""
    return isinstance(value, bool) is (kind is bool) and isinstance(value, kind)
