"""What entities were set to before our first order, so that it can be put back."""

from collections.abc import Iterable, Mapping
from typing import Any

from homeassistant.core import HomeAssistant

from ..base import DeviceError
from .state import text
from .writer import Writer


class Memory:
    """Remembers each entity's first state; survives a restart as JSON."""

    def __init__(self, hass: HomeAssistant, writer: Writer) -> None:
        """Take where to read and what to put back with."""
        self._hass = hass
        self._writer = writer
        self._before: dict[str, str] = {}

    def remember(self, entities: Iterable[str]) -> None:
        """Keep the present state of `entities`, unless an earlier one is kept."""
        for entity_id in entities:
            if entity_id not in self._before and (value := text(self._hass, entity_id)) is not None:
                self._before[entity_id] = value

    async def restore(self) -> None:
        """Put back what was kept, in the order in which it was kept, and forget it.

        What cannot be put back stays kept and keeps none of the others; raises the first
        DeviceError at the end.
        """
        failed: DeviceError | None = None
        for entity_id, value in list(self._before.items()):
            try:
                await self._writer.set_text(entity_id, value)
            except DeviceError as err:
                failed = failed or err
            else:
                del self._before[entity_id]
        if failed is not None:
            raise failed

    def dump(self) -> dict[str, Any]:
        """Return what is kept, as JSON."""
        return dict(self._before)

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; ignores what it cannot use."""
        self._before = {key: value for key, value in stored.items() if isinstance(value, str)}
