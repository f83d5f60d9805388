"""The sandbox desk's page, as HTML and in a browser."""

import os
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from infra.local.chromium import SETTING, find_browser
from infra.local.problems import InvalidSetting
from tests.contract.sandbox_process import SandboxProcess
from tests.contract.stages import SandboxStage
from vestibule_directory_writer.connectors.service_desk import OrganizationMark

EVIL = "<script>alert(1)</script>"


@pytest.fixture
async def peopled(sandbox: SandboxProcess) -> SandboxProcess:
    """Two organizations and sixty customers, one of them with a hostile name."""
    stage = SandboxStage(sandbox)
    acme, globex = [await stage.desk.create_organization(name) for name in ("Acme & Sons", "Globex")]
    await stage.desk.mark_organization(acme.id, OrganizationMark("t-acme", "o-1"))
    for number in range(59):
        await stage.desk.create_customer(f"p{number}@acme.example", f"Person {number:02}")
    evil = await stage.desk.create_customer("evil@globex.example", EVIL)
    await stage.desk.add_members(globex.id, [evil.id])
    await stage.desk.close()
    return sandbox


def browser_program() -> Path:
    """What `make test` brought, or the system's; where there is none the test fails and is not skipped."""
    try:
        found = find_browser(os.environ)
    except InvalidSetting as problem:
        pytest.fail(str(problem), pytrace=False)
    if found is None:
        pytest.fail(f"no browser: install chromium, or set {SETTING}, or run `make test`", pytrace=False)
    return found


async def html(sandbox: SandboxProcess, path: str) -> str:
    async with sandbox.session.get(sandbox.base_url + path) as answer:
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return await answer.text()


async def test_the_page_is_escaped_and_loads_nothing_from_anywhere(peopled: SandboxProcess) -> None:
    text = await html(peopled, "/?q=%3Cscript%3E")
    assert "&lt;script&gt;alert(1)" in text
    assert "<script" not in text
    assert "Acme &amp; Sons" in await html(peopled, "/")
    assert not any(part in text for part in ("http://", "https://", "<link", "<img", "src="))


@pytest.mark.parametrize("path", ["/?organization=99", "/?organization=x&page=0", "/?page=-1", "/?page=99"])
async def test_odd_addresses_still_show_a_page(peopled: SandboxProcess, path: str) -> None:
    assert "Customers" in await html(peopled, path)


async def test_a_person_searches_turns_pages_and_opens_an_organization(peopled: SandboxProcess) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_program(), args=["--no-sandbox"])
        page = await browser.new_page()
        page.set_default_timeout(15_000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(peopled.base_url)
        assert await page.locator("dd").first.inner_text() == "60"
        assert await page.locator(".customers tbody tr").count() == 50
        await page.get_by_role("link", name="After").click()
        await page.get_by_text("page 2 of 2").wait_for()
        assert await page.locator(".customers tbody tr").count() == 10
        await page.get_by_role("searchbox").fill("person 07")
        await page.get_by_role("button", name="Search").click()
        await page.wait_for_url("**q=person*")
        assert "p7@acme.example" in await page.locator(".customers tbody tr").inner_text()
        await page.goto(peopled.base_url)
        await page.locator(".organizations").get_by_role("link", name="Globex").click()
        await page.get_by_role("heading", name="Members of Globex").wait_for()
        assert EVIL in await page.locator(".customers tbody tr").inner_text()
        overflow = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        await page.set_viewport_size({"width": 360, "height": 700})
        assert not await page.evaluate(overflow)
        await browser.close()
    assert [text for text in complaints if "favicon" not in text] == []
