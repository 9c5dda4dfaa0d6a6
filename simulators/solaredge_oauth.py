"""Where SolarEdge's home owners sign in, and where their tokens come from.

A grant covers one site. Access tokens live two hours. Each refresh gives out another refresh token
and takes the old one back at once: whoever shows an old one is refused.
"""

import asyncio
from datetime import timedelta
from itertools import count
from typing import Any

from aiohttp import web
from yarl import URL

from custom_components.smart_charging.core.clock import Clock

ACCESS_LIFE = timedelta(hours=2)
REFRESH_LIFE = timedelta(days=30)


class Authority:
    """Gives out codes and tokens for one site.

    Faults, as those of the service: `refresh_refused` (it takes back what was granted),
    `token_5xx` (`status`, default 503), `token_garbage` (a page, or `json`), `token_slow` (what
    was asked for is done at once, and answered `seconds` later).
    """

    def __init__(self, clock: Clock, site_id: int, faults: dict[str, dict[str, Any]]) -> None:
        """Know one app, whose owner is the home owner."""
        self.client_id = "simulated-app"
        self.client_secret = "simulated-app-secret"  # noqa: S105 - nobody's
        self.granted_site = site_id
        """The site that the owner chooses on the page."""
        self.denied = False
        """The owner declines."""
        self.refreshes = 0
        self.requests: list[dict[str, Any]] = []
        """Bodies of all token requests."""
        self._clock = clock
        self._faults = faults
        self._number = count(1)
        self._codes: dict[str, int] = {}
        self._refresh: dict[str, tuple[int, float]] = {}
        self._access: dict[str, tuple[int, float]] = {}

    def routes(self, app: web.Application) -> None:
        """Add the page and the place of tokens."""
        app.router.add_get("/v2/authorize", self._page)
        app.router.add_post("/v2/oauth2/token", self._token)

    def site_of(self, authorization: str) -> int | None:
        """Return the site that a header `Bearer ...` gives access to; `None` if it is not good."""
        site, until = self._access.get(authorization.removeprefix("Bearer "), (0, 0.0))
        return site if self._clock.now().timestamp() < until else None

    def grant(self, access: str, site_id: int) -> None:
        """Make a token good for a site."""
        until = self._clock.now() + ACCESS_LIFE
        self._access[access] = (site_id, until.timestamp())

    def withdraw(self, refresh: str) -> None:
        """Take a refresh token back, as its use by somebody else does."""
        self._refresh.pop(refresh, None)

    def revoke_access(self) -> None:
        """Take all access tokens back before their time; refresh tokens stay good."""
        self._access.clear()

    async def _page(self, request: web.Request) -> web.Response:
        """Stand for the page: the owner grants access at once, or declines."""
        query = request.query
        if query.get("client_id") != self.client_id or "SITE_DATA" not in query.get("scope", ""):
            return web.Response(status=400, text="unknown app or scope")
        said = {"state": query["state"]}
        if self.denied:
            said["error"] = "access_denied"
        else:
            said["code"] = f"code-{next(self._number)}"
            said["site_id"] = str(self.granted_site)
            self._codes[said["code"]] = self.granted_site
        raise web.HTTPFound(URL(query["redirect_uri"]).update_query(said))

    async def _token(self, request: web.Request) -> web.Response:
        """Give out tokens; errors as RFC 6749 has them."""
        if (fault := self._faults.get("token_5xx")) is not None:
            return web.Response(status=fault.get("status", 503), text="<html>later</html>")
        if (fault := self._faults.get("token_garbage")) is not None:
            if "json" in fault:
                return web.json_response(fault["json"])
            return web.Response(text="<html>Maintenance</html>", content_type="text/html")
        if request.content_type != "application/json":
            return _refusal("invalid_request")
        body = await request.json()
        self.requests.append(body)
        if (body.get("client_id"), body.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return _refusal("invalid_client", 401)
        now_s = self._clock.now().timestamp()
        match body.get("grant_type"):
            case "authorization_code":
                site = self._codes.pop(str(body.get("code")), None)
            case "refresh_token":
                # It is used up, whatever comes of it.
                site, until = self._refresh.pop(str(body.get("refresh_token")), (None, 0.0))
                if now_s >= until or "refresh_refused" in self._faults:
                    site = None
                self.refreshes += site is not None
            case _:
                return _refusal("unsupported_grant_type")
        if site is None:
            return _refusal("invalid_grant")
        number = next(self._number)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self.grant(access, site)
        self._refresh[refresh] = (site, now_s + REFRESH_LIFE.total_seconds())
        if (fault := self._faults.get("token_slow")) is not None:
            await asyncio.sleep(fault["seconds"])
        return web.json_response(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": int(ACCESS_LIFE.total_seconds()),
                "refresh_token": refresh,
            }
        )


def _refusal(error: str, status: int = 400) -> web.Response:
    return web.json_response({"error": error, "error_description": "refused"}, status=status)
