"""The one suite, run against every connector."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.connector_suite import ConnectorSuite
from tests.contract.sandbox_process import SandboxProcess
from tests.contract.stages import MemoryStage, SandboxStage, Stage


class TestMemoryDesk(ConnectorSuite):
    @pytest.fixture
    def stage(self) -> Stage:
        return MemoryStage()


class TestJiraDesk(ConnectorSuite):
    @pytest.fixture
    async def stage(self, sandbox: SandboxProcess) -> AsyncIterator[Stage]:
        stage = SandboxStage(sandbox)
        yield stage
        await stage.desk.close()
