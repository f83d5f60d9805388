"""Every shape of the reference is in a recording; a shape that nobody says, or too many say, fails here."""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from infra.identity_providers.catalogue import DIALECTS, SPEAKERS
from infra.identity_providers.transcript import Exchange
from tests.unit.identity_providers.recorded import exchanges_of, recorded
from tests.unit.identity_providers.reference import SHAPES
from tests.unit.identity_providers.reference.shape import Shape, patch
from tests.unit.identity_providers.shapes import ROWS, managers

NOBODY = Exchange("the end", "", "", None, 0, None, {})
HEADERS = {
    "okta-wizard": {"User-Agent": "Okta SCIM Client 1.0.0"},
    "okta-catalog": {"User-Agent": "Okta SCIM Client 1.0.0"},
    "google": {"User-Agent": "Google-Auto-Provisioning", "Content-Type": "application/json"},
    "onelogin": {"Content-Type": "application/json"},
    "cyberark": {"Content-Type": "application/json"},
}


def fits(found: Any, expected: Any) -> bool:
    """Whether the expected part is in what was found; a type stands for any value of it."""
    match expected:
        case type():
            return isinstance(found, expected)
        case re.Pattern():
            return isinstance(found, str) and expected.fullmatch(found) is not None
        case Mapping():
            return isinstance(found, Mapping) and all(
                name in found and fits(found[name], value) for name, value in expected.items()
            )
        case list():
            return (
                isinstance(found, list)
                and len(found) == len(expected)
                and all(fits(one, other) for one, other in zip(found, expected, strict=True))
            )
        case _:
            return found == expected and type(found) is type(expected)


def is_of(shape: Shape, exchange: Exchange, following: Exchange) -> bool:
    """Whether an exchange has this shape."""
    return (
        re.fullmatch(shape.request, f"{exchange.method} {exchange.path}") is not None
        and (shape.body is None or fits(exchange.body, shape.body))
        and (shape.answer is None or fits(exchange.answer, shape.answer))
        and (shape.status is None or exchange.status == shape.status)
        and re.fullmatch(shape.then or ".*", f"{following.method} {following.path}") is not None
    )


def says(name: str, shape: Shape) -> bool:
    """Whether a speaker is recorded with this shape."""
    pairs = pairwise((*exchanges_of(name), NOBODY))
    return any(is_of(shape, exchange, following) for exchange, following in pairs)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.said_by[0]}: {shape.what}")
def test_a_shape_of_the_reference_is_recorded(shape: Shape) -> None:
    for name in shape.said_by:
        assert says(name, shape) is not shape.never, name


def test_what_is_recorded_otherwise_is_not_taken_for_a_shape() -> None:
    full = next(shape for shape in SHAPES if shape.what == "a full push [O1]")
    (name,) = full.said_by
    assert says(name, full)
    one = patch(*full.body["Operations"][1:])
    for other in (
        replace(full, body=one),
        replace(full, request=full.request.replace("PATCH", "PUT")),
        replace(full, status=200),
        replace(full, then="POST /Users"),
        replace(full, answer={"displayName": str}),
    ):
        assert not says(name, other)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_liberal_table_is_recorded_of_those_who_speak_so(row: str) -> None:
    speaks, expected = ROWS[row]
    assert {name for name in DIALECTS if speaks(recorded(name))} == expected


def test_row_7_is_recorded_in_every_shape() -> None:
    assert managers(recorded("entra-default")) == {(True, str), (False, list)}
    assert managers(recorded("entra-flagged")) == {(True, dict)}


def test_row_16_members_are_recorded_as_added_and_removed_again() -> None:
    bodies = [one.body for one in exchanges_of("entra-default") if one.method == "PATCH"]
    assert sum(bodies.count(body) == 3 for body in bodies) >= 3


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_were_seen_are_recorded(name: str) -> None:
    assert HEADERS[name].items() <= recorded(name).headers.items()


def test_every_speaker_has_shapes_of_its_own() -> None:
    assert {name for shape in SHAPES for name in shape.said_by if not shape.never} == set(SPEAKERS)
