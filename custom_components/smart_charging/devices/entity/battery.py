"""A home battery made of entities."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, override

from ...core.reading import BatteryMode, BatteryReading, PartKind
from ..base import Data, DriverContext, PartInfo
from .driver import EntityDriver
from .errors import ModeNotSupported, NothingChosen
from .memory import Memory
from .state import Quantity, check, text
from .writer import meaning

_POWERS = ("power", "input_power", "output_power")
"""Form fields of which one at least must be filled in."""


class EntityBattery(EntityDriver):
    """SoC and power, as one figure or one each way; a mode by a select, switch or number and powers by numbers, where there are.

    Where one number takes both powers, it is a signed setpoint: + charges.
    """

    kind = PartKind.BATTERY
    mains = ("soc",)
    quantities = {
        "soc": Quantity.SOC,
        "power": Quantity.POWER,
        "input_power": Quantity.POWER,
        "output_power": Quantity.POWER,
        "charge_power": Quantity.POWER,
        "discharge_power": Quantity.POWER,
        "charged_energy": Quantity.ENERGY,
        "discharged_energy": Quantity.ENERGY,
    }

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take the form's values; nothing is looked up yet."""
        super().__init__(data, context)
        self._memory = Memory(self.hass, self.writer)

    @override
    def read(self, at: datetime) -> BatteryReading:
        return BatteryReading(
            at=at,
            soc=self.value("soc"),
            power_kw=self._power(),
            mode=self._mode(),
            charged_kwh=self.value("charged_energy"),
            discharged_kwh=self.value("discharged_energy"),
        )

    @override
    def describe(self) -> PartInfo:
        if not self.ids.keys() & set(_POWERS):
            raise NothingChosen(", ".join(_POWERS))
        if (entity_id := self.ids.get("mode")) is not None:
            self._check_options(entity_id)
        features = {"charged_energy": "charged_kwh", "discharged_energy": "discharged_kwh"}
        return PartInfo(
            key=self.part,
            kind=self.kind,
            capacity_kwh=self.figure("capacity_kwh"),
            max_charge_kw=self._highest("max_charge_kw", "charge_power"),
            max_discharge_kw=self._highest("max_discharge_kw", "discharge_power"),
            # Without a way back to its own control nothing may be ordered.
            controllable="mode" in self.ids
            and self._option(BatteryMode.SELF_CONSUMPTION) is not None,
            features=tuple(feature for key, feature in features.items() if key in self.ids),
        )

    async def set_battery(self, part: str, mode: BatteryMode, power_kw: float) -> None:
        """Order a mode; `power_kw` (magnitude) matters for charge and discharge.

        Raises ModeNotSupported, Rejected or CannotConnect.
        """
        entity_id = self.ids.get("mode")
        if entity_id is None or (own := self._option(BatteryMode.SELF_CONSUMPTION)) is None:
            raise ModeNotSupported(mode, mode=mode)
        if mode is BatteryMode.SELF_CONSUMPTION:
            await self.writer.set_text(entity_id, own)
            await self._memory.restore()
            return
        option, number, power = self._order(mode, power_kw)
        self._memory.remember(
            self.ids[key] for key in ("charge_power", "discharge_power") if key in self.ids
        )
        if number is not None:
            await self.writer.set_quantity(number, power, Quantity.POWER)
        if option is not None:
            await self.writer.set_text(entity_id, option)

    def dump_state(self) -> dict[str, Any]:
        """Return what must be put back after a restart."""
        return self._memory.dump()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `dump_state` gave."""
        self._memory.load(state)

    def _power(self) -> float | None:
        if "power" in self.ids:
            # Home Assistant publishes + on discharge, we count + on charge.
            power = self.power()
            return -power if power else power
        taken = self.value("input_power") if "input_power" in self.ids else 0.0
        given = self.value("output_power") if "output_power" in self.ids else 0.0
        # Some show the magnitude of what flows in and of what flows out, each in its own sensor.
        return None if taken is None or given is None else abs(taken) - abs(given)

    def _order(self, mode: BatteryMode, power_kw: float) -> tuple[str | None, str | None, float]:
        """Return the option, the number and its value in kW that put the battery into `mode`."""
        charge, discharge = self.ids.get("charge_power"), self.ids.get("discharge_power")
        setpoint = charge if charge is not None and charge == discharge else None
        option = self._option(mode)
        if mode is BatteryMode.HOLD:
            if option is not None:
                return option, setpoint, 0.0
            # A charge or discharge of 0 W holds as well.
            for other, number in ((BatteryMode.CHARGE, charge), (BatteryMode.DISCHARGE, discharge)):
                if number is not None and (option := self._option(other)) is not None:
                    return option, number, 0.0
        elif option is not None:
            number = charge if mode is BatteryMode.CHARGE else discharge
            sign = -1 if setpoint is not None and mode is BatteryMode.DISCHARGE else 1
            return option, number, sign * power_kw
        raise ModeNotSupported(mode, mode=mode)

    def _option(self, mode: BatteryMode) -> str | None:
        return str(self.data.get(f"option_{mode.value}") or "").strip() or None

    def _mode(self) -> BatteryMode | None:
        shown = text(self.hass, self.ids.get("mode"))
        if shown is None:
            return None
        return next(
            (
                mode
                for mode in BatteryMode
                if (option := self._option(mode)) is not None and _means(option, shown)
            ),
            None,
        )

    def _check_options(self, entity_id: str) -> None:
        """Raise OptionMissing where an entity knows no such word as the form names."""
        check(self.hass, entity_id, None)
        for mode in BatteryMode:
            if (option := self._option(mode)) is not None:
                meaning(self.hass, entity_id, option)

    def _highest(self, figure: str, number: str) -> float | None:
        """Return the form's figure, else the most that the number takes."""
        if (value := self.figure(figure)) is not None or number not in self.ids:
            return value
        limits = self.writer.range(self.ids[number], Quantity.POWER)
        return None if limits is None else max(abs(limits.low), abs(limits.high))


def _means(option: str, shown: str) -> bool:
    """Return whether a state is what `option` names; numbers compare as numbers."""
    if option.casefold() == shown.casefold():
        return True
    try:
        return float(option) == float(shown)
    except ValueError:
        return False
