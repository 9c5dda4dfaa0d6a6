"""Filling in Home Assistant's forms over its REST interface, against a server that plays it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
import pytest

from demo.api import Api
from demo.flows import Form, add_entry, add_subentry
from demo.report import DemoError

USER: dict[str, Any] = {"type": "form", "step_id": "user", "flow_id": "f", "data_schema": []}
DONE = {"type": "create_entry", "flow_id": "f", "result": {"entry_id": "e1"}}
TOKENS = {"access_token": "secret", "expires_in": 1800, "refresh_token": "r"}


@asynccontextmanager
async def home_assistant(*steps: dict[str, Any]) -> AsyncIterator[tuple[Api, list[Any]]]:
    """Serve the steps of one flow, in order; yields the API and what was posted."""
    posted: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        posted.append(await request.json())
        return web.json_response(steps[len(posted) - 1])

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server, ClientSession() as session:
        yield Api(session, str(server.make_url("")).rstrip("/"), TOKENS), posted


async def test_menus_and_forms_are_answered_by_step() -> None:
    menu = {"type": "menu", "step_id": "user", "flow_id": "f", "menu_options": ["p1"]}
    form = Form(title="Meter", steps={"user": {"next_step_id": "p1"}, "p1": {"url": "x"}})
    async with home_assistant(menu, {**USER, "step_id": "p1"}, DONE) as (api, posted):
        await add_subentry(api, "e1", "device", form)
    assert posted[0]["handler"] == ["e1", "device"]
    assert posted[1:] == [{"next_step_id": "p1"}, {"url": "x"}]


async def test_a_form_without_answers_is_accepted_as_it_opens() -> None:
    schema = [
        {"name": "max_a", "default": 16},
        {"name": "phases", "default": "3", "description": {"suggested_value": "1"}},
        {"name": "circuit"},
        {"name": "more", "type": "expandable", "schema": [{"name": "min_a", "default": 6}]},
    ]
    async with home_assistant({**USER, "data_schema": schema}, DONE) as (api, posted):
        assert await add_entry(api, "smart_charging", Form(title="Home")) == "e1"
    assert posted[1] == {"max_a": 16, "phases": "1", "more": {"min_a": 6}}


async def test_an_error_in_a_form_ends_the_demo_with_its_words() -> None:
    failed = {
        **USER,
        "errors": {"base": "p1_cannot_connect"},
        "description_placeholders": {"detail": "nothing listens"},
    }
    async with home_assistant(USER, failed) as (api, _):
        with pytest.raises(DemoError, match=r"p1_cannot_connect.*nothing listens"):
            await add_entry(api, "smart_charging", Form(title="Home", steps={"user": {}}))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"type": "abort", "reason": "already_configured"}, "already_configured"),
        ({"type": "external", "flow_id": "f"}, "shows external"),
        (
            {"type": "menu", "step_id": "user", "flow_id": "f", "menu_options": ["a", "b"]},
            r"offers \['a', 'b'\]",
        ),
    ],
)
async def test_a_flow_that_cannot_go_on_says_why(step: dict[str, Any], words: str) -> None:
    async with home_assistant(step) as (api, _):
        with pytest.raises(DemoError, match=words):
            await add_entry(api, "smart_charging", Form(title="Home"))


async def test_a_form_that_comes_back_for_ever_is_given_up() -> None:
    async with home_assistant(*[USER] * 50) as (api, _):
        with pytest.raises(DemoError, match="does not end"):
            await add_entry(api, "smart_charging", Form(title="Home"))
