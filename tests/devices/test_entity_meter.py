"""A grid meter made of entities."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.core.reading import MeterReading, PartKind, Peak
from custom_components.smart_charging.devices.base import Driver
from custom_components.smart_charging.devices.entity.errors import (
    EntityDisabled,
    EntityMissing,
    EntityUnavailable,
    EntityUnit,
    NothingChosen,
)
from custom_components.smart_charging.devices.entity.meter import EntityMeter
from custom_components.smart_charging.devices.entity.pv import EntityPv
from tests.devices.entity_home import KW, KWH, A, W, context, register, running, settle


def meter(hass: HomeAssistant, **data: object) -> EntityMeter:
    return EntityMeter(data, context(hass))


async def test_power_is_read_in_kw_whatever_unit_the_entity_has(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.grid", "1500", W)
    async with running(hass, meter(hass, power="sensor.grid")) as calls:
        assert calls.last.power_kw == pytest.approx(1.5)
        hass.states.async_set("sensor.grid", "-0.25", KW)
        await settle(hass)
        assert calls.last.power_kw == pytest.approx(-0.25)


async def test_import_and_export_sensors_give_the_net_power(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.taken", "0", KW)
    hass.states.async_set("sensor.given", "2.2", KW)
    driver = meter(hass, import_power="sensor.taken", export_power="sensor.given")
    async with running(hass, driver) as calls:
        assert calls.last.power_kw == pytest.approx(-2.2)
        hass.states.async_set("sensor.given", "unknown", KW)
        await settle(hass)
        assert calls.last.power_kw is None


async def test_inverted_sensor_has_its_sign_turned_also_on_its_phases(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.grid", "-3000", W)
    hass.states.async_set("sensor.l1", "-2000", W)
    hass.states.async_set("sensor.l2", "-1500", W)
    hass.states.async_set("sensor.l3", "500", W)
    for n, current in ((1, "8.7"), (2, "-6.5"), (3, "2.2")):
        hass.states.async_set(f"sensor.c{n}", current, A)
    driver = meter(
        hass,
        power="sensor.grid",
        invert=True,
        **{f"l{n}_power": f"sensor.l{n}" for n in (1, 2, 3)},
        **{f"l{n}_current": f"sensor.c{n}" for n in (1, 2, 3)},
    )
    async with running(hass, driver) as calls:
        reading = calls.last
    assert reading.power_kw == pytest.approx(3.0)
    assert [p.power_kw for p in reading.phases] == pytest.approx([2.0, 1.5, -0.5])
    assert [p.current_a for p in reading.phases] == pytest.approx([8.7, 6.5, -2.2])


async def test_current_without_direction_counts_as_import(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.grid", "-3000", W)
    hass.states.async_set("sensor.c1", "7", A)
    hass.states.async_set("sensor.c2", "6", A)
    driver = meter(
        hass, power="sensor.grid", invert=True, l1_current="sensor.c1", l2_current="sensor.c2"
    )
    async with running(hass, driver) as calls:
        assert [p.current_a for p in calls.last.phases] == [7.0, 6.0]
        # A minus shows that the sensor has a sign, which is turned like that of the power.
        hass.states.async_set("sensor.c2", "-6", A)
        await settle(hass)
        assert [p.current_a for p in calls.last.phases] == [7.0, 6.0]


async def test_phases_may_have_power_and_no_current(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.grid", "3000", W)
    hass.states.async_set("sensor.l1", "3500", W)
    hass.states.async_set("sensor.l2", "-500", W)
    driver = meter(hass, power="sensor.grid", l1_power="sensor.l1", l2_power="sensor.l2")
    async with running(hass, driver) as calls:
        phases = calls.last.phases
    assert [p.power_kw for p in phases] == pytest.approx([3.5, -0.5])
    assert [p.current_a for p in phases] == [None, None]


async def test_value_whose_unit_changes_to_another_quantity_is_missing(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("sensor.grid", "1500", W)
    async with running(hass, meter(hass, power="sensor.grid")) as calls:
        hass.states.async_set("sensor.grid", "1500", KWH)
        await settle(hass)
        assert calls.last.power_kw is None
        hass.states.async_set("sensor.grid", "1.2", KW)
        await settle(hass)
        assert calls.last.power_kw == pytest.approx(1.2)


async def test_lone_phase_takes_the_direction_of_the_whole(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.grid", "-1150", W)
    hass.states.async_set("sensor.c1", "5000", {"unit_of_measurement": "mA"})
    async with running(hass, meter(hass, power="sensor.grid", l1_current="sensor.c1")) as calls:
        assert calls.last.phases[0].current_a == pytest.approx(-5.0)


@pytest.mark.parametrize("state", ["unknown", "nonsense", "nan", ""])
async def test_missing_value_is_none_and_never_zero(hass: HomeAssistant, state: str) -> None:
    hass.states.async_set("sensor.grid", state, W)
    hass.states.async_set("sensor.energy", "unavailable", KWH)
    driver = meter(hass, power="sensor.grid", import_energy="sensor.energy")
    async with running(hass, driver) as calls:
        assert calls.last.power_kw is None
        assert calls.last.import_kwh is None


async def test_reading_is_as_old_as_the_report_even_of_an_unchanged_value(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-21 08:00:00+00:00")
    hass.states.async_set("sensor.grid", "100", W)
    hass.states.async_set("sensor.c1", "1", A)
    async with running(hass, meter(hass, power="sensor.grid", l1_current="sensor.c1")) as calls:
        start = datetime(2026, 11, 21, 8, tzinfo=UTC)
        assert calls.last.at == start
        freezer.tick(10)
        hass.states.async_set("sensor.grid", "100", W)
        await settle(hass)
        assert calls.last.at == start + timedelta(seconds=10)
        freezer.tick(10)
        hass.states.async_set("sensor.c1", "2", A)
        await settle(hass)
        assert calls.last.at == start + timedelta(seconds=10), "the power was not reported again"


async def test_entities_that_report_together_give_one_reading(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.taken", "1", KW)
    hass.states.async_set("sensor.given", "0", KW)
    driver = meter(hass, import_power="sensor.taken", export_power="sensor.given")
    async with running(hass, driver) as calls:
        before = len(calls.readings)
        hass.states.async_set("sensor.taken", "0", KW)
        hass.states.async_set("sensor.given", "3", KW)
        await settle(hass)
        assert len(calls.readings) == before + 1
        assert calls.last.power_kw == pytest.approx(-3.0)


async def test_belgian_peaks_are_read(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.grid", "100", W)
    hass.states.async_set("sensor.quarter", "1.25", KW)
    hass.states.async_set("sensor.peak", "4321", W)
    driver = meter(
        hass, power="sensor.grid", quarter_power="sensor.quarter", month_peak="sensor.peak"
    )
    async with running(hass, driver) as calls:
        reading = calls.last
        assert isinstance(reading, MeterReading)
        assert reading.quarter_kw == pytest.approx(1.25)
        assert reading.month_peak == Peak(kw=pytest.approx(4.321))


async def test_loss_of_the_entity_ends_the_run_and_names_it(hass: HomeAssistant) -> None:
    async def run_until(lose: Callable[[], object]) -> None:
        hass.states.async_set("sensor.grid", "100", W)
        async with running(hass, meter(hass, power="sensor.grid")):
            lose()
            await settle(hass)

    with pytest.raises(EntityUnavailable) as failure:
        await run_until(lambda: hass.states.async_set("sensor.grid", "unavailable", W))
    assert failure.value.placeholders["entity"] == "sensor.grid"
    with pytest.raises(EntityMissing):
        await run_until(lambda: hass.states.async_remove("sensor.grid"))


async def test_entity_that_appears_after_us_is_waited_for(hass: HomeAssistant) -> None:
    async def appear() -> None:
        hass.states.async_set("sensor.grid", "unavailable", W)
        hass.states.async_set("sensor.grid", "100", W)

    hass.async_create_task(appear())
    async with running(hass, meter(hass, power="sensor.grid")) as calls:
        assert calls.last.power_kw == pytest.approx(0.1)


async def test_entity_that_never_appears_is_reported_in_the_end(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.smart_charging.devices.entity.driver.STARTUP_S", 0.01)
    with pytest.raises(EntityMissing):
        async with running(hass, meter(hass, power="sensor.grid")):
            pass


async def test_identity_is_that_of_the_entity_and_its_device(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain="test")
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("test", "1")},
        name="P1 reader",
        manufacturer="Acme",
        model="R1",
        sw_version="1.2",
    )
    entity = register(hass, "sensor.grid", device_id=device.id, config_entry=entry)
    hass.states.async_set("sensor.grid", "100", W)
    hass.states.async_set("sensor.c3", "1", A)
    identity = await meter(hass, power="sensor.grid", l3_current="sensor.c3").identify()
    assert (identity.serial, identity.name) == (entity.id, "P1 reader")
    assert (identity.manufacturer, identity.model, identity.firmware) == ("Acme", "R1", "1.2")
    (part,) = identity.parts
    assert (part.key, part.kind, part.phases) == ("meter", PartKind.METER, (3,))


async def test_entity_may_be_named_by_its_registry_id_and_then_be_renamed(
    hass: HomeAssistant,
) -> None:
    entity = register(hass, "sensor.grid")
    er.async_get(hass).async_update_entity("sensor.grid", new_entity_id="sensor.mains")
    hass.states.async_set("sensor.mains", "2000", W)
    async with running(hass, meter(hass, power=entity.id)) as calls:
        assert calls.last.power_kw == pytest.approx(2.0)
    # Deleted it has no name any more: the id that the form holds is told.
    er.async_get(hass).async_remove("sensor.mains")
    with pytest.raises(EntityMissing) as failure:
        await meter(hass, power=entity.id).identify()
    assert failure.value.placeholders["entity"] == entity.id


async def test_form_without_any_power_is_refused(hass: HomeAssistant) -> None:
    with pytest.raises(NothingChosen):
        await meter(hass, l1_current="sensor.c1").identify()


async def test_missing_disabled_unavailable_and_unfit_entities_are_told_apart(
    hass: HomeAssistant,
) -> None:
    register(hass, "sensor.off", disabled_by=er.RegistryEntryDisabler.USER)
    hass.states.async_set("sensor.away", "unavailable", W)
    hass.states.async_set("sensor.energy", "12", KWH)
    hass.states.async_set("sensor.bare", "12")
    for entity, error in (
        ("sensor.none", EntityMissing),
        ("sensor.off", EntityDisabled),
        ("sensor.away", EntityUnavailable),
        ("sensor.energy", EntityUnit),
        ("sensor.bare", EntityUnit),
    ):
        with pytest.raises(error) as failure:
            await meter(hass, power=entity).identify()
        assert failure.value.placeholders["entity"] == entity


async def test_pv_is_confirmed_while_its_entity_is_quiet(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.smart_charging.devices.entity.driver.HEARTBEAT_S", 0.02)
    hass.states.async_set("sensor.pv", "0", W)
    driver = EntityPv({"power": "sensor.pv"}, context(hass))
    assert isinstance(driver, Driver)
    async with running(hass, driver) as calls:
        first = calls.last.at
        calls.arrived.clear()
        await calls.arrived.wait()
        assert calls.last.at > first
        assert calls.last.power_kw == 0.0
