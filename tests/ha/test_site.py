"""The running site: devices come, change, fail and go while the rest goes on."""

from homeassistant.config_entries import ConfigEntryState
import pytest

from custom_components.smart_charging.core.reading import MeterReading

from .conftest import HomeFactory
from .home import CHARGER_PART, car_data, charger_data, fixed_price, meter_data, site_entry


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_home_is_measured_planned_and_shown(make_home: HomeFactory) -> None:
    home = await make_home()
    site = await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    assert home.entry is not None
    assert home.entry.state is ConfigEntryState.LOADED
    assert isinstance(site.meter, MeterReading)
    assert float(home.state("sensor", "_grid_power")) == pytest.approx(
        home.house.meter.power_kw, abs=0.05
    )
    assert home.state("sensor", "_status") == "observing"
    assert home.state("sensor", "_import_price") == "0.3"
    assert site.plan is not None
    assert site.plan.schedule.chargers[CHARGER_PART]
    assert home.state("binary_sensor", "charger_plugged") == "on"
