"""Sets up the demo's site in Home Assistant, through the same forms that a person fills in."""

from dataclasses import dataclass

from .api import Api
from .flows import Form, add_entry, add_subentry
from .report import DemoError, say
from .surroundings import (
    CAPACITY_KWH,
    EXPORT_PRICE,
    PASSWORD,
    PRICE_ENTITY,
    SOC_ENTITY,
    TARGET_SOC,
    Surroundings,
)

DOMAIN = "smart_charging"
SITE = Form(
    title="Home",
    steps={
        "user": {
            "name": "Home",
            "currency": "EUR",
            "topology": "grid_3x400",
            "fuse_a": 25,
            "peak_price_year": 50,
            "peak_floor_kw": 2.5,
            "slow_meter_a": 0,
        }
    },
)


def subentries(surroundings: Surroundings) -> tuple[tuple[str, Form], ...]:
    """Return what the site consists of: kind of subentry and what to fill in."""
    ports = surroundings.ports
    return (
        (
            "price",
            Form(
                title="Market price",
                steps={
                    "user": {"next_step_id": "entity"},
                    "entity": {"role": "import", "entity": PRICE_ENTITY},
                },
            ),
        ),
        (
            "price",
            Form(
                title="Feed-in rate",
                steps={
                    "user": {"next_step_id": "fixed"},
                    "fixed": {"role": "export", "rate": EXPORT_PRICE},
                },
            ),
        ),
        (
            "device",
            Form(
                title="Smart meter",
                steps={
                    "user": {"next_step_id": "p1"},
                    "p1": {"url": f"socket://127.0.0.1:{ports.p1}", "version": "5b"},
                },
            ),
        ),
        (
            "device",
            Form(
                title="Inverter",
                steps={
                    "user": {"next_step_id": "solaredge_modbus"},
                    "solaredge_modbus": {"host": "127.0.0.1", "port": ports.solaredge, "unit": 1},
                    # Its meter measures the same connection as the P1 port, which is faster.
                    "parts": {"parts": ["pv"]},
                },
            ),
        ),
        (
            "device",
            Form(
                title="Charger",
                steps={
                    "user": {"next_step_id": "wattpilot"},
                    "commission_offer": {"next_step_id": "later"},
                    "wattpilot": {
                        "host": f"127.0.0.1:{ports.wattpilot}",
                        "password": PASSWORD,
                    },
                },
            ),
        ),
        (
            "vehicle",
            Form(
                title="Car",
                steps={
                    "user": {
                        "name": "Car",
                        "capacity_kwh": CAPACITY_KWH,
                        "soc_entity": SOC_ENTITY,
                        "max_phases": "3",
                        "efficiency": 90,
                    }
                },
            ),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Entities:
    """The integration's entities by role, looked up by unique id."""

    plan_cost: str
    plan_savings: str
    plan_made: str
    status: str
    act: str
    grid_power: str
    house_power: str
    pv_power: str
    import_price: str
    charger_power: str
    charger_status: str
    setpoint: str
    current: str
    reason: str
    mode: str
    next_start: str
    session: str
    calendar: str
    vehicle_soc: str
    target_soc: str
    ready_by: str
    all: tuple[str, ...]

    @classmethod
    async def look_up(cls, api: Api) -> "Entities":
        """Find them in Home Assistant's registry. Raises DemoError for one that is missing."""
        rows = [
            row
            for row in await api.call("config/entity_registry/list")
            if row["platform"] == DOMAIN
        ]

        def find(domain: str, key: str, of: str = "") -> str:
            for row in rows:
                unique_id = str(row["unique_id"])
                is_there = row["entity_id"].startswith(f"{domain}.") and of in unique_id
                if is_there and unique_id.endswith(f"_{key}"):
                    return str(row["entity_id"])
            known = sorted(str(row["unique_id"]) for row in rows)
            raise DemoError(f"There is no {domain} {key} {of} among {known}")

        return cls(
            plan_cost=find("sensor", "plan_cost"),
            plan_savings=find("sensor", "plan_savings"),
            plan_made=find("sensor", "plan_made"),
            status=find("sensor", "status"),
            act=find("switch", "act"),
            grid_power=find("sensor", "grid_power"),
            house_power=find("sensor", "house_power"),
            pv_power=find("sensor", "power", of="solaredge_modbus"),
            import_price=find("sensor", "import_price"),
            charger_power=find("sensor", "power", of="wattpilot"),
            charger_status=find("sensor", "charger_status"),
            setpoint=find("sensor", "setpoint"),
            current=find("number", "current", of="wattpilot"),
            reason=find("sensor", "reason"),
            mode=find("select", "charging_mode"),
            next_start=find("sensor", "next_start"),
            session=find("sensor", "session_energy"),
            calendar=find("calendar", "planned_charging"),
            vehicle_soc=next(
                str(row["entity_id"])
                for row in rows
                if str(row["unique_id"]).endswith("_soc")
                and row["entity_id"].startswith("sensor.")
                and "solaredge" not in str(row["unique_id"])
            ),
            target_soc=find("number", "target_soc"),
            ready_by=find("time", "ready_by"),
            all=tuple(sorted(str(row["entity_id"]) for row in rows)),
        )


async def build(api: Api, surroundings: Surroundings) -> None:
    """Add the site with all that belongs to it."""
    entry_id = await add_entry(api, DOMAIN, SITE)
    for kind, form in subentries(surroundings):
        say(f"Adding {form.title} ...")
        await add_subentry(api, entry_id, kind, form)


async def settle(api: Api) -> None:
    """Give the demo's user a 24-hour clock: plans are easier to read."""
    locale = {
        "language": "en",
        "number_format": "language",
        "time_format": "24",
        "date_format": "language",
        "first_weekday": "monday",
        "time_zone": "server",
    }
    await api.call("frontend/set_user_data", key="language", value=locale)


async def ask(api: Api, surroundings: Surroundings, entities: Entities) -> None:
    """Ask for the energy, and hand control over."""
    ready_by = surroundings.ready_by
    await api.act("number", "set_value", entities.target_soc, value=round(TARGET_SOC * 100))
    await api.act("time", "set_value", entities.ready_by, time=ready_by.strftime("%H:%M:%S"))
    await api.act("switch", "turn_on", entities.act)
    say(f"The car wants {TARGET_SOC:.0%} by {ready_by:%H:%M}; control is handed over")
