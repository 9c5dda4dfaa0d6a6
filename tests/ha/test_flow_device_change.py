"""The form of a device that is there already."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from .flow_rig import PASSWORD, Rig, message, shown, subentries
from .home import charger_data, meter_data


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def running_charger(rig: Rig, **figures: Any) -> tuple[Any, Any, Any, Any]:
    """Return simulator, its port, site entry and subentry of a charger that is connected."""
    simulator, host = await rig.wattpilot()
    port = int(host.rpartition(":")[2])
    entry = await rig.site(charger_data(port, **figures))
    (charger,) = subentries(entry, "device")
    await rig.until(lambda: simulator.clients == 1)
    return simulator, port, entry, charger


async def test_changed_figures_leave_the_link_alone(hass: HomeAssistant, rig: Rig) -> None:
    simulator, _, entry, charger = await running_charger(rig)
    runner = entry.runtime_data.runners[charger.subentry_id]
    form = await rig.accept(await rig.change(entry, charger))
    assert form["step_id"] == "figures_charger"
    result = await rig.accept(form, max_a=10, can_switch_phases=False)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    site = entry.runtime_data
    assert site.config.devices[0].parts[0].charger_spec().max_a == 10
    assert site.runners[charger.subentry_id] is runner
    assert (simulator.logins, simulator.clients) == (1, 1)


async def test_a_device_at_a_new_address_is_the_same_device(hass: HomeAssistant, rig: Rig) -> None:
    old, port, entry, charger = await running_charger(rig, max_a=13)
    site = entry.runtime_data
    await old.stop()
    new, host = await rig.wattpilot(variant=22)
    form = await rig.change(entry, charger)
    assert shown(form)["host"] == f"127.0.0.1:{port}"
    assert PASSWORD not in shown(form).values(), "no secret leaves Home Assistant"
    form = await rig.accept(form, host="127.0.0.1:1")
    assert "does not answer" in message(form)
    form = await rig.accept(form, host=host)
    assert shown(form)["max_a"] == 13, "what a person set stays"
    assert (await rig.accept(form))["reason"] == "reconfigure_successful"
    await rig.until(lambda: new.clients == 1)
    assert entry.runtime_data is site
    assert charger.data["connection"] == {"host": host, "password": PASSWORD}
    assert "22" in charger.data["identity"]["model"]


async def test_another_device_does_not_take_the_place_of_one(rig: Rig) -> None:
    simulator, port, entry, charger = await running_charger(rig)
    _, host = await rig.wattpilot("91099999")
    end = await rig.accept(await rig.change(entry, charger), host=host)
    assert (end["type"], end["reason"]) == ("abort", "another_device")
    assert "91099999" in message(end)
    assert charger.data["connection"]["host"] == f"127.0.0.1:{port}"
    await rig.until(lambda: simulator.clients == 1)


async def test_a_device_gives_up_its_only_link_while_another_is_tried(rig: Rig) -> None:
    inverter = await rig.inverter()
    entry = await rig.site()
    form = await rig.add(entry, "device", "solaredge_modbus")
    form = await rig.accept(form, host="127.0.0.1", port=inverter.port)
    await rig.answer(form, parts=["pv"])
    (device,) = subentries(entry, "device")
    await rig.until(lambda: entry.runtime_data.pv_kw is not None)
    form = await rig.accept(await rig.change(entry, device), host="localhost")
    assert form["step_id"] == "parts"
    assert shown(form) == {"parts": ["pv"]}, "what a person chose stays"
    result = await rig.answer(form, parts=["pv"])
    assert result["reason"] == "reconfigure_successful"
    connections = inverter.connections
    await rig.until(lambda: inverter.connections > connections)


async def test_a_p1_meter_can_move_to_another_name_of_its_own_port(
    rig: Rig, tmp_path: Path
) -> None:
    port = rig.p1().start_pty()
    entry = await rig.site(meter_data(port))
    (meter,) = subentries(entry, "device")
    await rig.until(lambda: entry.runtime_data.meter is not None)
    alias = tmp_path / "by-id"
    alias.symlink_to(port)
    result = await rig.accept(await rig.change(entry, meter), url=str(alias))
    assert result["reason"] == "reconfigure_successful"
    assert meter.data["connection"]["url"] == str(alias)


async def test_a_device_of_a_site_that_does_not_run_can_be_changed(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, _, entry, charger = await running_charger(rig)
    assert await hass.config_entries.async_unload(entry.entry_id)
    _, host = await rig.wattpilot()
    form = await rig.accept(await rig.change(entry, charger), host=host)
    assert (await rig.accept(form))["reason"] == "reconfigure_successful"
    assert charger.data["connection"]["host"] == host
