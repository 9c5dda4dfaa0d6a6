"""Starts the demo: `python -m demo --help`."""

import argparse
import asyncio
from contextlib import suppress
import json
from pathlib import Path
import signal
import sys
import time

import aiohttp

from . import dashboard, home
from .api import NAME, PASSWORD, Api, Json
from .home_assistant import HomeAssistant, prepare
from .report import DemoError, say
from .screenshot import take
from .surroundings import TIME_ZONE, Ports, Surroundings, free_port
from .watch import Watch

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".demo"
CONFIG = FOLDER / "config"
LOG = FOLDER / "home-assistant.log"
AUTH = FOLDER / "auth.json"
PORT = 8123


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="A Home Assistant with Smart Charging and a simulated house around it.",
    )
    parser.add_argument(
        "--port", type=int, help=f"where to listen (default: {PORT}, or the next that is free)"
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="stop when the first plan stands and a setpoint holds; the last line is JSON",
    )
    parser.add_argument("--keep", action="store_true", help="go on with the last demo's data")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="take a picture and stop")
    parser.add_argument(
        "--after", type=float, default=60, metavar="S", help="seconds before the picture (60)"
    )
    return parser.parse_args()


def choose_port(wanted: int | None) -> int:
    """Return the port to listen on. Raises DemoError if the wanted one is taken."""
    if wanted is not None:
        try:
            return free_port(wanted)
        except OSError as err:
            raise DemoError(f"Port {wanted} is taken: {err.strerror}") from err
    for port in range(PORT, PORT + 20):
        with suppress(OSError):
            return free_port(port)
    return free_port()


def installed_version() -> str:
    """Return the version of Home Assistant in this environment."""
    # Read, not imported: the demo stays outside of Home Assistant.
    from importlib.metadata import version

    return version("homeassistant")


def keep_tokens(api: Api) -> None:
    """Write what a browser needs to be signed in."""
    tokens = {
        **api.tokens,
        "hassUrl": api.url,
        "clientId": api.client_id,
        "expires": int((time.time() + api.tokens["expires_in"]) * 1000),
    }
    AUTH.touch(mode=0o600)
    AUTH.write_text(json.dumps({"url": api.url, "hassTokens": tokens}), "utf-8")


async def run(arguments: argparse.Namespace) -> Json | None:
    """Run the demo; returns the figures of `--once`."""
    version = installed_version()
    port = choose_port(arguments.port)
    FOLDER.mkdir(exist_ok=True)
    new = await asyncio.to_thread(
        prepare, CONFIG, version=version, port=port, time_zone=TIME_ZONE, keep=arguments.keep
    )
    surroundings = Surroundings(Ports.load(FOLDER / "ports.json", keep=not new))
    home_assistant = HomeAssistant(CONFIG, LOG, port)
    async with surroundings.running(), aiohttp.ClientSession() as session:
        try:
            say(f"Starting Home Assistant {version}, log in {LOG.relative_to(ROOT)} ...")
            await home_assistant.start(session)
            async with await Api.sign_in(session, home_assistant.url, new=new) as api:
                keep_tokens(api)
                return await show(arguments, api, surroundings, home_assistant, new=new)
        except (DemoError, aiohttp.ClientError):
            print(f"\nThe end of {LOG}:\n{home_assistant.tail()}\n", file=sys.stderr)
            raise
        finally:
            say("Stopping ...")
            await home_assistant.stop()
            AUTH.unlink(missing_ok=True)


async def show(
    arguments: argparse.Namespace,
    api: Api,
    surroundings: Surroundings,
    home_assistant: HomeAssistant,
    *,
    new: bool,
) -> Json | None:
    """Set the home up and let it live."""
    await surroundings.feed_once(api)
    if new:
        await home.settle(api)
        await home.build(api, surroundings)
    watch = Watch(entities=await home.Entities.look_up(api))
    await watch.start(api)
    address = await dashboard.show(api, watch.entities)
    # Home Assistant shows whole seconds.
    watch.asked_at = surroundings.clock.now().replace(microsecond=0)
    await home.ask(api, surroundings, watch.entities)
    feeding = asyncio.create_task(surroundings.feed(api))
    try:
        if arguments.once:
            figures = await watch.first(api, home_assistant)
            if errors := home_assistant.errors():
                raise DemoError("The log holds errors:\n" + "\n".join(errors))
            return {"ha_version": installed_version(), **figures}
        if arguments.screenshot is not None:
            await watch.first(api, home_assistant)
            await asyncio.sleep(arguments.after)
            await take(AUTH, address, arguments.screenshot)
            return None
        print(f"\n  {address}\n  name: {NAME}, password: {PASSWORD}\n  Ctrl-C ends it.\n")
        while True:
            home_assistant.check()
            if feeding.done():
                feeding.result()
            await watch.look(api)
            await asyncio.sleep(5)
    finally:
        feeding.cancel()
        with suppress(asyncio.CancelledError, DemoError, aiohttp.ClientError):
            await feeding


async def main() -> int:
    """Run until it ends or a signal ends it."""
    task = asyncio.create_task(run(parse()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        figures = await task
    except asyncio.CancelledError:
        return 0
    except (DemoError, aiohttp.ClientError, OSError) as err:
        print(f"demo: {err or type(err).__name__}", file=sys.stderr)
        return 1
    if figures is not None:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
