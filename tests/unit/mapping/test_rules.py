"""Rules are data: they survive storage, and a wrong document says everything that is wrong with it."""

import json
from typing import Any

import pytest

from vestibule.mapping.rules import InvalidMapping, default_mapping, parse_mapping


def test_rules_survive_storage() -> None:
    assert parse_mapping(json.loads(json.dumps(default_mapping().as_document()))) == default_mapping()


def test_every_problem_is_listed_at_once() -> None:
    document: dict[str, Any] = {
        "format": 2,
        "login": [],
        "email": ["emails.work", "emails.work", "fax"],
        "display_name": "displayName",
        "home_organization": "yes",
        "colour": "red",
    }
    with pytest.raises(InvalidMapping) as caught:
        parse_mapping(document)
    text = str(caught.value)
    for problem in (
        "format must be 1",
        "colour is not part of a mapping",
        "login must list at least one source",
        "email cannot come from 'fax'",
        "email lists a source twice",
        "display_name must list at least one source",
        "home_organization must be true or false",
        "groups_are_organizations must be true or false",
    ):
        assert problem in text


def test_what_is_no_object_is_no_mapping() -> None:
    with pytest.raises(InvalidMapping, match="must be an object"):
        parse_mapping([])
