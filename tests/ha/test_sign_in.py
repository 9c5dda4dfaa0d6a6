"""A SolarEdge site whose owner signs in, in a real Home Assistant, against the simulated service."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
import json
from typing import Any
from unittest.mock import MagicMock

from aiohttp import ClientSession
from homeassistant.components.application_credentials import (
    DATA_COMPONENT,
    ClientCredential,
    async_import_client_credential,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED
from homeassistant.helpers.json import ExtendedJSONEncoder
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.smart_charging.application_credentials import (
    async_get_description_placeholders,
)
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.devices.oauth import OAuth
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.devices.solaredge_cloud import driver as cloud_driver
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from custom_components.smart_charging.flows import granting
from simulators.solaredge_cloud import SolarEdgeCloud

from .flow_rig import TEXTS, Result, Rig, message, names, shown, subentries

pytestmark = pytest.mark.usefixtures("current_request_with_host")

SITE = "1234567"
UNIQUE_ID = f"solaredge_home_{SITE}"

type Browse = Callable[[str], Any]


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


@pytest.fixture
async def cloud(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> SolarEdgeCloud:
    """SolarEdge's service, where driver and sign-in look for it."""
    cloud = await rig.cloud()
    monkeypatch.setattr(cloud_driver, "DEFAULT_BASE_URL", cloud.base_url)
    make = MAKES["solaredge_home"]
    assert make.oauth is not None
    oauth = OAuth(
        authorize_url=f"{cloud.base_url}/authorize",
        token_url=f"{cloud.base_url}/oauth2/token",
        authorize=make.oauth.authorize,
    )
    monkeypatch.setitem(MAKES, make.key, replace(make, oauth=oauth))
    return cloud


@pytest.fixture
async def app(hass: HomeAssistant, cloud: SolarEdgeCloud) -> None:
    """Home Assistant has the client id and secret of the owner's app."""
    assert await async_setup_component(hass, "application_credentials", {})
    credential = ClientCredential(cloud.authority.client_id, cloud.authority.client_secret)
    await async_import_client_credential(hass, DOMAIN, credential)


@pytest.fixture
def browse(hass_client_no_auth: ClientSessionGenerator) -> Browse:
    """Return a browser: it opens a page, which sends it back to Home Assistant."""

    async def open_page(url: str) -> int:
        async with ClientSession() as session, session.get(url, allow_redirects=False) as page:
            assert page.status == 302, await page.text()
            back = URL(page.headers["Location"])
        assert back.path == "/auth/external/callback"
        client = await hass_client_no_auth()
        status: int = (await client.get(str(back.relative()))).status
        return status

    return open_page


async def go_on(rig: Rig, result: Result) -> Result:
    """Look at a form after the browser has come back to it, as Home Assistant's page does."""
    manager = rig._manager(result)
    return rig._seen(await manager.async_configure(result["flow_id"]))


async def sign_in(rig: Rig, browse: Browse, entry: MockConfigEntry, site_id: str = SITE) -> Result:
    """Fill in the form of a device up to where the owner has signed in."""
    form = await rig.add(entry, "device", "solaredge_home")
    assert shown(form) == {}
    flows = rig.hass.config_entries.subentries
    page = await flows.async_configure(form["flow_id"], {"site_id": site_id})
    assert (page["type"], page["step_id"]) == ("external", "sign_in")
    told: list[Any] = []
    rig.hass.bus.async_listen(
        EVENT_DATA_ENTRY_FLOW_PROGRESSED, lambda event: told.append(event.data)
    )
    query = URL(page["url"]).query
    assert query["scope"] == "SITE_DATA DEVICE_DATA"
    assert query["redirect_uri"] == "https://example.com/auth/external/callback"
    assert await browse(page["url"]) == 200
    await rig.hass.async_block_till_done()
    assert page["flow_id"] in {event["flow_id"] for event in told}, "the open form hears of it"
    return await go_on(rig, page)


async def added(rig: Rig, browse: Browse) -> MockConfigEntry:
    """Return a site with a device whose owner signed in."""
    entry = await rig.site()
    form = await sign_in(rig, browse, entry)
    assert form["step_id"] == "parts"
    assert shown(form) == {"parts": ["meter", "pv", "battery_1"]}
    assert (await rig.answer(form, parts=["meter", "pv"]))["type"] == "create_entry"
    await rig.hass.async_block_till_done()
    return entry


