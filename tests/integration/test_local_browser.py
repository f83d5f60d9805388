"""Where the browser of the tests comes from: the setting, the system, or packages unpacked in the cache."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.local.chromium import NAMES, SETTING, STARTER, ensure_browser, find_browser, prepare
from infra.local.debian_packages import Bundle, unpacked
from infra.local.problems import InvalidSetting, MissingPrerequisite

SPEAKS = '#!/bin/sh\necho "$LD_LIBRARY_PATH|$FONTCONFIG_FILE|$*"\n'
LACKS_A_LIBRARY = "#!/bin/sh\necho 'libnss3.so: cannot open shared object file' >&2; exit 127\n"


def program(path: Path, text: str = SPEAKS) -> Path:
    """A small program in the place of a large one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_systems_browser_is_taken_by_any_of_its_names_and_nothing_is_fetched(
    tmp_path: Path, name: str
) -> None:
    installed, told = program(tmp_path / "bin" / name), [""]
    environ = {"PATH": str(installed.parent), "VESTIBULE_CACHE": str(tmp_path / "cache")}
    assert ensure_browser(environ, told.append) == installed
    assert told == [""]
    assert not (tmp_path / "cache").exists()


def test_a_given_browser_goes_before_the_systems(tmp_path: Path) -> None:
    installed, given = program(tmp_path / "bin" / "chromium"), program(tmp_path / "mine")
    assert find_browser({"PATH": str(installed.parent), SETTING: str(given)}) == given


def test_a_given_browser_that_is_none_is_told_and_not_replaced_by_another(tmp_path: Path) -> None:
    installed, text = program(tmp_path / "bin" / "chromium"), tmp_path / "text"
    text.touch(mode=0o644)
    for wrong in (text, tmp_path, tmp_path / "absent"):
        with pytest.raises(InvalidSetting, match=f"{SETTING} is '{wrong}', and that is no program"):
            ensure_browser({"PATH": str(installed.parent), SETTING: str(wrong)}, print)


def test_without_a_browser_and_without_apt_one_line_says_what_to_do(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "VESTIBULE_CACHE": str(tmp_path / "cache")}
    assert find_browser(environ) is None
    with pytest.raises(
        MissingPrerequisite, match=rf"^chromium is not installed and there is no apt-get .*{SETTING}$"
    ):
        ensure_browser(environ, print)


def test_what_was_unpacked_once_is_used_again_without_apt(tmp_path: Path) -> None:
    program(tmp_path / "cache" / "chromium" / "usr/lib/chromium/chromium")
    prepare(tmp_path / "cache" / "chromium", tmp_path)
    environ = {"PATH": str(tmp_path), "VESTIBULE_CACHE": str(tmp_path / "cache")}
    assert ensure_browser(environ, print) == tmp_path / "cache" / "chromium" / STARTER


def test_the_starter_finds_its_libraries_and_fonts_from_wherever_it_lies(tmp_path: Path) -> None:
    making, final = tmp_path / "making", tmp_path / "a folder"
    program(making / "usr/lib/chromium/chromium")
    multiarch = f"{os.uname().machine}-linux-gnu"
    for part in ("usr/lib", "lib"):
        (making / part / multiarch).mkdir(parents=True)
    prepare(making, final)
    making.rename(final)
    told = subprocess.run(
        [final / STARTER, "--headless", "a b"],
        env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": "before"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    ).stdout.strip()
    libraries, fonts, arguments = told.split("|")
    folders = [final / "usr/lib" / multiarch, final / "lib" / multiarch]
    assert libraries.split(":") == [
        *(str(folder) for folder in folders),
        *(str(folder / "pulseaudio") for folder in folders),
        "before",
    ]
    assert Path(fonts).parent == final
    assert arguments == "--headless a b"


def test_unpacked_packages_that_do_not_start_are_told_with_the_reason(tmp_path: Path) -> None:
    program(tmp_path / "usr/lib/chromium/chromium", LACKS_A_LIBRARY)
    with pytest.raises(MissingPrerequisite, match=r"does not start here \(libnss3.so: cannot open"):
        prepare(tmp_path, tmp_path)


def test_what_needs_packages_tells_its_own_remedy(tmp_path: Path) -> None:
    bundle = Bundle(("erlang-base",), "erlang", "ask somebody who has it")
    environ = {"PATH": str(tmp_path), "VESTIBULE_CACHE": str(tmp_path / "cache")}
    with pytest.raises(MissingPrerequisite, match=r"^erlang-base is not installed .*, or ask somebody"):
        unpacked(bundle, environ, lambda _making, _final: None)
