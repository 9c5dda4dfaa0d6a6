"""The form of a charger offers to commission it, and shows how far that is."""

import asyncio
from collections.abc import Coroutine
import time
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from .conftest import HomeFactory
from .flow_rig import PASSWORD, TEXTS, check_texts, message, names, shown, subentries
from .home import CHARGER, Home, car_data, charger_data, fixed_price, meter_data, site_entry
from .test_switches_buttons import OWN, owned

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")


class Form:
    """A person with the form of a device, in a home whose time moves in lock step."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.manager: Any = home.hass.config_entries.subentries
        self.result: Any = None

    async def _take(self, step: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(step)
        for _ in range(200):
            await self.home.tick(0.05)
            if task.done():
                break
            await self.home.hass.async_add_executor_job(time.sleep, 0.01)
        self.result = task.result()
        if self.result["type"] != "progress":
            check_texts(self.result)
        return self.result

    async def open(self, context: dict[str, Any]) -> Any:
        assert self.home.entry is not None
        return await self._take(
            self.manager.async_init((self.home.entry.entry_id, "device"), context=context)
        )

    async def answer(self, answers: dict[str, Any] | None = None) -> Any:
        return await self._take(self.manager.async_configure(self.result["flow_id"], answers))

    async def accept(self, **answers: Any) -> Any:
        return await self.answer({**shown(self.result), **answers})

    async def followed(self) -> list[str]:
        """Run until the progress ends; return what was shown."""
        seen: list[str] = []
        for _ in range(300):
            (flow,) = self.manager.async_progress()
            if flow["step_id"] != "commission":
                break
            told = self.manager._progress[flow["flow_id"]].cur_step
            placeholders = told["description_placeholders"]
            text = TEXTS["config_subentries"]["device"]["progress"][told["progress_action"]]
            assert names(text) <= set(placeholders)
            seen.append(f"{told['progress_action']} {placeholders['step']}")
            await self.home.tick(1)
        await self.answer()
        return list(dict.fromkeys(seen))


async def offered(make_home: HomeFactory) -> tuple[Home, Form]:
    """Return the form of a charger that is changed, where it offers to try it."""
    home = await make_home()
    for key, value in OWN.items():
        home.wattpilot.logic.write(key, value)
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    form = Form(home)
    await form.open({"source": "reconfigure", "subentry_id": CHARGER})
    await form.accept()
    assert form.result["step_id"] == "figures_charger"
    await form.accept(max_a=13)
    assert form.result["type"] == "menu"
    assert form.result["step_id"] == "commission_offer"
    return home, form


async def test_a_changed_charger_is_commissioned_step_by_step(make_home: HomeFactory) -> None:
    home, form = await offered(make_home)
    await form.answer({"next_step_id": "commission"})
    assert form.result["type"] == "progress"
    seen = await form.followed()
    assert seen == [f"commission {step}" for step in range(1, 6)]
    assert form.result["reason"] == "commissioned"
    assert "seconds" in message(form.result)
    assert home.entry is not None
    kept = home.entry.subentries[CHARGER].data["parts"]["charger"]
    assert kept["max_a"] == 13
    assert kept["commissioned"]["phase_map"].startswith("1")
    assert owned(home) == OWN


async def test_later_saves_at_once(make_home: HomeFactory) -> None:
    home, form = await offered(make_home)
    await form.answer({"next_step_id": "later"})
    assert form.result["reason"] == "reconfigure_successful"
    assert home.entry is not None
    kept = home.entry.subentries[CHARGER].data["parts"]["charger"]
    assert kept["max_a"] == 13
    assert "commissioned" not in kept


async def test_a_form_that_is_closed_puts_the_charger_back(make_home: HomeFactory) -> None:
    home, form = await offered(make_home)
    await form.answer({"next_step_id": "commission"})
    await home.run(30, step=1)
    assert owned(home) != OWN
    form.manager.async_abort(form.result["flow_id"])
    await home.run(5, step=1)
    assert home.site.commissioner.run is None
    assert owned(home) == OWN


async def test_a_form_says_what_is_missing(make_home: HomeFactory) -> None:
    home, form = await offered(make_home)
    home.house.chargers["charger"].unplug()
    await home.run(5, step=1)
    await form.answer({"next_step_id": "commission"})
    await form.followed()
    assert form.result["reason"] == "commission_no_car"
    assert "Plug in a car" in message(form.result)


async def test_a_new_charger_is_saved_and_commissioned(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    entry = site_entry(meter_data(home.pty), fixed_price())
    await home.add(entry)
    form = Form(home)
    await form.open({"source": "user"})
    await form.answer({"next_step_id": "wattpilot"})
    await form.answer({"host": f"127.0.0.1:{home.wattpilot_port}", "password": PASSWORD})
    await form.accept()
    assert form.result["step_id"] == "commission_offer"
    await form.answer({"next_step_id": "commission"})
    await home.connected()
    seen = await form.followed()
    assert form.result["reason"] == "commissioned", seen
    charger = subentries(entry, "device")[-1]
    assert charger.unique_id == "wattpilot_91012345"
    assert charger.data["parts"]["charger"]["commissioned"]["reaction_s"] > 0


async def test_a_charger_that_another_form_saved_meanwhile_is_not_saved_twice(
    make_home: HomeFactory,
) -> None:
    home = await make_home()
    entry = site_entry(meter_data(home.pty), fixed_price())
    await home.add(entry)
    forms = [Form(home), Form(home)]
    for form in forms:
        await form.open({"source": "user"})
        await form.answer({"next_step_id": "wattpilot"})
        await form.answer({"host": f"127.0.0.1:{home.wattpilot_port}", "password": PASSWORD})
        await form.accept()
        assert form.result["step_id"] == "commission_offer"
    first, second = forms
    await first.answer({"next_step_id": "later"})
    assert first.result["type"] == "create_entry"
    await second.answer({"next_step_id": "commission"})
    assert second.result["type"] == "abort"
    assert second.result["reason"] == "already_configured"
    assert len(subentries(entry, "device")) == 2
    await home.connected()
    assert home.site.commissioner.run is None


async def test_a_charger_that_does_not_speak_again_is_named_after_a_minute(
    make_home: HomeFactory,
) -> None:
    home, form = await offered(make_home)
    # It falls silent between the test of the connection and its first order.
    await home.wattpilot.stop()
    await home.run(30, step=5)
    await form.answer({"next_step_id": "commission"})
    assert form.result["type"] == "progress"
    # Whoever opens the page again sees the same.
    await form.answer()
    assert form.result["type"] == "progress"
    assert form.result["progress_action"] == "connect"
    seen = await form.followed()
    assert seen == ["connect 0"]
    assert form.result["reason"] == "commission_charger_silent"
    assert home.site.commissioner.run is None
