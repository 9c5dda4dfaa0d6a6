"""A real Home Assistant as a child process, in a configuration folder of its own."""

import asyncio
from collections.abc import Iterator
import json
from pathlib import Path
import shutil
import signal
import sys
from typing import Any

import aiohttp

from .report import DemoError

ROOT = Path(__file__).resolve().parent.parent
INTEGRATION = ROOT / "custom_components/smart_charging"
STORED_HTTP = (2026, 7)
"""From this version the address is kept in storage; YAML would open a dialog that asks to confirm."""
START_S = 180.0
"""The first start of a new environment compiles some thousand files."""
STOP_S = 30.0

CONFIGURATION = """\
homeassistant:
  name: Demo
  latitude: 50.85
  longitude: 4.35
  elevation: 20
  unit_system: metric
  time_zone: {time_zone}
  country: BE
  currency: EUR
{http}frontend:
config:
history:
logbook:
energy:
sun:
automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml
recorder:
  commit_interval: 1
  exclude:
    entities:
      - sensor.market_price
logger:
  default: warning
  logs:
    custom_components.smart_charging: info
"""
HTTP_YAML = """\
http:
  server_host: 127.0.0.1
  server_port: {port}
"""


def stored_http(port: int) -> dict[str, Any]:
    """Return the storage file that makes Home Assistant listen on 127.0.0.1 only."""
    return {
        "version": 2,
        "minor_version": 2,
        "key": "http",
        "data": {
            "stable": {
                "server_port": port,
                "server_host": ["127.0.0.1"],
                "cors_allowed_origins": [],
                "login_attempts_threshold": -1,
                "ip_ban_enabled": True,
                "ssl_profile": "modern",
                "use_x_frame_options": True,
                "created_at": "2026-01-01T00:00:00+00:00",
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    }


def prepare(folder: Path, *, version: str, port: int, time_zone: str, keep: bool) -> bool:
    """Make the configuration folder; returns whether it is new."""
    new = not (keep and (folder / ".storage/auth").is_file())
    if new:
        shutil.rmtree(folder, ignore_errors=True)
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (folder / "custom_components").mkdir(exist_ok=True)
    link = folder / "custom_components/smart_charging"
    if not link.exists():
        link.symlink_to(INTEGRATION, target_is_directory=True)
    for name in ("automations.yaml", "scripts.yaml", "scenes.yaml"):
        (folder / name).touch()
    stored = tuple(int(part) for part in version.split(".")[:2]) >= STORED_HTTP
    if stored:
        (storage / "http").write_text(json.dumps(stored_http(port)), "utf-8")
    http = "" if stored else HTTP_YAML.format(port=port)
    (folder / "configuration.yaml").write_text(
        CONFIGURATION.format(time_zone=time_zone, http=http), "utf-8"
    )
    if new:
        # All steps but the user: the others add integrations that are no part of the demo.
        done = {"done": ["core_config", "analytics", "integration"]}
        onboarding = {"version": 4, "minor_version": 1, "key": "onboarding", "data": done}
        (storage / "onboarding").write_text(json.dumps(onboarding), "utf-8")
    return new


class HomeAssistant:
    """The process."""

    def __init__(self, folder: Path, log: Path, port: int) -> None:
        """Take the configuration folder and where to log."""
        self.folder = folder
        self.log = log
        self.url = f"http://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start it and wait until it answers. Raises DemoError."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "homeassistant", "--config", str(self.folder)),
                *("--skip-pip", "--log-no-color"),
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                # Its own session: Ctrl-C reaches the demo only, which stops it in good order.
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_S):
                while not await self._answers(session):
                    self.check()
                    await asyncio.sleep(0.1)
        except TimeoutError as err:
            raise DemoError(f"Home Assistant does not answer after {START_S:.0f} s") from err

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/api/onboarding") as answer:
                return answer.status in (200, 404)
        except aiohttp.ClientError:
            return False

    def check(self) -> None:
        """Raise DemoError if it died."""
        if self._process is not None and self._process.returncode is not None:
            raise DemoError(f"Home Assistant ended by itself (code {self._process.returncode})")

    async def stop(self) -> None:
        """Stop it in good order, and hard if that takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut does: it can do nothing more."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def errors(self) -> list[str]:
        """Return what its log says against the integration."""
        return [line for line in self._lines() if _is_ours(line)]

    def tail(self, count: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(list(self._lines())[-count:])

    def said(self) -> str:
        """Return what its log has of the integration, which others may bury."""
        return "\n".join(line for line in self._lines() if "smart_charging" in line)

    def _lines(self) -> Iterator[str]:
        if self.log.is_file():
            yield from self.log.read_text("utf-8", "replace").splitlines()


def _is_ours(line: str) -> bool:
    # The loader warns of every custom integration that it was not tested; that is no fault.
    if "We found a custom integration" in line:
        return False
    if "Detected that custom integration" in line:
        return True
    return " ERROR " in line and "smart_charging" in line
