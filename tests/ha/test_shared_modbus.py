"""An inverter that bears one Modbus client, read by Smart Charging and by others through one link."""

from homeassistant.components import modbus
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.smart_charging.devices.base import InUse
from custom_components.smart_charging.ha_versions import shared_modbus_unit
from simulators.solaredge_modbus import Nameplate, SolarEdgeModbus

from .conftest import HomeFactory
from .faults import unload
from .home import fixed_price, meter_data, site_entry
from .test_faults_solaredge import SUNNY, solaredge

pytestmark = pytest.mark.freeze_time("2026-06-10 11:00:00+00:00")

SUNSPEC = 40000
"""Register where an inverter begins with its mark, `SunS`."""

shares = pytest.mark.skipif(
    not hasattr(modbus, "async_get_temporary_unit"), reason="this Home Assistant shares no link"
)


@shares
async def test_an_integration_beside_ours_reads_the_same_inverter(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    from modbus_connection import ModbusTcpParams

    home = await make_home(SUNNY)
    home.settle_rounds = 160
    assert await async_setup_component(hass, "modbus", {})
    async with SolarEdgeModbus(home.house) as inverter:
        link = {"host": "127.0.0.1", "port": inverter.port, "unit": 1}
        await home.add(
            site_entry(
                meter_data(home.pty),
                solaredge("solaredge_modbus", Nameplate().serial, **link),
                fixed_price(),
            )
        )
        assert float(home.state("sensor", "pv_power")) > 0
        params = ModbusTcpParams(host="127.0.0.1", port=inverter.port)
        async with modbus.async_get_temporary_unit(hass, params, 1) as unit:
            mark = await unit.read_holding_registers(SUNSPEC, 2)
        assert b"".join(x.to_bytes(2) for x in mark) == b"SunS"
        assert inverter.connections == 1
        await unload(home)


@shares
async def test_a_link_with_other_settings_is_in_use(hass: HomeAssistant) -> None:
    from modbus_connection import ModbusTcpParams, ModbusTlsParams

    assert await async_setup_component(hass, "modbus", {})
    share = shared_modbus_unit(hass)
    assert share is not None
    secured = ModbusTlsParams(host="127.0.0.1", port=5020)
    assert secured.endpoint == ModbusTcpParams(host="127.0.0.1", port=5020).endpoint
    async with modbus.async_get_temporary_unit(hass, secured, 1):
        with pytest.raises(InUse):
            async with share("127.0.0.1", 5020, 1):
                pass


async def test_without_a_shared_link_the_driver_opens_its_own(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared_modbus_unit(hass) is None
    monkeypatch.delattr(modbus, "async_get_temporary_unit", raising=False)
    assert await async_setup_component(hass, "modbus", {})
    assert shared_modbus_unit(hass) is None
