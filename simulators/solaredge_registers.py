"""The holding registers of a simulated SolarEdge inverter with its meter and battery.

Layout: SunSpec common block, model 103 and meter models 201 to 204, then SolarEdge's own
battery and control blocks, whose 32- and 64-bit values come low word first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
import struct

from custom_components.smart_charging.core.grid import Topology
from custom_components.smart_charging.core.reading import BatteryMode

from .house import House

NOT_IMPLEMENTED = 0x8000
"""SunSpec's sentinel of a signed 16-bit point."""

COMMON, INVERTER, METER_COMMON, METER = 40000, 40069, 40121, 40188
END_OF_METER = METER + 107
EXPORT_CONTROL, STORAGE_CONTROL, END_OF_CONTROL = 57344, 57348, 57364
BATTERY, END_OF_BATTERY = 57600, 57736

CONTROL_MODE, AC_POLICY, DEFAULT_MODE = 57348, 57349, 57354
COMMAND_TIMEOUT, COMMAND_MODE, CHARGE_LIMIT, DISCHARGE_LIMIT = 57355, 57357, 57358, 57360

REMOTE = 4
"""Storage control mode in which the commands below hold."""

METER_MODEL = {Topology.SINGLE_230: 201, Topology.THREE_400: 203, Topology.THREE_230: 204}
PRODUCING, SLEEPING = 4, 2
FAULT, BATTERY_STATUS_FAULT, MISSING_SENSOR = 7, 5, 128
BATTERY_STATUS_CHARGE, BATTERY_STATUS_DISCHARGE, BATTERY_STATUS_IDLE = 3, 4, 7


@dataclass(frozen=True, kw_only=True)
class Nameplate:
    """Who the simulated inverter says it is."""

    serial: str = "7E12AB34"
    model: str = "SE8K-RWS48BNN4"
    firmware: str = "0004.0020.0036"
    meter: bool = True
    meter_option: str = "Export+Import"
    meter_serial: str = "606A1B2C"
    battery_serial: str = "T12345678901"
    battery_model: str = "SolarEdge Home Battery"
    storage_control: bool = True
    """Whether the block that commands the battery exists."""


def _words(value: int, count: int) -> list[int]:
    return [value >> 16 * (count - 1 - i) & 0xFFFF for i in range(count)]


def _swapped(value: int, count: int) -> list[int]:
    return _words(value, count)[::-1]


def float_words(value: float) -> list[int]:
    """Return a float32 as two words, low word first."""
    return _swapped(struct.unpack(">I", struct.pack(">f", value))[0], 2)


def float_value(low: int, high: int) -> float:
    """Return the float32 that two words, low word first, hold."""
    (value,) = struct.unpack(">f", struct.pack(">HH", high, low))
    return float(value)


