"""The demo's dashboard, of Home Assistant's own cards."""

from typing import Any

from .api import Api
from .home import Entities

PATH = "smart-charging"
WELCOME = """\
A simulated house with sun on its roof and a car that wants about **1 kWh within 25 minutes**.
Everything speaks its real protocol: the meter P1, the inverter Modbus, the charger its websocket.
Prices change every five minutes and drop soon: watch the plan wait for it, or follow the sun.
"""


def tile(entity: str, name: str, **more: Any) -> dict[str, Any]:
    """Return a tile."""
    return {"type": "tile", "entity": entity, "name": name, **more}


def section(title: str, *cards: dict[str, Any]) -> dict[str, Any]:
    """Return a column of the view."""
    return {
        "type": "grid",
        "cards": [{"type": "heading", "heading": title}, *cards],
    }


def graph(title: str, *rows: tuple[str, str], hours: float = 0.5) -> dict[str, Any]:
    """Return a graph of the last hours; rows are (entity, name)."""
    return {
        "type": "history-graph",
        "title": title,
        "hours_to_show": hours,
        "entities": [{"entity": entity, "name": name} for entity, name in rows],
        "grid_options": {"columns": "full"},
    }


def dashboard(entities: Entities) -> dict[str, Any]:
    """Return the dashboard's configuration."""
    return {
        "title": "Smart Charging",
        "views": [
            {
                "title": "Home",
                "path": "home",
                "type": "sections",
                "max_columns": 3,
                "sections": [
                    section(
                        "Now",
                        {"type": "markdown", "content": WELCOME},
                        tile(entities.status, "Status"),
                        tile(entities.act, "In control"),
                        tile(entities.grid_power, "Grid"),
                        tile(entities.pv_power, "Sun"),
                        tile(entities.house_power, "House"),
                        tile(entities.import_price, "Price"),
                        graph(
                            "Power",
                            (entities.grid_power, "Grid"),
                            (entities.pv_power, "Sun"),
                            (entities.charger_power, "Charger"),
                        ),
                    ),
                    section(
                        "Charger",
                        tile(entities.reason, "Reason"),
                        tile(entities.setpoint, "Setpoint"),
                        tile(entities.charger_power, "Power"),
                        tile(entities.charger_status, "Charger"),
                        tile(entities.next_start, "Next start"),
                        tile(entities.session, "This session"),
                        tile(
                            entities.mode,
                            "Mode",
                            features=[{"type": "select-options"}],
                            grid_options={"columns": "full"},
                        ),
                        graph(
                            "Current",
                            (entities.setpoint, "Setpoint"),
                            (entities.current, "Charger"),
                        ),
                        {
                            "type": "logbook",
                            "target": {"entity_id": [entities.current, entities.reason]},
                            "hours_to_show": 1,
                            "grid_options": {"columns": "full"},
                        },
                    ),
                    section(
                        "Plan",
                        tile(entities.vehicle_soc, "Car"),
                        tile(entities.plan_cost, "Cost of the plan"),
                        tile(
                            entities.plan_savings,
                            "Saved against charging on arrival",
                            grid_options={"columns": "full"},
                        ),
                        {
                            "type": "entities",
                            "title": "What the car needs",
                            "entities": [entities.target_soc, entities.ready_by],
                            "grid_options": {"columns": "full"},
                        },
                        {
                            "type": "calendar",
                            "entities": [entities.calendar],
                            "initial_view": "listWeek",
                            "grid_options": {"columns": "full"},
                        },
                        graph("Price", (entities.import_price, "Price")),
                    ),
                ],
            }
        ],
    }


async def show(api: Api, entities: Entities) -> str:
    """Create the dashboard, or bring it up to date, and return its address."""
    boards = await api.call("lovelace/dashboards/list")
    if not any(board["url_path"] == PATH for board in boards):
        await api.call(
            "lovelace/dashboards/create",
            url_path=PATH,
            title="Smart Charging",
            icon="mdi:ev-station",
            require_admin=False,
            show_in_sidebar=True,
        )
    await api.call("lovelace/config/save", url_path=PATH, config=dashboard(entities))
    return f"{api.url}/{PATH}"
