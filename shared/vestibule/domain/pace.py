"""How fast a desk may be called, as its settings say: rates per call, and how many calls at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls per second a bucket allows, and how many at once after a rest."""

    per_second: float
    burst: float


DEFAULT_RATE: Final = Rate(10.0, 10.0)  # far below what any desk is known to allow
DEFAULT_CONCURRENCY: Final = 32
MOST_CONCURRENCY: Final = 1_000
SETTINGS: Final = ("permits", "concurrency")  # of a desk of any kind


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of a desk: by `METHOD endpoint` (a path template), and one for all other calls."""

    default: Rate = DEFAULT_RATE
    by_call: Mapping[str, Rate] = field(default_factory=dict)

    def of(self, endpoint: str, method: str) -> Rate:
        return self.by_call.get(f"{method} {endpoint}", self.default)


@dataclass(frozen=True, slots=True)
class Pace:
    """A desk's rates, and how many calls a process makes there at once."""

    rates: Rates = field(default_factory=Rates)
    concurrency: int = DEFAULT_CONCURRENCY


def parse_pace(settings: Mapping[str, object]) -> Pace | list[str]:
    """Read `permits` and `concurrency` of a desk's settings, or say everything that is wrong with them.

    `permits` is {"default": {"rate": 10, "burst": 10}, "POST customer": {...}}; both may be left out.
    """
    problems: list[str] = []
    rates = _rates(settings.get("permits"), problems)
    concurrency = settings.get("concurrency", DEFAULT_CONCURRENCY)
    whole = isinstance(concurrency, int) and not isinstance(concurrency, bool)
    if not whole or not isinstance(concurrency, int) or not 1 <= concurrency <= MOST_CONCURRENCY:
        problems.append(f"settings.concurrency: must be a whole number from 1 to {MOST_CONCURRENCY}")
        return problems
    return problems or Pace(rates, concurrency)


def _rates(document: object, problems: list[str]) -> Rates:
    if document is None:
        return Rates()
    if not isinstance(document, Mapping):
        problems.append("settings.permits: must be an object of calls and their rates")
        return Rates()
    rates = {str(call): _rate(str(call), value, problems) for call, value in document.items()}
    return Rates(rates.pop("default", DEFAULT_RATE), rates)


def _rate(call: str, value: object, problems: list[str]) -> Rate:
    match value:
        case {"rate": int() | float() as rate, "burst": int() | float() as burst, **more} if (
            rate > 0 and burst >= 1 and not more
        ):
            return Rate(float(rate), float(burst))
        case _:
            problems.append(f"settings.permits.{call}: must be a rate above 0 and a burst of 1 or more")
            return DEFAULT_RATE
