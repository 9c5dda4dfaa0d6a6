"""How the tasks of devices and prices end, and how they report what nobody foresaw."""

import asyncio
import logging
from types import CodeType

_LOGGER = logging.getLogger(__name__)

STOP_S = 4.0
"""Drivers close their links in 2 s even where nobody answers; nobody waits longer for a stop."""


async def end(task: asyncio.Task[None], name: str) -> None:
    """Cancel a task and wait until it closed what it opened, `STOP_S` at most."""
    task.cancel()
    _, pending = await asyncio.wait({task}, timeout=STOP_S)
    if pending:
        _LOGGER.warning("The link of %s was not closed in time", name)
        task.cancel()


def is_ending() -> bool:
    """Tell whether somebody wants the running task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Seen:
    """The unforeseen errors of one task so far, told apart by kind and place."""

    def __init__(self) -> None:
        """Know no error yet."""
        self._places: set[tuple[type[BaseException], CodeType | None, int]] = set()

    def first(self, err: BaseException) -> bool:
        """Tell whether no error of this kind was raised at this place before."""
        trace = err.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        code, line = (None, 0) if trace is None else (trace.tb_frame.f_code, trace.tb_lineno)
        place = (type(err), code, line)
        if place in self._places:
            return False
        self._places.add(place)
        return True
