"""What differs between versions of Home Assistant: both ways, whichever of them runs here."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, selector
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging import ha_versions
from custom_components.smart_charging.const import DOMAIN


@pytest.mark.parametrize("by_id", [True, False])
def test_a_device_names_its_parent(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, by_id: bool
) -> None:
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    parent = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "site")}
    )
    monkeypatch.setattr(ha_versions, "_VIA_BY_ID", by_id)
    named = {"via_device_id": parent.id} if by_id else {"via_device": (DOMAIN, "site")}
    assert ha_versions.via_device(parent) == named


def test_a_serial_port_is_typed_where_there_is_no_selector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = getattr(selector, "SerialPortSelector", selector.TextSelector)
    assert isinstance(ha_versions.serial_selector(), own)
    monkeypatch.delattr(selector, "SerialPortSelector", raising=False)
    assert isinstance(ha_versions.serial_selector(), selector.TextSelector)
