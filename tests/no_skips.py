"""A pytest plugin: where CI is set, a skipped test fails the run, because nobody reads a skip there."""

import os
from collections.abc import Iterator

import pytest

SKIPPED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing skipped."""
    config.stash[SKIPPED] = []
    if on_ci():
        config.pluginmanager.register(SkipCollector(config), "skip-collector")


def on_ci() -> bool:
    """Whether a build server runs us; they all set CI."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


class SkipCollector:
    """Remembers what was skipped, whole modules included; an expected failure is not a skip."""

    def __init__(self, config: pytest.Config) -> None:
        self._skipped = config.stash[SKIPPED]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test has ended."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """One module was collected."""
        if report.skipped:
            self._skipped.append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Turn a green run with skips into a failed one, before the summary is printed."""
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests, and that the skip is what failed."""
        if self._skipped:
            terminalreporter.section("skipped on CI, which is a failure", red=True)
            for node in self._skipped:
                terminalreporter.line(node)
