"""How the demo tells a person what goes on, and what went wrong."""

import time

_STARTED = time.monotonic()


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def elapsed_s() -> float:
    """Return the seconds since the demo started."""
    return time.monotonic() - _STARTED


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{elapsed_s():6.1f} s] {text}", flush=True)
