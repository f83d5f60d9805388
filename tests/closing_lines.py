"""A pytest plugin: what a test has counted is said once more when the whole run ends."""

from collections.abc import Callable

import pytest

LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing to say."""
    config.stash[LINES] = []


@pytest.fixture(scope="session")
def say_at_the_end(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a line for the end of the run."""
    return request.config.stash[LINES].append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say the lines."""
    if config.stash[LINES]:
        terminalreporter.section("counted")
        for line in config.stash[LINES]:
            terminalreporter.line(line)
