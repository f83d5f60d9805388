"""A claim outlives whatever a call may still do."""

import pytest

from vestibule_directory_writer.timing import Timing


@pytest.mark.parametrize(("call", "claim"), [(10.0, 30.0), (10.0, 21.0), (1.0, 3.0), (0.5, 2.0)])
def test_clocks_that_fit(call: float, claim: float) -> None:
    assert Timing(call, claim).problem() is None


@pytest.mark.parametrize(("call", "claim"), [(10.0, 20.9), (10.0, 10.0), (1.0, 2.9)])
def test_a_claim_that_a_late_call_could_outlive_is_a_problem(call: float, claim: float) -> None:
    assert "must be" in str(Timing(call, claim).problem())
