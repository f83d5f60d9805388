"""How fast a desk may be called is read whole, or refused with everything that is wrong."""

import pytest

from vestibule.domain.desks import DeskKind, settings_problems
from vestibule.domain.pace import DEFAULT_RATE, Pace, Rate, parse_pace


def test_nothing_said_is_the_careful_default() -> None:
    pace = parse_pace({"base_url": "https://desk.example"})
    assert isinstance(pace, Pace)
    assert pace.rates.of("customer", "POST") == DEFAULT_RATE
    assert pace.concurrency == 32


def test_a_call_with_a_rate_of_its_own_keeps_it_and_others_the_default() -> None:
    pace = parse_pace(
        {"permits": {"default": {"rate": 20, "burst": 5}, "POST customer": {"rate": 0.5, "burst": 1}}}
    )
    assert isinstance(pace, Pace)
    assert pace.rates.of("customer", "POST") == Rate(0.5, 1.0)
    assert pace.rates.of("customer", "GET") == Rate(20.0, 5.0)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"permits": []}, 1),
        ({"permits": {"default": {"rate": 0, "burst": 1}}}, 1),
        ({"permits": {"default": {"rate": 1}}}, 1),
        ({"permits": {"default": {"rate": 1, "burst": 0.5}}}, 1),
        ({"permits": {"default": {"rate": 1, "burst": 1, "speed": 3}}}, 1),
        ({"concurrency": 0}, 1),
        ({"concurrency": True}, 1),
        ({"permits": {"default": 3, "GET user": None}, "concurrency": "many"}, 3),
    ],
)
def test_every_problem_is_told(settings: dict[str, object], count: int) -> None:
    problems = parse_pace(settings)
    assert isinstance(problems, list)
    assert len(problems) == count


def test_a_desk_of_any_kind_may_say_its_pace() -> None:
    assert settings_problems(DeskKind.MEMORY, {"permits": {}, "concurrency": 4}) == []
    assert len(settings_problems(DeskKind.MEMORY, {"permits": 3})) == 1
