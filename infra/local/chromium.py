"""A browser for the tests: the system's, else Debian's Chromium with its libraries in our own cache.

Playwright drives it with a Node.js of its own, which needs a library that a bare Debian lacks.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.debian_packages import Bundle, last_line, library_folders, unpacked
from infra.local.places import LOCAL, VENV, write_whole
from infra.local.problems import InvalidSetting, MissingPrerequisite

SETTING = "VESTIBULE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = f"give the path of a browser by {SETTING}"
PACKAGES = Bundle(
    ("chromium", "chromium-common", "fonts-dejavu-core"),
    "chromium",
    REMEDY,
    libraries_of="chromium",
    # a fifth of the download, for drawing by a graphics card: without a screen nothing opens them
    unused=("libgl1-mesa-dri", "libllvm", "libz3"),
)
STARTER = "start-chromium"
NODE_SETTING = "PLAYWRIGHT_NODEJS_PATH"
NODE_LIBRARY = Bundle(("libatomic1",), "libatomic", f"give the path of a Node.js by {NODE_SETTING}")
START_SECONDS = 60
Say = Callable[[str], None]


def browser_settings(environ: Mapping[str, str], say: Say) -> dict[str, str]:
    """The environment in which Playwright starts and finds a browser; raises as `ensure_browser`."""
    settings = {SETTING: str(ensure_browser(environ, say))}
    node = next(VENV.glob("lib/python3.*/site-packages/playwright/driver/node"))
    if not environ.get(NODE_SETTING) and not starts(node):
        settings[NODE_SETTING] = str(node_with_its_library(node, environ, say))
    return settings


def ensure_browser(environ: Mapping[str, str], say: Say) -> Path:
    """The path of a Chromium that starts here; raises MissingPrerequisite with what to do."""
    found = find_browser(environ)
    return unpacked(PACKAGES, environ, prepare, say) / STARTER if found is None else found


def find_browser(environ: Mapping[str, str]) -> Path | None:
    """The browser that the setting gives, else the system's, if it has one."""
    if given := environ.get(SETTING):
        if not Path(given).is_file() or not os.access(given, os.X_OK):
            raise InvalidSetting(f"{SETTING} is {given!r}, and that is no program")
        return Path(given)
    installed = (shutil.which(name, path=environ.get("PATH")) for name in NAMES)
    return next((Path(path) for path in installed if path is not None), None)


def prepare(making: Path, _final: Path) -> None:
    """Put a starter and its fonts' settings beside the unpacked files, and see that it starts."""
    folders = [folder.relative_to(making) for folder in library_folders(making)]
    # PulseAudio's client has half of itself in a folder that only its absolute path leads to
    folders += [folder / "pulseaudio" for folder in folders]
    libraries = ":".join(f"$here/{folder}" for folder in folders)
    (making / "fonts.conf").write_text(FONTS, encoding="utf-8")
    starter = making / STARTER
    starter.write_text(START.format(libraries=libraries), encoding="utf-8")
    starter.chmod(0o755)
    asked = ask_version(starter)
    if asked.returncode != 0:
        raise MissingPrerequisite(
            f"Debian's Chromium does not start here ({last_line(asked.stderr)}): install it, or {REMEDY}"
        )


def node_with_its_library(node: Path, environ: Mapping[str, str], say: Say) -> Path:
    """A starter for Playwright's Node.js, which belongs to this checkout as that does."""
    folders = library_folders(unpacked(NODE_LIBRARY, environ, lambda _making, _final: None, say))
    libraries = shlex.quote(":".join(str(folder) for folder in folders))
    starter = LOCAL / "playwright" / "node"
    write_whole(
        starter,
        f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {shlex.quote(str(node))} "$@"\n',
        mode=0o755,
    )
    return starter


def starts(program: Path) -> bool:
    """Whether the system has every library that the program is linked to."""
    return ask_version(program).returncode == 0


def ask_version(program: Path) -> subprocess.CompletedProcess[str]:
    """Have a program tell its version, for which it must find its libraries."""
    return subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=START_SECONDS, check=False
    )


START = """\
#!/bin/sh
# Debian's own starter looks for everything where the system would have it
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/usr/lib/chromium/chromium" "$@"
"""
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""
