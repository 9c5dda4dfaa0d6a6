"""Takes a picture of the dashboard in a real browser."""

import asyncio
import os
from pathlib import Path
import shutil

from .report import DemoError, say

SCRIPT = Path(__file__).with_name("screenshot.mjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
LONGEST_S = 120.0


def browser() -> str:
    """Return the path of a Chromium. Raises DemoError without one."""
    for name in (os.environ.get("CHROMIUM"), *BROWSERS):
        if name and (path := shutil.which(name)):
            return path
    raise DemoError("There is no Chromium here; name one: CHROMIUM=/path/to/chromium")


async def take(auth: Path, address: str, picture: Path) -> None:
    """Write a picture of the page at `address` to `picture`. Raises DemoError."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT), browser(), str(auth), address, str(picture))
    )
    try:
        code = await asyncio.wait_for(process.wait(), LONGEST_S)
    except TimeoutError as err:
        process.kill()
        raise DemoError(f"The browser took more than {LONGEST_S:.0f} s") from err
    if code:
        raise DemoError(f"The browser failed (code {code})")
    say(f"Picture in {picture}")
