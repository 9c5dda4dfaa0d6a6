"""All simulators around one house, and the commands that a person types to them."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import cast

from custom_components.smart_charging.core.clock import Clock

from . import p1, solaredge_cloud, solaredge_modbus, sonnen, wattpilot, wits
from .egauge import Egauge
from .house import BatteryConfig, Car, ChargePoint, ChargerConfig, House, HouseConfig
from .nrgkick import NrgkickGen2
from .nrgkick_gen1 import NrgkickGen1
from .powerflex import PowerFlex


@dataclass(frozen=True, kw_only=True)
class Started:
    """A simulator that runs."""

    address: str
    """Where it listens and what it takes to get in, in words."""
    faults: Collection[str]
    inject: Callable[[str, int], object]
    """Switches a fault on, for a number of times where the simulator counts them."""
    clear: Callable[[], object]
    stop: Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Stand:
    """One row of the table: a simulator, its port for use by hand, and how it starts."""

    name: str
    port: int
    start: Callable[[House, Clock, int], Awaitable[Started]]


async def _start_p1(house: House, clock: Clock, port: int) -> Started:
    meter = p1.P1Simulator(house, clock)
    bound = await meter.start_tcp(port)
    return Started(
        address=f"socket://127.0.0.1:{bound} and serial port {meter.start_pty()}",
        faults=p1.FAULTS,
        inject=meter.inject,
        clear=meter.clear,
        stop=meter.stop,
    )


async def _start_wattpilot(house: House, clock: Clock, port: int) -> Started:
    charger = wattpilot.WattpilotSimulator(house, clock, next(iter(house.chargers)))
    bound = await charger.start(port)
    return Started(
        address=f"127.0.0.1:{bound}, password secret",
        faults=wattpilot.FAULTS,
        inject=lambda name, _count: charger.inject(cast(wattpilot.Fault, name)),
        clear=charger.clear,
        stop=charger.stop,
    )


async def _start_nrgkick(house: House, clock: Clock, port: int) -> Started:
    charger = NrgkickGen2(house, clock, "nrgkick")
    bound = await charger.start(port)
    return Started(
        address=f"127.0.0.1:{bound}, no password",
        faults=charger.FAULTS,
        inject=charger.inject,
        clear=charger.clear,
        stop=charger.stop,
    )


async def _start_nrgkick_gen1(house: House, clock: Clock, port: int) -> Started:
    gateway = NrgkickGen1(house, clock, "nrgkick_gen1")
    bound = await gateway.start(port)
    return Started(
        address=f"127.0.0.1:{bound}, password 1234",
        faults=gateway.FAULTS,
        inject=gateway.inject,
        clear=gateway.clear,
        stop=gateway.stop,
    )


async def _start_solaredge_modbus(house: House, _clock: Clock, port: int) -> Started:
    inverter = solaredge_modbus.SolarEdgeModbus(house, port=port)
    await inverter.start()
    return Started(
        address=f"127.0.0.1, port {inverter.port}, unit {inverter.unit}",
        faults=solaredge_modbus.FAULTS,
        inject=lambda name, _count: inverter.inject(name),
        clear=inverter.clear,
        stop=inverter.stop,
    )


async def _start_solaredge_cloud(house: House, _clock: Clock, port: int) -> Started:
    cloud = solaredge_cloud.SolarEdgeCloud(house)
    cloud.port = port
    await cloud.__aenter__()
    return Started(
        address=f"{cloud.base_url}, key {cloud.api_key}, site {cloud.site_id}",
        faults=solaredge_cloud.FAULTS,
        inject=lambda name, _count: cloud.inject(name),
        clear=cloud.clear,
        stop=lambda: cloud.__aexit__(None, None, None),
    )


async def _start_sonnen(house: House, _clock: Clock, port: int) -> Started:
    battery = sonnen.Sonnen(house, port=port)
    await battery.start()
    return Started(
        address=f"{battery.host}, token {battery.token}, serial number {battery.serial}",
        faults=sonnen.FAULTS,
        inject=lambda name, _count: battery.inject(name),
        clear=battery.clear,
        stop=battery.stop,
    )


async def _start_powerflex(house: House, clock: Clock, port: int) -> Started:
    service = PowerFlex(house, clock, {"02": "powerflex"})
    bound = await service.start(port)
    return Started(
        address=f"http://127.0.0.1:{bound}, user {service.username}, password "
        f"{service.password}, garage {service.garage}, station 02",
        faults=service.FAULTS,
        inject=service.inject,
        clear=service.clear,
        stop=service.stop,
    )


async def _start_egauge(house: House, _clock: Clock, port: int) -> Started:
    meter = Egauge(house, password="secret")  # noqa: S106 - opens a simulator
    bound = await meter.start(port)
    return Started(
        address=f"http://127.0.0.1:{bound}, user name owner, password secret; without them as XML",
        faults=meter.FAULTS,
        inject=meter.inject,
        clear=meter.clear,
        stop=meter.stop,
    )


async def _start_wits(_house: House, clock: Clock, port: int) -> Started:
    market = wits.WitsSimulator(clock)
    await market.start(port)
    return Started(
        address=f"{market.base_url}, login {market.token_url}, "
        "client simulated-client, secret simulated-secret",
        faults=wits.FAULTS,
        inject=lambda name, count: market.inject(name, times=count),
        clear=market.heal,
        stop=market.stop,
    )


STANDS: tuple[Stand, ...] = (
    Stand(name="p1", port=17001, start=_start_p1),
    Stand(name="wattpilot", port=17002, start=_start_wattpilot),
    Stand(name="solaredge_modbus", port=17003, start=_start_solaredge_modbus),
    Stand(name="solaredge_cloud", port=17004, start=_start_solaredge_cloud),
    Stand(name="wits", port=17005, start=_start_wits),
    Stand(name="nrgkick", port=17006, start=_start_nrgkick),
    Stand(name="sonnen", port=17007, start=_start_sonnen),
    Stand(name="nrgkick_gen1", port=17008, start=_start_nrgkick_gen1),
    Stand(name="egauge", port=17009, start=_start_egauge),
    Stand(name="powerflex", port=17010, start=_start_powerflex),
)
"""A new simulator is one function above and one row here."""


def home(**changes: object) -> HouseConfig:
    """Return the house to try things in: three phases, sun, a battery, a car at one charger."""
    config: dict[str, object] = {
        "chargers": (
            ChargerConfig(key="charger", car=Car()),
            ChargerConfig(key="nrgkick"),
            ChargerConfig(key="nrgkick_gen1"),
            ChargerConfig(key="powerflex"),
        ),
        "battery": BatteryConfig(),
    }
    return HouseConfig(**(config | changes))  # type: ignore[arg-type]  # names are HouseConfig's


HELP = """\
status                       what flows now
fault NAME FAULT [COUNT]     spoil the simulator NAME (COUNT times, where it counts)
clear [NAME]                 end its faults, or all
plug [SOC] [CHARGER]         plug a car in, SOC in percent
unplug [CHARGER]             take the car away
load PHASE KW                switch a load on (0 off)
faults                       names of faults
quit                         stop"""


class World:
    """One house with its simulators."""

    def __init__(self, house: House, clock: Clock) -> None:
        """Take the house that all of them share."""
        self.house = house
        self.clock = clock
        self.started: dict[str, Started] = {}

    async def start(
        self, names: Collection[str] | None = None, *, fixed_ports: bool = True
    ) -> None:
        """Start the simulators of the table, or those named; else the system chooses ports.

        Raises KeyError for an unknown name and OSError for a port that is taken; what had
        started by then is stopped.
        """
        table = {stand.name: stand for stand in STANDS}
        try:
            for name in table if names is None else names:
                stand = table[name]
                port = stand.port if fixed_ports else 0
                self.started[name] = await stand.start(self.house, self.clock, port)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all that run."""
        while self.started:
            _, started = self.started.popitem()
            await started.stop()

    def status(self) -> str:
        """Return in a few words what flows now."""
        house = self.house
        house.advance()
        meter = house.meter
        words = [
            f"{house.now.astimezone(house.time_zone):%d %b %H:%M:%S}",
            f"grid {meter.power_kw:+.2f} kW",
            f"quarter {meter.quarter_kw:.2f} kW",
            f"month {meter.month_peak_kw:.2f} kW",
            f"house {house.base_kw:.2f} kW",
            f"sun {house.pv_kw:.2f} kW",
        ]
        if house.battery is not None:
            words.append(f"battery {house.battery.power_kw:+.2f} kW {house.battery.soc:.0%}")
        for key, charger in house.chargers.items():
            soc = "" if charger.car is None else f" {charger.car.soc:.0%}"
            words.append(
                f"{key} {charger.status.value}{soc} {charger.power_kw:.2f} kW "
                f"(offered {charger.effective_a:.0f} A on {charger.phases})"
            )
        words.append("lines " + " ".join(f"{amps:+.1f} A" for amps in house.line_a))
        return ", ".join(words)

    def command(self, line: str) -> str:
        """Carry out what a person typed and return the answer; mistakes are answered too."""
        match line.split():
            case [] | ["status"]:
                return self.status()
            case ["faults"]:
                return "\n".join(
                    f"{name}: {', '.join(sorted(s.faults))}" for name, s in self.started.items()
                )
            case ["fault", name, fault, *rest]:
                return self._fault(name, fault, rest)
            case ["clear", *names]:
                for name in names or self.started:
                    if name not in self.started:
                        return f"no simulator {name}"
                    self.started[name].clear()
                return "cleared"
            case ["plug", *rest]:
                return self._plug(rest)
            case ["unplug", *rest]:
                charger = self._charger(rest)
                if charger is None:
                    return f"no charger {rest[0]}"
                car = charger.unplug()
                return "no car" if car is None else f"unplugged at {car.soc:.0%}"
            case ["load", phase, power]:
                return self._load(phase, power)
            case _:
                return HELP

    def _fault(self, name: str, fault: str, rest: list[str]) -> str:
        started = self.started.get(name)
        if started is None:
            return f"no simulator {name}; there are {', '.join(self.started)}"
        if fault not in started.faults:
            return f"no fault {fault}; there are {', '.join(sorted(started.faults))}"
        count = int(rest[0]) if rest and rest[0].isdigit() else 1
        started.inject(fault, count)
        return f"{name}: {fault}"

    def _charger(self, rest: list[str]) -> ChargePoint | None:
        """Return the charger that a command names, the first where it names none."""
        chargers = self.house.chargers
        return chargers.get(rest[0]) if rest else next(iter(chargers.values()))

    def _plug(self, rest: list[str]) -> str:
        soc = int(rest.pop(0)) / 100 if rest and rest[0].isdigit() else 0.4
        charger = self._charger(rest)
        if charger is None:
            return f"no charger {rest[0]}"
        try:
            charger.plug(Car(soc=min(soc, 1.0)))
        except ValueError as err:
            return str(err)
        return f"plugged in at {soc:.0%}"

    def _load(self, phase: str, power: str) -> str:
        try:
            place, power_kw = int(phase) - 1, float(power)
        except ValueError:
            return HELP
        if place not in range(len(self.house.line_a)):
            return f"no phase {phase}"
        self.house.advance()
        self.house.extra_kw[place] = power_kw
        return f"L{phase}: {power_kw} kW more"
