"""One sandbox desk for all contract tests, emptied for each."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.bare_calls import Client
from tests.contract.sandbox_process import SandboxProcess, running_sandbox


@pytest.fixture(scope="session")
async def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxProcess]:
    """A running sandbox desk."""
    async with running_sandbox(tmp_path_factory.mktemp("desk")) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """The running sandbox desk, empty and well-behaved."""
    await sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def call(sandbox: SandboxProcess) -> Client:
    """Bare calls to it."""
    return Client(sandbox)
