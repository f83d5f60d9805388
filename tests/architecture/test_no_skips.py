"""The plugin that makes a skip fail on CI, run over small suites of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GREEN = "def test_green(): pass\n"
SKIPPING = "import pytest\n@pytest.mark.skip(reason='no room')\ndef test_left_out(): pass\n"
SKIPPING_MODULE = "import pytest\npytest.skip('not here', allow_module_level=True)\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_known(): assert False\n"


def outcome(folder: Path, suite: str, ci: str) -> tuple[int, str]:
    (folder / "test_green.py").write_text(GREEN, encoding="utf-8")
    (folder / "test_suite.py").write_text(suite, encoding="utf-8")
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.no_skips",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
    environ = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*argv, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("suite", [SKIPPING, SKIPPING_MODULE])
def test_a_skip_on_ci_fails_the_run_and_is_named(tmp_path: Path, suite: str) -> None:
    code, told = outcome(tmp_path, suite, ci="true")
    assert code == 1
    assert "skipped on CI, which is a failure" in told
    assert "test_suite.py" in told


@pytest.mark.parametrize(("suite", "ci"), [(SKIPPING, ""), (SKIPPING, "false"), ("", "true")])
def test_a_skip_elsewhere_and_a_full_run_on_ci_stay_green(tmp_path: Path, suite: str, ci: str) -> None:
    code, told = outcome(tmp_path, suite, ci)
    assert code == 0
    assert "skipped on CI" not in told


def test_an_expected_failure_is_not_a_skip(tmp_path: Path) -> None:
    code, _ = outcome(tmp_path, EXPECTED_FAILURE, ci="true")
    assert code == 0
