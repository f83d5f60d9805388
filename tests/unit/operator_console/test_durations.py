"""Durations and days as they are typed."""

from datetime import UTC, datetime, timedelta

import pytest

from vestibule_operator_console.command_line.durations import read_day, read_duration
from vestibule_operator_console.findings import Finding, Verdict, age, exit_code
from vestibule_operator_console.problems import Unusable


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0s", timedelta(0)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("90d", timedelta(days=90)),
        ("52w", timedelta(weeks=52)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, wanted: timedelta) -> None:
    assert read_duration("--overlap", text) == wanted


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1 h", "1y", "٣h", "9999999d"])
def test_what_is_no_duration_is_told_with_an_example(text: str) -> None:
    with pytest.raises(Unusable, match="--overlap"):
        read_duration("--overlap", text)


def test_a_day_begins_at_midnight_utc() -> None:
    assert read_day("--expire-on", "2027-03-31") == datetime(2027, 3, 31, tzinfo=UTC)
    with pytest.raises(Unusable):
        read_day("--expire-on", "31.3.2027")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (7200, "2 h"), (90_000, "1 d 1 h")],
)
def test_an_age_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_the_worst_finding_decides_the_exit_code() -> None:
    def code(*verdicts: Verdict) -> int:
        return exit_code([Finding("part", "name", verdict, "") for verdict in verdicts])

    assert code(Verdict.OK, Verdict.UNKNOWN) == 0
    assert code(Verdict.OK, Verdict.PROBLEM) == 1
    assert code(Verdict.PROBLEM, Verdict.UNREACHABLE) == 4
    assert code(Verdict.INVALID, Verdict.UNREACHABLE) == 2
