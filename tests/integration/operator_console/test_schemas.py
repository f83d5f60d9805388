"""`vestibule schema`: a customer's own schemas from a file, and what is wrong with those that are none."""

import json
from pathlib import Path

from tests.integration.operator_console.conftest import CommandLine
from tests.integration.operator_console.test_command_line import onboard
from tests.tenant_schema import ACME, DEFINITION


def test_a_schema_is_added_shown_and_removed(vestibule: CommandLine, tmp_path: Path) -> None:
    onboard(vestibule)
    (tmp_path / "acme.json").write_text(json.dumps(DEFINITION), encoding="utf-8")
    said = vestibule("schema", "add", "acme", "acme.json", "--for", "User", "--for", "Group", "--required")
    assert said.code == 0, said.err
    assert f"Schema {ACME} is in force for acme: 14 attributes." in said.out

    listed = vestibule.json("schema", "list", "acme")
    assert (listed["version"], listed["fitted"]) == (1, True)
    [one] = listed["schemas"]
    assert (one["schema"]["id"], one["resourceTypes"], one["required"]) == (ACME, ["Group", "User"], True)
    assert ACME in vestibule("schema", "list", "acme", COLUMNS="200").out

    shown = vestibule("schema", "show", "acme", ACME.upper(), COLUMNS="200").out
    for words in ("desks.floor", "integer", "immutable", "caseExact, e.g. A1, B2", "string list", "never"):
        assert words in shown

    assert vestibule.json("schema", "remove", "acme", ACME.lower())["version"] == 2
    assert vestibule.json("schema", "list", "acme")["schemas"] == []
    assert "has defined no schema" in vestibule("schema", "list", "acme").out
    assert vestibule("schema", "show", "acme", ACME).code == 3
    assert vestibule("schema", "remove", "acme", ACME).code == 3


def test_a_definition_comes_from_standard_input_too(vestibule: CommandLine) -> None:
    onboard(vestibule)
    made = vestibule.json("schema", "add", "acme", "-", given=json.dumps(DEFINITION))
    assert made["fitted"] == {"resources": 0, "changed": 0, "left_out": {}}
    assert made["schema"]["resourceTypes"] == ["User"]
    again = vestibule("schema", "add", "acme", "-", given=json.dumps(DEFINITION))
    assert again.code == 3
    assert "--replace" in again.err
    assert vestibule.json("schema", "add", "acme", "-", "--replace", given=json.dumps(DEFINITION))
    assert "Everything of acme has the form" in vestibule("schema", "fit", "acme").out


def test_what_is_no_schema_is_told_whole_and_stored_nowhere(vestibule: CommandLine) -> None:
    onboard(vestibule)
    wrong = {**DEFINITION, "id": "acme", "attributes": [{"name": "a", "uniqueness": "global"}, {"name": "1"}]}
    for given, words in (
        (json.dumps(wrong), ("URN", "a: uniqueness must be 'none'", "number 2: name must be")),
        ("{", ("not JSON",)),
        ("[" * 100_000, ("not JSON",)),
        ("[]", ("one JSON object",)),
        (json.dumps({**DEFINITION, "description": "x" * 300_000}), ("larger than 256 KiB",)),
    ):
        said = vestibule("schema", "add", "acme", "-", given=given)
        assert said.code == 2
        for word in words:
            assert word in said.err
    assert vestibule("schema", "add", "acme", "missing.json").code == 2
    assert vestibule("schema", "add", "nobody", "-", given=json.dumps(DEFINITION)).code == 3
    assert vestibule.json("schema", "list", "acme")["version"] == 0


def test_schemas_that_could_be_mistaken_for_each_other_are_refused(vestibule: CommandLine) -> None:
    onboard(vestibule)
    vestibule.json("schema", "add", "acme", "-", given=json.dumps(DEFINITION))
    said = vestibule("schema", "add", "acme", "-", given=json.dumps({**DEFINITION, "id": f"{ACME}:more"}))
    assert said.code == 3
    assert "could mean both" in said.err
