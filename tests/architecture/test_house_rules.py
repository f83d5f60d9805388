"""Rules of the house that no linter knows: each finds its own violations in the files of this checkout."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.checkout import LOCKS, ROOT, files, lines, python_files

HERE = Path(__file__).resolve()
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core"}
# the upper-case verbs alone would match prose; a statement is a verb and what it must be followed by
STATEMENT = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+[\w.\"]+\s+set\s|delete\s+from\s|with\s+[\w]+\s+as\s*\("
    r"|(create|alter|drop)\s+(table|role|schema|function|index|view|policy)\s|(grant|revoke)\s.+\s(on|to|from)\s)",
    re.IGNORECASE | re.DOTALL,
)
MACHINE_PATH = re.compile(
    r"(?<![\w.~}$-])/(root|work|farm|home/[a-z]+|opt/pypi|Users/[A-Za-z]+)(/|\b(?=[\"'` ]|$))"
)
REGISTRY_HOST = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org|artifactregistry|pkg\.dev|--index-url",
    re.IGNORECASE,
)
SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)$")
WITH_CODE_AND_REASON = re.compile(r"^(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|\[[a-z-]+(,\s*[a-z-]+)*\])\W+\w+")


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every string in the code that is not a docstring, f-strings by their fixed parts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Every call in the file, by the dotted name it is written with."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def test_sql_stands_only_in_the_database_package_and_the_migrations() -> None:
    database = ROOT / "shared" / "vestibule" / "database"
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files("shared", "services")
        if not path.is_relative_to(database)
        for number, text in strings(path)
        if STATEMENT.match(text)
    ]
    assert found == []
    stray = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.suffix == ".sql"
        and not path.is_relative_to(database)
        and not path.is_relative_to(ROOT / "infra" / "migrations")
        and not path.is_relative_to(ROOT / "tests")
    ]
    assert stray == []


def test_a_statement_is_recognised_and_prose_is_not() -> None:
    for statement in (
        "select a from b",
        "INSERT INTO x values (1)",
        "with a as (select 1)",
        "update t set a = 1",
    ):
        assert STATEMENT.match(statement)
    for prose in ("select a desk", "update the account", "with care", "insert a person", "delete this desk"):
        assert not STATEMENT.match(prose)


def test_nothing_is_patched_what_a_test_needs_is_passed_in() -> None:
    forbidden = ("mock.patch", "monkeypatch.setattr", "patch.object", "mocker.patch")
    found = [
        f"{path.relative_to(ROOT)}:{number} {name}"
        for path in python_files()
        for number, name in calls(path)
        if name.endswith(forbidden)
    ]
    assert found == []


def sleeps(code: str) -> Iterator[int]:
    """Lines that sleep: `time.sleep` anywhere, `asyncio.sleep` outside of a loop that looks again."""
    tree = ast.parse(code)
    polls = {
        id(below)
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
        for below in ast.walk(loop)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match ast.unparse(node.func):
                case "time.sleep":
                    yield node.lineno
                case "asyncio.sleep" if ast.unparse(node.args[0]) != "0" and id(node) not in polls:
                    yield node.lineno


def test_no_test_sleeps() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files("tests")
        for number in sleeps(path.read_text(encoding="utf-8"))
    ]
    # an outage has a length: it is the fault itself, and nothing is waited for
    assert [place for place in found if not place.startswith("tests/end_to_end/faults.py")] == []
    assert len(found) <= 1


def test_a_sleep_is_recognised_and_a_poll_is_not() -> None:
    for bad in (
        "time.sleep(1)",
        "while x:\n    time.sleep(1)",
        "async def f():\n    await asyncio.sleep(0.5)",
    ):
        assert list(sleeps(bad)), bad
    for fine in (
        "async def f():\n    while not await holds():\n        await asyncio.sleep(0.05)",
        "asyncio.sleep(0)",
    ):
        assert not list(sleeps(fine)), fine


def test_rooms_are_named_after_nouns() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in files()
        if {part.removesuffix(".py") for part in path.relative_to(ROOT).parts} & FORBIDDEN_NAMES
    ]
    assert found == []


def test_no_file_knows_a_machine_or_a_registry() -> None:
    found = [
        f"{place}: {line.strip()[:80]}"
        for path in files()
        if path != HERE
        for place, line in lines(path)
        if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)
    ]
    assert found == []


def test_machine_paths_are_recognised_and_routes_are_not() -> None:
    for path in ("{}root/.cache", "'{}work/shared'", "cd {}home/anna/x", '"{}root"'):
        assert MACHINE_PATH.search(path.format("/"))
    for fine in (
        "/usr/lib/postgresql",
        "scim/v2/work",
        "https://desk.example/work/1",
        ".{}work/x",
        "/workspaces",
    ):
        assert not MACHINE_PATH.search(fine.format("/"))


def test_every_suppression_names_its_rule_and_its_reason() -> None:
    found = [
        f"{place}: {line.strip()[:80]}"
        for path in python_files()
        if path != HERE
        for place, line in lines(path)
        if (match := SUPPRESSION.search(line)) and not WITH_CODE_AND_REASON.match(match["rest"])
    ]
    assert found == []


def test_a_bare_suppression_is_recognised() -> None:
    for good in ("# noqa: S311 - spreads load", "# type: ignore[arg-type]  # wrong on purpose"):
        match = SUPPRESSION.search(good)
        assert match is not None
        assert WITH_CODE_AND_REASON.match(match["rest"])
    for bad in ("# noqa", "# noqa: S311", "# type: ignore", "# type: ignore[arg-type]"):
        match = SUPPRESSION.search(bad)
        assert match is not None
        assert not WITH_CODE_AND_REASON.match(match["rest"])


def test_the_lock_has_a_hash_for_every_package_and_no_address() -> None:
    for name in LOCKS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        packages = re.split(r"^(?=[a-zA-Z0-9][\w.\[\]-]*==)", text, flags=re.MULTILINE)[1:]
        assert len(packages) > 30
        assert [package.splitlines()[0] for package in packages if "--hash=sha256:" not in package] == []
