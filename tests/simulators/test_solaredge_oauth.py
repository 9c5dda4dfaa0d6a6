"""The simulated sign-in of SolarEdge's home owners."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession
import pytest
from yarl import URL

from simulators.clock import ManualClock
from simulators.house import House, HouseConfig
from simulators.solaredge_cloud import SolarEdgeCloud


class Owner:
    """Somebody with an app and a browser."""

    def __init__(self, cloud: SolarEdgeCloud, session: ClientSession, clock: ManualClock) -> None:
        self.cloud = cloud
        self.clock = clock
        self._session = session

    async def grant(self) -> dict[str, str]:
        """Return what the page comes back with."""
        query = {
            "client_id": self.cloud.authority.client_id,
            "redirect_uri": "http://127.0.0.1/back",
            "scope": "SITE_DATA DEVICE_DATA",
            "state": "s",
        }
        url = f"{self.cloud.base_url}/authorize"
        async with self._session.get(url, params=query, allow_redirects=False) as page:
            return dict(URL(page.headers["Location"]).query)

    async def token(self, **body: str) -> tuple[int, Any]:
        """Return status and answer of a token request."""
        authority = self.cloud.authority
        app = {"client_id": authority.client_id, "client_secret": authority.client_secret}
        url = f"{self.cloud.base_url}/oauth2/token"
        async with self._session.post(url, json={**app, **body}) as answer:
            return answer.status, await answer.json()

    async def read(self, token: str, what: str = "sites/1234567") -> int:
        """Return the status of a question with an access token."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(f"{self.cloud.base_url}/{what}", headers=headers) as answer:
            return answer.status


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    clock = ManualClock(datetime(2026, 6, 10, 9, 0, tzinfo=UTC))
    async with (
        SolarEdgeCloud(House(HouseConfig(), clock)) as cloud,
        ClientSession() as session,
    ):
        yield Owner(cloud, session, clock)


async def first(owner: Owner) -> Any:
    """Return the tokens for a grant."""
    back = await owner.grant()
    assert (back["state"], back["site_id"]) == ("s", "1234567")
    status, tokens = await owner.token(grant_type="authorization_code", code=back["code"])
    assert (status, tokens["expires_in"]) == (200, 7200)
    again = await owner.token(grant_type="authorization_code", code=back["code"])
    assert again == (400, {"error": "invalid_grant", "error_description": "refused"})
    return tokens


async def test_a_token_reads_the_site_that_was_granted_and_nothing_else(owner: Owner) -> None:
    tokens = await first(owner)
    assert await owner.read(tokens["access_token"]) == 200
    assert await owner.read(tokens["access_token"], "sites/7654321") == 403
    assert await owner.read(tokens["access_token"], "sites") == 403
    assert await owner.read("another") == 401


async def test_each_refresh_token_is_good_once_and_each_access_token_for_two_hours(
    owner: Owner,
) -> None:
    tokens = await first(owner)
    owner.clock.advance(7200)
    assert await owner.read(tokens["access_token"]) == 401
    status, renewed = await owner.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert status == 200
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert await owner.read(renewed["access_token"]) == 200
    status, _ = await owner.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert status == 400, "an old refresh token is refused"
    owner.clock.advance(31 * 86400)
    status, _ = await owner.token(
        grant_type="refresh_token", refresh_token=renewed["refresh_token"]
    )
    assert status == 400


async def test_only_the_app_that_is_known_gets_tokens(owner: Owner) -> None:
    back = await owner.grant()
    status, answer = await owner.token(
        grant_type="authorization_code", code=back["code"], client_secret="guessed"
    )
    assert (status, answer["error"]) == (401, "invalid_client")
    status, answer = await owner.token(grant_type="client_credentials")
    assert (status, answer["error"]) == (400, "unsupported_grant_type")


async def test_an_owner_can_decline(owner: Owner) -> None:
    owner.cloud.authority.denied = True
    assert await owner.grant() == {"state": "s", "error": "access_denied"}
