"""Capabilities survive storage; what is no declaration is refused."""

import json

import pytest

from vestibule.domain.desks import Capabilities, Leave, parse_capabilities

JIRA = Capabilities(
    rename_email=False,
    rename_display_name=False,
    rename_organization=False,
    leave=Leave.STRIP,
    return_from_leave=True,
)


def test_capabilities_survive_storage() -> None:
    assert parse_capabilities(json.loads(json.dumps(JIRA.as_document()))) == JIRA


def test_an_unknown_way_of_leaving_is_refused() -> None:
    with pytest.raises(ValueError, match="vanish"):
        parse_capabilities({**JIRA.as_document(), "leave": "vanish"})
