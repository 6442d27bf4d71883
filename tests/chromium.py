"""Sees to it that there is a Chromium for the browser tests: one on the PATH, Debian's (as root), or Playwright's own.

python tests/chromium.py        exit 0 when there is one; else says why not and exits 1
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def on_the_path() -> str | None:
    """The executable of a Chromium that somebody installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def of_playwright() -> str | None:
    """The executable of the Chromium that Playwright brought, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def executable() -> str | None:
    """What a test starts; None where there is none."""
    return on_the_path() or of_playwright()


def install() -> None:
    """Tries to bring one. Raises OSError, CalledProcessError."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet, stdout=subprocess.DEVNULL)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def main() -> None:
    if executable():
        return
    print("no Chromium on the PATH; installing one")
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no Chromium could be installed: {error}", file=sys.stderr)
    if not executable():
        raise SystemExit(1)


if __name__ == "__main__":
    main()
