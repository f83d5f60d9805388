"""The import contracts of pyproject.toml hold, and they cover what they claim to cover."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.architecture.checkout import ROOT

SERVICES = {
    "vestibule_ingest",
    "vestibule_tenant_router",
    "vestibule_directory_writer",
    "vestibule_operator_console",
}
PURE = {"vestibule.domain", "vestibule.scim", "vestibule.mapping", "vestibule.messages"}


def contract(name: str) -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = [one for one in project["tool"]["importlinter"]["contracts"] if one["id"] == name]
    assert len(found) == 1
    return dict(found[0])


def test_the_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(tool), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_service_is_under_the_contract() -> None:
    assert set(contract("services")["layers"][0].split(" | ")) == SERVICES


def test_every_pure_package_is_under_the_contract() -> None:
    assert set(contract("pure")["source_modules"]) >= PURE
    assert contract("layers")["exhaustive"] is True