@dataclass(kw_only=True)
class Registers:
    """The map: address to word. `refresh` brings the measured values up to the house's present."""

    house: House
    nameplate: Nameplate
    words: dict[int, int] = field(default_factory=dict)
    warns: set[str] = field(default_factory=set)
    """What reports a fault of its own: `inverter`, `meter`, `battery`. All go on measuring."""
    _commanded_s: float | None = None
    """When the last remote command came, monotonic; `None` once it has run out."""

    def __post_init__(self) -> None:
        """Lay out the blocks that exist and fill what never changes."""
        plate = self.nameplate
        self._put(COMMON, [0x5375, 0x6E53, 1, 65])
        self._identity(COMMON + 4, ["SolarEdge", plate.model, "", plate.firmware, plate.serial])
        self._put(COMMON + 68, [1])
        self._put(INVERTER, [103, 50, *[0] * 50])
        end = METER_COMMON
        if plate.meter:
            self._put(METER_COMMON, [1, 65])
            option = plate.meter_option
            self._identity(
                METER_COMMON + 2,
                ["SolarEdge", "SE-MTR-3Y-400V-A", option, "1.0", plate.meter_serial],
            )
            self._put(METER_COMMON + 66, [2])
            model = METER_MODEL[self.house.config.topology]
            self._put(METER, [model, 105, *[0] * 105])
            end = END_OF_METER
        self._put(end, [0xFFFF, 0])
        if self.house.battery is not None:
            self._lay_battery()

    def _lay_battery(self) -> None:
        battery, plate = self.house.battery, self.nameplate
        assert battery is not None
        self._put(BATTERY, [0] * (END_OF_BATTERY - BATTERY))
        for offset, text in ((0, "SolarEdge"), (16, plate.battery_model), (32, "1.0")):
            self._text(BATTERY + offset, text, 16)
        self._text(BATTERY + 48, plate.battery_serial, 16)
        self._float(BATTERY + 66, battery.capacity_kwh * 1000)
        charge_w = battery.config.max_charge_kw * 1000
        discharge_w = battery.config.max_discharge_kw * 1000
        for offset in (68, 72):
            self._float(BATTERY + offset, charge_w)
            self._float(BATTERY + offset + 2, discharge_w)
        if not plate.storage_control:
            return
        self._put(EXPORT_CONTROL, [0] * (END_OF_CONTROL - EXPORT_CONTROL))
        # As commissioned: maximise self-consumption, no charging from the grid.
        self._put(CONTROL_MODE, [1, 0])
        self._put(DEFAULT_MODE, [7])
        self._put(COMMAND_TIMEOUT, _swapped(3600, 2))
        self._put(COMMAND_MODE, [7])
        self._float(CHARGE_LIMIT, charge_w)
        self._float(DISCHARGE_LIMIT, discharge_w)

    def write(self, address: int, values: list[int]) -> bool:
        """Take an order; False when an address of it cannot be written."""
        span = range(address, address + len(values))
        if not all(STORAGE_CONTROL <= a < END_OF_CONTROL and a in self.words for a in span):
            return False
        self._put(address, values)
        if COMMAND_MODE in span:
            self._commanded_s = self.house.clock.monotonic()
        self._command()
        return True

    def refresh(self) -> None:
        """Bring every measured value up to the clock."""
        now_s = self.house.clock.monotonic()
        if self._commanded_s is not None:
            low, high = self.words[COMMAND_TIMEOUT], self.words[COMMAND_TIMEOUT + 1]
            if now_s - self._commanded_s > (high << 16 | low):
                self._commanded_s = None
                self._command()
        self.house.advance()
        self._measure_inverter()
        if self.nameplate.meter:
            self._measure_meter()
        if self.house.battery is not None:
            self._measure_battery()

    def _command(self) -> None:
        """Give the battery of the house the mode that the control registers ask for."""
        battery = self.house.battery
        assert battery is not None
        command = 7
        if self.words[CONTROL_MODE] == REMOTE:
            running = self._commanded_s is not None
            command = self.words[COMMAND_MODE if running else DEFAULT_MODE]
        charge_kw = float_value(*(self.words[CHARGE_LIMIT + i] for i in (0, 1))) / 1000
        discharge_kw = float_value(*(self.words[DISCHARGE_LIMIT + i] for i in (0, 1))) / 1000
        match command:
            case 3 if self.words[AC_POLICY] == 0:
                battery.order(BatteryMode.CHARGE, min(charge_kw, self.house.pv_kw))
            case 3:
                battery.order(BatteryMode.CHARGE, charge_kw)
            case 2:
                battery.order(BatteryMode.CHARGE, min(charge_kw, self.house.pv_kw))
            case 4:
                battery.order(BatteryMode.DISCHARGE, discharge_kw)
            case 0 | 1:
                battery.order(BatteryMode.HOLD)
            case _:
                battery.order(BatteryMode.SELF_CONSUMPTION)

    def _measure_inverter(self) -> None:
        house = self.house
        battery_kw = house.battery.power_kw if house.battery else 0.0
        # The house knows AC only; conversion losses between the two sides are left out.
        power_w = (house.pv_kw - battery_kw) * 1000
        wh = house.pv_energy_kwh
        if house.battery is not None:
            wh += house.battery.discharged_kwh - house.battery.charged_kwh
        volts = [230.0, 230.0, 230.0]
        amps = [power_w / 690] * 3
        self._scaled(INVERTER + 2, [abs(sum(amps)), *map(abs, amps)], INVERTER + 6)
        self._scaled(INVERTER + 7, [*[400.0] * 3, *volts], INVERTER + 13)
        self._scaled(INVERTER + 14, [power_w], INVERTER + 15)
        self._scaled(INVERTER + 16, [50.0], INVERTER + 17)
        self._put(INVERTER + 24, [*_words(round(wh * 1000), 2), 0])
        self._scaled(INVERTER + 31, [power_w], INVERTER + 32)
        self._scaled(INVERTER + 34, [35.0], INVERTER + 37)
        status = PRODUCING if house.pv_kw > 0 or abs(battery_kw) > 0.001 else SLEEPING
        broken = "inverter" in self.warns
        self._put(INVERTER + 38, [FAULT, 17] if broken else [status, 0])

    def _measure_meter(self) -> None:
        meter, topology = self.house.meter, self.house.config.topology
        phases = len(meter.phase_kw)
        amps = [*map(abs, meter.phase_a), *[None] * (3 - phases)]
        self._scaled(METER + 2, [sum(a or 0.0 for a in amps), *amps], METER + 6)
        volts = [*meter.phase_v, *[None] * (3 - phases)]
        if topology is Topology.THREE_230:
            self._scaled(METER + 7, [None] * 4 + [230.0, *volts], METER + 15)
        else:
            between = [400.0 if phases == 3 else None] * 4
            self._scaled(METER + 7, [230.0, *volts, *between], METER + 15)
        self._scaled(METER + 16, [50.0], METER + 17)
        # Seen from the inverter: export is positive. Two elements measure no single phase.
        each = [-1000 * kw for kw in meter.phase_kw] if topology is not Topology.THREE_230 else []
        powers = [-1000 * meter.power_kw, *each, *[None] * (3 - len(each))]
        self._scaled(METER + 18, powers, METER + 22)
        self._put(METER + 38, _words(round(meter.export_kwh * 1000), 2))
        self._put(METER + 46, _words(round(meter.import_kwh * 1000), 2))
        self._put(METER + 54, [0])
        self._put(METER + 105, _words(MISSING_SENSOR if "meter" in self.warns else 0, 2))

    def _measure_battery(self) -> None:
        battery = self.house.battery
        assert battery is not None
        power_w = battery.power_kw * 1000
        for offset, value in (
            (108, 24.0),
            (110, 26.0),
            (112, 400.0),
            (114, power_w / 400),
            (116, power_w),
            (126, battery.capacity_kwh * 1000),
            (128, battery.capacity_kwh * battery.soc * 1000),
            (130, 99.0),
            (132, battery.soc * 100),
        ):
            self._float(BATTERY + offset, value)
        self._put(BATTERY + 118, _swapped(round(battery.discharged_kwh * 1000), 4))
        self._put(BATTERY + 122, _swapped(round(battery.charged_kwh * 1000), 4))
        status = BATTERY_STATUS_IDLE
        if abs(power_w) > 10:
            status = BATTERY_STATUS_CHARGE if power_w > 0 else BATTERY_STATUS_DISCHARGE
        if "battery" in self.warns:
            status = BATTERY_STATUS_FAULT
        self._put(BATTERY + 134, _swapped(status, 2))

    def _put(self, address: int, values: list[int]) -> None:
        self.words.update(enumerate(values, address))

    def _float(self, address: int, value: float) -> None:
        self._put(address, float_words(value))

    def _text(self, address: int, text: str, count: int) -> None:
        data = text.encode("ascii").ljust(2 * count, b"\0")[: 2 * count]
        self._put(address, list(struct.unpack(f">{count}H", data)))

    def _identity(self, address: int, texts: list[str]) -> None:
        """Put manufacturer, model, option, version and serial as a common block has them."""
        for text, count in zip(texts, (16, 16, 8, 8, 16), strict=True):
            self._text(address, text, count)
            address += count

    def _scaled(self, address: int, values: Sequence[float | None], scale_at: int) -> None:
        """Put signed points and the power of ten they share, as fine as 16 bits allow."""
        highest = max((abs(v) for v in values if v is not None), default=0.0)
        exponent = next(e for e in range(-2, 6) if round(highest / 10.0**e) < 0x7FFF)
        scaled = [NOT_IMPLEMENTED if v is None else round(v / 10.0**exponent) for v in values]
        self._put(address, [word & 0xFFFF for word in scaled])
        self._put(scale_at, [exponent & 0xFFFF])
