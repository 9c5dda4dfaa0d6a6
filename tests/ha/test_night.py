"""Thirteen hours from arrival to departure: what was planned is what was delivered."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from simulators.car import Car
from simulators.house import ChargerConfig, HouseConfig

from .conftest import HomeFactory
from .home import CAR, CHARGER_PART, car_data, charger_data, meter_data, price_data, site_entry

START = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
READY_BY = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
ASKED_KWH = 30.0

CENTS = (31, 34, 33, 29, 26, 22, 17, 14, 12, 13, 15, 19, 27, 33, 35, 30)
"""Hourly prices from the start on: the night's valley at its usual place."""


def prices() -> list[dict[str, Any]]:
    rows = []
    for hour in range(48):
        start = START + timedelta(hours=hour)
        rows.append(
            {
                "start": start.isoformat(),
                "end": (start + timedelta(hours=1)).isoformat(),
                "value": CENTS[hour % len(CENTS)] / 100,
            }
        )
    return rows


@pytest.mark.night
@pytest.mark.freeze_time("2026-11-20 17:00:00+00:00")
async def test_a_whole_night(hass: HomeAssistant, make_home: HomeFactory) -> None:
    hass.states.async_set(
        "sensor.spot",
        "0.31",
        {"raw_today": prices(), "raw_tomorrow": [], "unit_of_measurement": "EUR/kWh"},
    )
    home = await make_home(
        HouseConfig(
            pv_peak_kw=0.0, chargers=(ChargerConfig(key="charger", car=Car(soc=0.3, phases=3)),)
        )
    )
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(),
            price_data("entity", {"entity": "sensor.spot"}),
        )
    )
    await home.call(
        "number", "set_value", home.entity_id("number", f"{CAR}_energy"), value=ASKED_KWH
    )
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(60)
    point = home.house.chargers["charger"]
    assert home.site.plan is not None
    planned = {
        step.start: step.energy_kwh
        for step in home.site.plan.schedule.chargers[CHARGER_PART]
        if step.energy_kwh > 0
    }
    delivered: dict[datetime, float] = defaultdict(float)
    powers = []
    last_kwh = point.session_kwh
    while home.clock.now() < READY_BY:
        now = home.clock.now()
        slot = now - timedelta(
            minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond
        )
        await home.tick(5)
        delivered[slot] += point.session_kwh - last_kwh
        last_kwh = point.session_kwh
        powers.append(point.power_kw > 0.5)
    starts = sum(not before and after for before, after in pairwise(powers))
    outside = sum(kwh for slot, kwh in delivered.items() if slot not in planned)
    result = {
        "asked_kwh": ASKED_KWH,
        "delivered_kwh": round(point.session_kwh, 3),
        "outside_planned_slots_kwh": round(outside, 3),
        "planned_slots": len(planned),
        "starts": starts,
        "highest_line_a": [round(a, 1) for a in home.house.highest_line_a],
    }
    print(json.dumps(result))
    assert point.session_kwh == pytest.approx(ASKED_KWH, rel=0.01)
    assert outside < 0.01 * ASKED_KWH
    # What a run leaves over for the car's late reaction may take one short top-up after it.
    slots = sorted(planned)
    runs = 1 + sum(after - before > timedelta(minutes=15) for before, after in pairwise(slots))
    assert starts <= 2 * runs
