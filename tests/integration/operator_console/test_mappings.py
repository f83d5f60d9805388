"""`vestibule mapping`: what of a person becomes the account, shown and replaced."""

import json

import pytest

from tests.integration.operator_console.conftest import CommandLine
from tests.integration.operator_console.test_command_line import onboard
from tests.tenant_schema import ACME, DEFINITION
from vestibule.mapping.rules import default_mapping


def test_what_is_shown_can_be_set(vestibule: CommandLine) -> None:
    onboard(vestibule)
    rules = vestibule.json("mapping", "show", "acme")
    assert rules == default_mapping().as_document()
    rules["login"] = [f"{ACME}:badge", "userName"]
    assert vestibule.json("mapping", "set", "acme", "main", "-", given=json.dumps(rules)) == rules
    assert vestibule.json("mapping", "show", "acme", "main") == rules
    [connection] = vestibule.json("connection", "list", "acme")["connections"]
    assert connection["mapping_version"] == 2
    told = " ".join(vestibule("mapping", "show", "acme", COLUMNS="200").out.split())
    assert f"login {ACME}:badge, userName" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"login": ["badge"]}, "login cannot come from 'badge'"),
        ({"login": [{}]}, "login cannot come from"),
        ({"login": ["userName"] * 21}, "login lists more than 20 sources"),
        ({"login": [f"{ACME}:badges"]}, "has no attribute as"),
        ({"login": [f"{ACME}:badge.part"]}, "has no attribute as"),
        ({"login": ["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:x"]}, "has no attribute as"),
    ],
)
def test_what_is_no_mapping_changes_nothing(
    vestibule: CommandLine, changes: dict[str, object], words: str
) -> None:
    onboard(vestibule)
    vestibule.json("schema", "add", "acme", "-", given=json.dumps(DEFINITION))
    rules = {**default_mapping().as_document(), **changes}
    said = vestibule("mapping", "set", "acme", "main", "-", given=json.dumps(rules))
    assert said.code == 2
    assert words in said.err
    assert vestibule.json("mapping", "show", "acme") == default_mapping().as_document()


def test_what_is_not_json_is_told(vestibule: CommandLine) -> None:
    onboard(vestibule)
    for given in ("{", "[" * 70_000, "[" * 60_000):
        assert vestibule("mapping", "set", "acme", "main", "-", given=given).code == 2
    assert vestibule("mapping", "set", "acme", "side", "-", given="{}").code == 2
    rules = json.dumps(default_mapping().as_document())
    assert vestibule("mapping", "set", "acme", "side", "-", given=rules).code == 3
