"""New credentials for devices and prices that refuse theirs."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.prices.wits import source as wits_source
from simulators.wits import WitsSimulator

from .flow_rig import PASSWORD, Rig, message, shown, subentries
from .home import charger_data, price_data


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


@pytest.fixture
async def wits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> WitsSimulator:
    """The price service, where the source looks for it."""
    simulator = await rig.wits()
    monkeypatch.setattr(wits_source, "BASE_URL", simulator.base_url)
    monkeypatch.setattr(wits_source, "TOKEN_URL", simulator.token_url)
    return simulator


def refusing_charger(host: str, *, subentry_id: str = "charger_sub", serial: str) -> Any:
    """Return a charger with a password that is no longer right."""
    charger = charger_data(0)
    charger["subentry_id"] = subentry_id
    charger["unique_id"] = f"wattpilot_{serial}"
    charger["title"] = f"Wattpilot {serial}"
    charger["data"] = {**charger["data"], "connection": {"host": host, "password": "old"}}
    return charger


def refusing_price() -> Any:
    """Return a price whose secret is no longer right."""
    return price_data(
        "wits", {"client_id": "simulated-client", "client_secret": "old", "node": "OTA2201"}
    )


async def refused(rig: Rig, entry: MockConfigEntry, count: int) -> None:
    """Wait until so many devices and prices refuse their credentials."""
    await rig.until(lambda: len(entry.runtime_data.refusing()) == count)


async def test_everything_that_refuses_is_asked_for_one_after_the_other(
    hass: HomeAssistant, rig: Rig, wits: WitsSimulator
) -> None:
    simulator, host = await rig.wattpilot()
    entry = await rig.site(refusing_charger(host, serial="91012345"), refusing_price())
    await refused(rig, entry, 2)
    site = entry.runtime_data
    assert ir.async_get(hass).async_get_issue(
        "homeassistant", f"config_entry_reauth_{DOMAIN}_{entry.entry_id}"
    )

    form = await rig.reauth(entry)
    assert form["step_id"] == "reauth_confirm"
    assert form["description_placeholders"]["name"] == "Wattpilot 91012345"
    assert shown(form) == {}, "no secret leaves Home Assistant"
    form = await rig.answer(form, password="wrong")
    assert "refuses the password" in message(form)
    form = await rig.answer(form, password="")
    assert form["errors"] == {"password": "required"}
    form = await rig.answer(form, password=PASSWORD)
    assert form["description_placeholders"]["name"] == "Price wits"
    form = await rig.answer(form, client_secret="wrong")
    assert "refuses the client ID and secret" in message(form)
    end = await rig.answer(form, client_secret="simulated-secret")
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")

    await rig.until(lambda: simulator.clients == 1 and site.price_now("import") is not None)
    assert entry.runtime_data is site, "the site went on running"
    (charger,) = subentries(entry, "device")
    assert charger.data["connection"] == {"host": host, "password": PASSWORD}
    (price,) = subentries(entry, "price")
    assert price.data["source"]["client_secret"] == "simulated-secret"
    assert price.data["source"]["client_id"] == "simulated-client"


async def test_what_begins_to_refuse_later_is_asked_for_in_the_form_that_is_open(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, first = await rig.wattpilot("91012345")
    entry = await rig.site(refusing_charger(first, serial="91012345"))
    await refused(rig, entry, 1)
    form = await rig.reauth(entry)
    _, second = await rig.wattpilot("91012346")
    late = refusing_charger(second, subentry_id="late_sub", serial="91012346")
    hass.config_entries.async_add_subentry(
        entry, MockConfigEntry(subentries_data=[late]).subentries["late_sub"]
    )
    await refused(rig, entry, 2)
    form = await rig.answer(form, password=PASSWORD)
    assert form["description_placeholders"]["name"] == "Wattpilot 91012346"
    end = await rig.answer(form, password=PASSWORD)
    assert end["reason"] == "reauth_successful"


async def test_what_was_mended_elsewhere_needs_nothing_any_more(
    hass: HomeAssistant, rig: Rig
) -> None:
    simulator, host = await rig.wattpilot()
    entry = await rig.site(refusing_charger(host, serial="91012345"))
    await refused(rig, entry, 1)
    (charger,) = subentries(entry, "device")
    form = await rig.accept(await rig.change(entry, charger), password=PASSWORD)
    assert (await rig.accept(form))["reason"] == "reconfigure_successful"
    await rig.until(lambda: simulator.clients == 1)
    await refused(rig, entry, 0)
    end = await rig.reauth(entry)
    assert (end["type"], end["reason"]) == ("abort", "nothing_refused")


async def test_credentials_of_another_device_are_not_saved(rig: Rig) -> None:
    _, host = await rig.wattpilot("91099999")
    entry = await rig.site(refusing_charger(host, serial="91012345"))
    await refused(rig, entry, 1)
    form = await rig.answer(await rig.reauth(entry), password=PASSWORD)
    assert "Another device answers at the address of Wattpilot 91012345" in message(form)
    (charger,) = subentries(entry, "device")
    assert charger.data["connection"]["password"] == "old"


async def test_a_device_that_is_removed_meanwhile_is_asked_for_no_longer(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, host = await rig.wattpilot()
    entry = await rig.site(refusing_charger(host, serial="91012345"))
    await refused(rig, entry, 1)
    form = await rig.reauth(entry)
    hass.config_entries.async_remove_subentry(entry, "charger_sub")
    await hass.async_block_till_done()
    end = await rig.answer(form, password=PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "nothing_refused")


async def test_a_site_that_does_not_run_is_not_asked_who_refuses(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, host = await rig.wattpilot()
    entry = await rig.site(refusing_charger(host, serial="91012345"))
    await refused(rig, entry, 1)
    form = await rig.reauth(entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    end = await rig.answer(form, password=PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "entry_not_loaded")
