"""What the sandbox desk remembers when it is killed, and what keeps it from starting."""

import asyncio
import sys
from pathlib import Path

import pytest

from infra.local.ports import free_port
from tests.contract.sandbox_process import environment, running_sandbox
from tests.contract.stages import SandboxStage
from vestibule_directory_writer.connectors.service_desk import OrganizationMark


async def test_a_killed_desk_remembers_all_it_has_answered(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path) as sandbox:
        desk = SandboxStage(sandbox).desk
        acme = await desk.create_organization("Acme")
        people = await asyncio.gather(
            *(desk.create_customer(f"p{number}@acme.example", f"P {number}") for number in range(40))
        )
        await desk.add_members(acme.id, [one.id for one in people])
        await desk.remove_members(acme.id, [people[0].id])
        await desk.mark_organization(acme.id, OrganizationMark("t-1", "o-1"))
        await desk.link_organization(acme.id)
        await desk.rename_customer(people[1].id, "Renamed")
        before = await sandbox.admin("GET", "state")
        await sandbox.kill()
        with (tmp_path / "desk.jsonl").open("ab") as journal:
            journal.write(b'{"n":4711,"do":"customer_cre')
        await sandbox.start()
        assert await sandbox.admin("GET", "state") == before
        late = await desk.create_customer("late@acme.example", "Late")
        await sandbox.kill()
        await sandbox.start()
        assert (await desk.read_customer(late.id)).email == "late@acme.example"
        assert (await sandbox.admin("GET", "state"))["effects"] == before["effects"] + 1
        await desk.close()


async def test_a_reset_is_remembered_too(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path) as sandbox:
        desk = SandboxStage(sandbox).desk
        await desk.create_customer("ann@acme.example", "Ann")
        await sandbox.reset()
        await sandbox.kill()
        await sandbox.start()
        assert (await sandbox.admin("GET", "state"))["customers"] == []
        await desk.close()


async def start_and_fail(settings: dict[str, str]) -> tuple[int | None, str]:
    """The exit code and the words of a desk that cannot start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox_desk"), env=settings, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, words = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, words.decode()


async def test_two_desks_do_not_share_a_folder(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path):
        code, words = await start_and_fail(environment(free_port(), tmp_path))
    assert code == 2
    assert "another sandbox desk is running" in words


async def test_a_damaged_memory_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "desk.jsonl").write_bytes(b'{"do":"compacted","n":0}\nrubbish\n{"do":"compacted","n":0}\n')
    code, words = await start_and_fail(environment(free_port(), tmp_path))
    assert code == 2
    assert "line 2" in words


@pytest.mark.parametrize("listen", ["", "8080", "host:port", "127.0.0.1:70000"])
async def test_wrong_settings_are_all_told_at_once(listen: str) -> None:
    settings = {**environment(1, None), "SANDBOX_DESK_LISTEN": listen, "SANDBOX_DESK_USER": ""}
    settings.pop("SANDBOX_DESK_TOKEN")
    code, words = await start_and_fail(settings)
    assert code == 2
    for name in ("LISTEN", "USER", "TOKEN"):
        assert f"SANDBOX_DESK_{name}" in words
