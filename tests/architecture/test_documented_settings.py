"""docs/settings.md tells of every setting, and of none that is not there; the README of every limit."""

import re

from infra.local.places import ROOT
from infra.local.services import PASSED_ON
from vestibule.settings import limits, services
from vestibule.settings.loading import Variable, variables_of

CLASSES = (
    services.IngestSettings,
    services.RelaySettings,
    services.RouterSettings,
    services.WriterSettings,
    services.ConsoleSettings,
)
OF_REQUESTS = {
    "VESTIBULE_REQUEST_RATE",
    "VESTIBULE_BURST_SECONDS",
    "VESTIBULE_REQUESTS_AT_ONCE",
    "VESTIBULE_BODY_MEMORY",
}
LIMITS = [
    variable
    for variable in variables_of(services.IngestSettings)
    if variable.name in OF_REQUESTS or variable in limits.VARIABLES.values()
]


def names_in_code() -> set[str]:
    return {variable.name for settings in CLASSES for variable in variables_of(settings)}


def test_every_setting_is_in_the_document_and_nothing_else() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert documented == names_in_code()


def test_the_readme_has_every_limit_with_its_default() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| `([A-Z_]+)`[^|]* \| [^|]*\|$", text, re.MULTILINE)
    told = {name: default for default, name in rows}
    wanted = {variable.name: _shown(variable) for variable in LIMITS}
    assert {name: told.get(name) for name in wanted} == wanted
    assert len(rows) == len(wanted) + 1  # and the number that follows from the pool


def test_docs_have_the_true_default_of_every_limit() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ingest \| ([^|]+) \|", text, re.MULTILINE))
    assert {variable.name: told[variable.name] for variable in LIMITS} == {
        variable.name: _shown(variable) for variable in LIMITS
    }


def test_a_developer_may_set_every_limit_of_a_run() -> None:
    assert {variable.name for variable in LIMITS} <= set(PASSED_ON)


def _shown(variable: Variable) -> str:
    assert variable.default is not None
    value = variable.default()
    assert isinstance(value, int | float)
    return f"{value:g}" if isinstance(value, float) else str(value)
