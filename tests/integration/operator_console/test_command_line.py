"""The command line from the outside: what it prints, where, and with which exit code."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from tests.integration.operator_console.conftest import DESK_TOKEN, PUBLIC_URL, CommandLine, jira
from vestibule_operator_console.command_line import build_app
from vestibule_operator_console.command_line.answers import open_screen
from vestibule_operator_console.command_line.session import Session

CREDENTIALS = f'{{"email": "bot@desk.example", "api_token": "{DESK_TOKEN}"}}'

COMMANDS = [
    "desk create",
    "desk list",
    "desk renew",
    "desk disable",
    "desk enable",
    "tenant create",
    "tenant list",
    "tenant suspend",
    "tenant resume",
    "connection create",
    "connection list",
    "connection pause",
    "connection resume",
    "connection fingerprint",
    "token rotate",
    "token revoke",
    "token list",
    "schema add",
    "schema list",
    "schema show",
    "schema remove",
    "schema fit",
    "mapping show",
    "mapping set",
    "standing",
    "person",
    "group list",
    "case list",
    "case show",
    "replay",
    "doctor",
]


def onboard(vestibule: CommandLine) -> dict[str, str]:
    """A desk, a tenant and a connection; the document that holds its base URL and token."""
    vestibule.json(*jira("--credentials-file", "-"), given=CREDENTIALS)
    vestibule.json("tenant", "create", "acme", "--name", "Acme Ltd", "--desk", "main")
    made: dict[str, str] = vestibule.json("connection", "create", "acme", "--idp", "okta")
    return made


def test_a_customer_is_onboarded_in_three_commands(vestibule: CommandLine) -> None:
    made = onboard(vestibule)
    assert made["base_url"].startswith(f"{PUBLIC_URL}/scim/v2/")
    assert made["token"].startswith("vst_")
    assert made["token_hint"] == made["token"][-4:]
    [listed] = vestibule.json("connection", "list", "acme")["connections"]
    assert (listed["name"], listed["idp"], listed["mode"], listed["persons"]) == ("main", "okta", "live", 0)
    assert made["token"] not in vestibule("token", "list", "acme", "--json").out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_and_the_exit_codes(vestibule: CommandLine, command: str) -> None:
    said = vestibule(*command.split(), "--help", COLUMNS="200")
    assert said.code == 0
    assert "Example: vestibule " + command in " ".join(said.out.split())
    assert "Exit codes: 0 done; 1 a problem was found; 2 wrong usage" in " ".join(said.out.split())
    assert "--json" in said.out


def test_no_command_is_left_out_of_these_tests(vestibule: CommandLine) -> None:
    screen = open_screen(io.StringIO(), {})
    app = build_app(Session(vestibule.environment, vestibule.folder, io.StringIO()), screen, screen)

    def below(parent: App, path: str = "") -> Iterator[str]:
        names = [name for name in parent if not name.startswith("-")]
        for name in names:
            yield from below(parent[name], f"{path} {name}".strip())
        if not names:
            yield path

    assert sorted(below(app)) == sorted(COMMANDS)


def test_every_command_writes_one_json_document(vestibule: CommandLine) -> None:
    token = onboard(vestibule)["token_hint"]  # and with it create of desk, tenant and connection
    for arguments, key in (
        (["desk", "list"], "desks"),
        (["desk", "disable", "main"], "desk"),
        (["desk", "enable", "main"], "desk"),
        (["tenant", "list"], "tenants"),
        (["tenant", "suspend", "acme"], "tenant"),
        (["tenant", "resume", "acme"], "tenant"),
        (["connection", "list", "acme"], "connections"),
        (["connection", "pause", "acme"], "connection"),
        (["connection", "resume", "acme"], "connection"),
        (["connection", "fingerprint", "acme"], "repairs"),
        (["token", "rotate", "acme"], "token"),
        (["token", "list", "acme"], "tokens"),
        (["token", "revoke", "acme", "main", token], "revoked"),
        (["standing"], "holds"),
        (["case", "list"], "cases"),
        (["group", "list", "acme"], "groups"),
        (["replay"], "replayed"),
    ):
        assert key in vestibule.json(*arguments), arguments
    assert "desk" in vestibule.json("desk", "renew", "main", "--credentials-file", "-", given=CREDENTIALS)
    assert vestibule("doctor", "--json").document["findings"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["tenant", "create"],
        ["tenant", "destroy", "acme"],
        ["connection", "create", "acme", "--idp", "abacus"],
        ["case", "show", "acme", "no-id"],
        ["tenant", "list", "--yaml"],
        ["tenant", "create", "Acme!", "--name", "Acme", "--desk", "main"],
        ["token", "rotate", "acme", "--overlap", "soon"],
    ],
)
def test_wrong_usage_is_told_on_standard_error_and_exits_with_2(
    vestibule: CommandLine, arguments: list[str]
) -> None:
    said = vestibule(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err and "Traceback" not in said.err


def test_what_is_not_there_and_what_conflicts_exit_with_3_and_say_what_to_do(vestibule: CommandLine) -> None:
    onboard(vestibule)
    for arguments, words in (
        (["connection", "list", "nobody"], "`vestibule tenant list`"),
        (["token", "list", "acme", "second"], "`vestibule connection list acme`"),
        (["connection", "fingerprint", "acme", "second"], "`vestibule connection list acme`"),
        (["tenant", "create", "acme", "--name", "Other", "--desk", "main"], "Choose another short name."),
        (["tenant", "create", "other", "--name", "Acme Ltd", "--desk", "main"], "--organization-prefix"),
        (["tenant", "create", "other", "--name", "Other", "--desk", "second"], "`vestibule desk list`"),
        (["connection", "create", "acme", "--idp", "entra"], "Choose another name."),
        (["connection", "resume", "acme"], "is not paused"),
        (["person", "acme", "nobody@acme.example"], "whole userName"),
        (
            ["case", "show", "acme", "0190a5c8-5a34-7cc2-8f6e-2b2f8f0c1d11"],
            "`vestibule case list acme --all`",
        ),
    ):
        said = vestibule(*arguments, "--json")
        assert (said.code, said.out) == (3, "")
        assert words in said.err


def test_an_incomplete_configuration_is_listed_whole_and_exits_with_2(vestibule: CommandLine) -> None:
    said = vestibule("tenant", "list", VESTIBULE_SEALING_KEY="short", VESTIBULE_PUBLIC_URL="nowhere")
    assert said.code == 2
    assert "VESTIBULE_SEALING_KEY" in said.err and "VESTIBULE_PUBLIC_URL" in said.err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://vestibule_console:pw@127.0.0.1:1/none", "cannot be reached"),
        ("{wrong_password}", "refused the role or its password"),
        ("{wrong_database}", "no such database"),
    ],
)
def test_a_database_that_cannot_be_used_exits_with_4(vestibule: CommandLine, url: str, words: str) -> None:
    right = vestibule.environment["VESTIBULE_DATABASE_URL"]
    before, _, after = right.rpartition("@")
    url = url.replace("{wrong_password}", f"{before}x@{after}").replace("{wrong_database}", f"{right}x")
    for command in ("tenant list", "doctor"):
        said = vestibule(*command.split(), VESTIBULE_DATABASE_URL=url)
        assert said.code == 4
        assert words in " ".join((said.err + said.out).split())
        assert "127.0.0.1" not in said.err


def test_the_settings_of_make_up_are_read_where_none_are_given(vestibule: CommandLine) -> None:
    onboard(vestibule)
    lines = [f"{name}='{value}'\n" for name, value in vestibule.environment.items()]
    (vestibule.folder / ".local").mkdir()
    (vestibule.folder / ".local" / "cli.env").write_text("".join(lines))
    elsewhere = CommandLine({}, vestibule.folder, vestibule.capture)
    [tenant] = elsewhere.json("tenant", "list")["tenants"]
    assert tenant["slug"] == "acme"
    nowhere = CommandLine({}, Path(vestibule.folder / ".local"), vestibule.capture)
    assert nowhere("tenant", "list").code == 2


@pytest.mark.parametrize(
    "text", ["no json", "[1]", '{"email": "bot@desk.example"}', '{"email": 1, "api_token": "x"}']
)
def test_credentials_that_cannot_be_used_are_refused_without_quoting_them(
    vestibule: CommandLine, text: str
) -> None:
    said = vestibule(*jira("--credentials-file", "-"), given=text)
    assert said.code == 2
    assert "bot@desk.example" not in said.err
    assert vestibule.json("desk", "list") == {"desks": []}


def test_credentials_come_from_a_file_or_the_environment_too(vestibule: CommandLine) -> None:
    (vestibule.folder / "token.json").write_text(CREDENTIALS)
    assert vestibule(*jira("--credentials-file", "token.json")).code == 0
    assert vestibule("desk", "renew", "main", VESTIBULE_DESK_CREDENTIALS=CREDENTIALS).code == 0
    said = vestibule("desk", "renew", "main")
    assert said.code == 2 and "VESTIBULE_DESK_CREDENTIALS" in said.err


def test_every_problem_of_a_desk_is_told_at_once(vestibule: CommandLine) -> None:
    said = vestibule(
        "desk",
        "create",
        "main",
        "--base-url",
        "http://acme.example",
        "--concurrency",
        "0",
        given="",
        VESTIBULE_DESK_CREDENTIALS="{}",
    )
    assert said.code == 2
    for words in (
        "base_url: must be https",
        "service_desk_id",
        "concurrency",
        "credentials.email",
        "api_token",
    ):
        assert words in said.err


def test_the_invariant_of_an_empty_gateway_holds(vestibule: CommandLine) -> None:
    onboard(vestibule)
    said = vestibule("standing")
    assert said.code == 0
    assert "The invariant holds: 0 persons = 0" in said.out
    document = vestibule.json("standing", "acme")
    assert document["holds"] is True
    assert document["totals"]["persons"] == 0