async def forget_credentials(hass: HomeAssistant) -> None:
    """Remove the client id and secret, as a person does."""
    collection = hass.data[DATA_COMPONENT]
    for item in list(collection.async_items()):
        await collection.async_delete_item(item["id"])


def relays(hass: HomeAssistant) -> list[Any]:
    return list(hass.config_entries.flow.async_progress_by_handler(DOMAIN))


def runner(entry: MockConfigEntry) -> Any:
    (only,) = entry.runtime_data.runners.values()
    return only


# --- the form ---------------------------------------------------------------------------------


async def test_an_owner_signs_in_and_the_site_is_read(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    entry = await added(rig, browse)
    (device,) = subentries(entry, "device")
    assert device.unique_id == UNIQUE_ID
    assert device.data["connection"] == {"site_id": SITE}, "tokens stand in the store"
    assert relays(hass) == [], "what waited for the browser is gone"
    await rig.until(lambda: len(cloud.calls) > 3 and runner(entry).error is None)
    token = entry.runtime_data.settings.tokens[UNIQUE_ID]
    content = await async_get_config_entry_diagnostics(hass, entry)
    printed = json.dumps(content, cls=ExtendedJSONEncoder)
    assert token["access_token"] not in printed
    assert token["refresh_token"] not in printed


async def test_tokens_are_asked_for_with_json(
    rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    await added(rig, browse)
    (request,) = cloud.authority.requests
    assert request["grant_type"] == "authorization_code"
    assert request["redirect_uri"] == "https://example.com/auth/external/callback"
    assert request["client_id"] == "simulated-app"


async def test_without_a_client_id_the_form_says_where_to_enter_one(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud
) -> None:
    form = await rig.add(await rig.site(), "device", "solaredge_home")
    end = await rig.answer(form, site_id=SITE)
    assert (end["type"], end["reason"]) == ("abort", "no_credentials")
    assert "Application credentials" in message(end)
    assert relays(hass) == []


async def test_an_owner_who_declines_can_try_again(
    rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    cloud.authority.denied = True
    entry = await rig.site()
    form = await sign_in(rig, browse, entry)
    assert "access_denied" in message(form)
    cloud.authority.denied = False
    page = await rig.hass.config_entries.subentries.async_configure(
        form["flow_id"], {"site_id": SITE}
    )
    assert await browse(page["url"]) == 200
    assert (await go_on(rig, page))["step_id"] == "parts"


async def test_a_grant_for_another_site_is_told(
    rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    form = await sign_in(rig, browse, await rig.site(), "7654321")
    assert form["step_id"] == "solaredge_home"
    assert "does not cover this site" in message(form)
    form = await rig.answer(form, site_id="not a number")
    assert "consists of digits" in message(form)
    assert (await rig.answer(form, site_id=SITE))["step_id"] == "parts", "without another sign-in"


async def test_a_client_secret_that_is_wrong_is_told(
    rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    cloud.authority.client_secret = "another"
    form = await sign_in(rig, browse, await rig.site())
    assert "correct them under Application credentials" in message(form)


async def test_the_dialog_for_client_id_and_secret_has_its_words(hass: HomeAssistant) -> None:
    told = TEXTS["application_credentials"]["description"]
    given = await async_get_description_placeholders(hass)
    assert names(told) == set(given)
    assert given["redirect"] == "https://my.home-assistant.io/redirect/oauth"


async def test_a_house_whose_address_nobody_knows_is_told(
    rig: Rig, cloud: SolarEdgeCloud, app: None, current_request: MagicMock
) -> None:
    current_request.get.return_value = None
    form = await rig.add(await rig.site(), "device", "solaredge_home")
    end = await rig.answer(form, site_id=SITE)
    assert (end["type"], end["reason"]) == ("abort", "no_url")


async def test_a_service_that_is_gone_is_told(
    rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    oauth = MAKES["solaredge_home"].oauth
    assert oauth is not None
    gone = replace(oauth, token_url="http://127.0.0.1:1/token")
    monkeypatch.setitem(MAKES, "solaredge_home", replace(MAKES["solaredge_home"], oauth=gone))
    form = await sign_in(rig, browse, await rig.site())
    assert "no token (Client" in message(form)


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("token_5xx", {}),
        ("token_5xx", {"status": 429}),
        ("token_garbage", {}),
        ("token_garbage", {"json": []}),
        ("token_garbage", {"json": {"access_token": "a"}}),
        ("token_slow", {"seconds": 1.0}),
    ],
)
async def test_tokens_that_do_not_come_now_are_asked_for_later(
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    how: dict[str, Any],
) -> None:
    monkeypatch.setattr(granting, "TOKEN_S", 0.4)
    cloud.inject(fault, **how)
    form = await sign_in(rig, browse, await rig.site())
    assert "does not answer as it should: no token" in message(form)


async def test_what_waits_for_the_browser_ends_by_itself_too(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    form = await rig.add(await rig.site(), "device", "solaredge_home")
    page = await hass.config_entries.subentries.async_configure(form["flow_id"], {"site_id": SITE})
    assert await browse(page["url"]) == 200
    (relay,) = relays(hass)
    end = rig._seen(await hass.config_entries.flow.async_configure(relay["flow_id"]))
    assert "Go on in the form" in message(end)
    assert (await go_on(rig, page))["step_id"] == "parts"


async def test_a_client_id_that_is_removed_meanwhile_is_told(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form = await rig.add(await rig.site(), "device", "solaredge_home")
    page = await hass.config_entries.subentries.async_configure(form["flow_id"], {"site_id": SITE})
    assert await browse(page["url"]) == 200
    await forget_credentials(hass)
    assert (await go_on(rig, page))["reason"] == "no_credentials"


async def test_a_form_that_is_closed_leaves_nothing_behind(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None
) -> None:
    form = await rig.add(await rig.site(), "device", "solaredge_home")
    flows = hass.config_entries.subentries
    page = await flows.async_configure(form["flow_id"], {"site_id": SITE})
    assert len(relays(hass)) == 1
    flows.async_abort(page["flow_id"])
    assert relays(hass) == []


async def test_a_site_that_does_not_run_cannot_keep_tokens(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None
) -> None:
    entry = await rig.site()
    await hass.config_entries.async_unload(entry.entry_id)
    form = await rig.add(entry, "device", "solaredge_home")
    assert (await rig.answer(form, site_id=SITE))["reason"] == "entry_not_loaded"


async def test_the_parts_are_changed_without_signing_in_again(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    entry = await added(rig, browse)
    (device,) = subentries(entry, "device")
    form = await rig.accept(await rig.change(entry, device))
    end = await rig.answer(form, parts=["pv"])
    assert end["reason"] == "reconfigure_successful"
    form = await rig.accept(await rig.change(entry, device), site_id="7654321")
    assert "does not cover this site" in message(form)


async def test_a_device_that_is_removed_takes_its_tokens_along(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    entry = await added(rig, browse)
    (device,) = subentries(entry, "device")
    hass.config_entries.async_remove_subentry(entry, device.subentry_id)
    await hass.async_block_till_done()
    assert entry.runtime_data.settings.tokens == {}


# --- rotation ---------------------------------------------------------------------------------


async def later(rig: Rig, entry: MockConfigEntry) -> None:
    """Have the access token at its end, and the device ask again."""
    entry.runtime_data.settings.tokens[UNIQUE_ID]["expires_at"] = rig.clock.now().timestamp()
    await ask_again(rig, entry)


async def ask_again(rig: Rig, entry: MockConfigEntry) -> None:
    """Have the device start its task anew, and a quarter of an hour be over."""
    await rig.until(lambda: runner(entry)._driver is not None)
    async with entry.runtime_data.paused(runner(entry).config.id):
        runner(entry)._driver._site_due = rig.clock.now()


async def test_a_new_refresh_token_is_kept_before_the_new_access_token_is_used(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
    hass_storage: dict[str, Any],
) -> None:
    entry = await added(rig, browse)
    await rig.until(lambda: len(cloud.calls) > 3)
    before = entry.runtime_data.settings.tokens[UNIQUE_ID]["refresh_token"]
    kept: list[str] = []
    site_of = cloud.authority.site_of

    def look(bearer: str) -> int | None:
        stored = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["tokens"][UNIQUE_ID]
        kept.append(stored["access_token"])
        assert bearer == f"Bearer {stored['access_token']}", "it is used before it is kept"
        return site_of(bearer)

    cloud.authority.site_of = look  # type: ignore[method-assign]
    await later(rig, entry)
    await rig.until(lambda: cloud.authority.refreshes == 1 and kept)
    token = entry.runtime_data.settings.tokens[UNIQUE_ID]
    assert token["refresh_token"] != before
    assert cloud.authority.refreshes == 1
    assert runner(entry).error is None


async def test_tokens_outlive_a_restart_and_several_rotations(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
) -> None:
    entry = await added(rig, browse)
    for count in (1, 2, 3):
        await later(rig, entry)
        await rig.until(lambda count=count: cloud.authority.refreshes == count)
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
    await rig.until(lambda: runner(entry).error is None and runner(entry).running)
    assert relays(hass) == []


async def test_an_access_token_that_was_taken_back_is_renewed_once(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
) -> None:
    entry = await added(rig, browse)
    await rig.until(lambda: len(cloud.calls) > 3)
    cloud.authority.revoke_access()
    await ask_again(rig, entry)
    await rig.until(lambda: cloud.authority.refreshes == 1)
    await rig.until(lambda: runner(entry).error is None)
    assert relays(hass) == []


async def test_a_place_of_tokens_in_trouble_asks_nobody_to_sign_in(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
) -> None:
    entry = await added(rig, browse)
    cloud.inject("token_5xx", status=503)
    await later(rig, entry)
    await rig.until(lambda: runner(entry).error is not None)
    assert runner(entry).error.key == "cannot_connect"
    assert "HTTP 503" in str(runner(entry).error)
    assert relays(hass) == []
    cloud.clear()
    await later(rig, entry)
    await rig.until(lambda: cloud.authority.refreshes == 1)
    assert runner(entry).error is None


@pytest.mark.parametrize("cause", ["refused", "reused", "forgotten"])
async def test_a_refused_refresh_asks_to_sign_in_again_and_then_reads_on(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
    cause: str,
) -> None:
    entry = await added(rig, browse)
    if cause != "reused":
        cloud.inject("refresh_refused")
    else:
        # Somebody else has used it: it is worth nothing any more.
        token = entry.runtime_data.settings.tokens[UNIQUE_ID]
        cloud.authority.withdraw(token["refresh_token"])
    await later(rig, entry)
    await rig.until(entry.runtime_data.refusing)
    cloud.clear()
    form = await rig.reauth(entry)
    assert form["step_id"] == "reauth_sign_in"
    flows = hass.config_entries.flow

    cloud.authority.denied = True
    page = await flows.async_configure(form["flow_id"], {})
    assert (page["type"], page["step_id"]) == ("external", "authorize")
    assert await browse(page["url"]) == 200
    form = await go_on(rig, page)
    assert "access_denied" in message(form)
    cloud.authority.denied = False
    page = await flows.async_configure(form["flow_id"], {})
    assert await browse(page["url"]) == 200
    if cause == "forgotten":
        await forget_credentials(hass)
        assert (await go_on(rig, page))["reason"] == "no_credentials"
        return
    end = await go_on(rig, page)
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")
    await rig.until(lambda: not entry.runtime_data.refusing() and runner(entry).error is None)
    assert relays(hass) == []


async def test_a_device_that_is_removed_while_somebody_signs_in_again_needs_nothing(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    entry = await added(rig, browse)
    cloud.inject("refresh_refused")
    await later(rig, entry)
    await rig.until(entry.runtime_data.refusing)
    form = await rig.reauth(entry)
    form = await rig.reopen(form)
    page = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert await browse(page["url"]) == 200
    (device,) = subentries(entry, "device")
    hass.config_entries.async_remove_subentry(entry, device.subentry_id)
    await hass.async_block_till_done()
    assert (await go_on(rig, page))["reason"] == "nothing_refused"


async def test_credentials_that_are_gone_from_home_assistant_are_told(
    hass: HomeAssistant,
    rig: Rig,
    cloud: SolarEdgeCloud,
    app: None,
    browse: Browse,
) -> None:
    entry = await added(rig, browse)
    await forget_credentials(hass)
    await later(rig, entry)
    await rig.until(entry.runtime_data.refusing)
    assert "gone from Home Assistant" in str(runner(entry).error)


async def test_a_device_that_is_stopped_while_its_token_is_renewed_loses_nothing(
    hass: HomeAssistant, rig: Rig, cloud: SolarEdgeCloud, app: None, browse: Browse
) -> None:
    entry = await added(rig, browse)
    cloud.inject("token_slow", seconds=0.3)
    for count in (1, 2):
        await later(rig, entry)
        await rig.until(lambda count=count: len(cloud.authority.requests) == count + 1)
        await (
            hass.config_entries.async_reload(entry.entry_id)
            if count == 1
            else ask_again(rig, entry)
        )
        await rig.until(lambda count=count: cloud.authority.refreshes == count)
    await hass.async_block_till_done()
    cloud.clear()
    await later(rig, entry)
    await rig.until(lambda: cloud.authority.refreshes == 3)
    assert relays(hass) == [], "each renewal was kept, and none was made twice"
