import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.messages.redelivery import LADDER, DeskFault, Done, Faulted, Park, RetryIn, Settled, next_step

jitters = st.floats(0.5, 1.0)


@given(st.integers(0, 100), jitters)
def test_what_is_settled_is_done_however_often_it_failed(attempts: int, jitter: float) -> None:
    assert next_step(attempts, Settled(), jitter) == Done()


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 5.0), (1, 30.0), (2, 120.0), (3, 600.0), (4, 3600.0), (5, 21600.0)]
)
def test_each_fault_climbs_one_rung(attempts: int, seconds: float) -> None:
    assert next_step(attempts, Faulted("desk_400"), 1.0) == RetryIn(seconds, attempts + 1, "desk_400")


def test_after_the_last_rung_the_row_is_parked_with_its_code() -> None:
    assert next_step(len(LADDER), Faulted("desk_400"), 1.0) == Park("desk_400", len(LADDER) + 1)


@given(st.integers(0, len(LADDER) - 1), jitters)
def test_jitter_only_shortens_and_never_below_half(attempts: int, jitter: float) -> None:
    step = next_step(attempts, Faulted("desk_400"), jitter)
    assert isinstance(step, RetryIn)
    assert LADDER[attempts] * 0.5 <= step.seconds <= LADDER[attempts]


@given(st.integers(0, 100), jitters, st.none() | st.floats(0, 3600))
def test_a_fault_of_the_desk_never_counts_and_never_parks(
    attempts: int, jitter: float, asked: float | None
) -> None:
    step = next_step(attempts, DeskFault("desk_down", asked), jitter)
    assert isinstance(step, RetryIn)
    assert step.attempts == attempts


@given(jitters, st.integers(0, 3600))
def test_a_desk_is_never_called_before_it_asked_to_be(jitter: float, asked: int) -> None:
    step = next_step(0, DeskFault("desk_429", asked), jitter)
    assert isinstance(step, RetryIn)
    assert asked <= step.seconds <= asked + 2.5


@pytest.mark.parametrize("jitter", [-1.0, 0.0, 0.49, 1.01, float("nan")])
def test_a_jitter_out_of_range_is_a_bug(jitter: float) -> None:
    with pytest.raises(ValueError, match="jitter"):
        next_step(0, Faulted("desk_400"), jitter)
