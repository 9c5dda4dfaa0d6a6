"""The calls to SolarEdge's service, and what its refusals mean."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiosolaredge_one import (
    Device,
    RateLimit,
    Site,
    SolarEdgeApiError,
    SolarEdgeConnectionError,
    SolarEdgeOneClient,
    SolarEdgeRateLimitError,
    TimeSeries,
)
from aiosolaredge_one.const import RESOLUTION_QUARTER_HOUR
from aiosolaredge_one.models import parse_device_list

from ...core.clock import Clock
from ..base import CannotConnect, DeviceError, InvalidAuth, RateLimited, Retired, WrongDevice
from .access import Access
from .budget import Credits, next_month

DEVICE_KINDS: Final = ("INVERTER", "METER", "BATTERY")

MINUTE_S: Final = 60.0
"""The wait when the service counts minutes and does not say how long."""

CLOSED: Final = (
    "SolarEdge closed version 1 of its interface on 3 November 2026; "
    "create a key for version 2, sign in as the owner, or read the inverter over Modbus"
)

NONSENSE: Final = "an answer that cannot be understood"


class Service:
    """One site behind one key or sign-in."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        site_id: str,
        access: Access,
        base_url: str,
        timeout_s: float,
    ) -> None:
        self.site_id = site_id
        self.credits = Credits()
        self._session = session
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._access = access
        self._client = SolarEdgeOneClient(
            session, base_url=self._base_url, timeout=timeout_s, **access.for_library
        )

    async def site(self) -> Site:
        """Return what the service knows of the site."""
        return await self._call(lambda: self._client.get_site_details(self.site_id))

    async def devices(self) -> list[Device]:
        """Return inverters, meters and batteries."""
        # The library's own call leaves the kinds out, and then the service names inverters only.
        kinds = [("types", kind) for kind in DEVICE_KINDS]
        return await self._call(lambda: self._devices(kinds))

    async def _devices(self, kinds: list[tuple[str, str]]) -> list[Device]:
        return parse_device_list(await self._get("devices", kinds))

    async def power(self, since: datetime, until: datetime) -> TimeSeries:
        """Return the sun in quarters."""
        return await self._call(
            lambda: self._client.get_power(
                self.site_id,
                date_from=since,
                date_to=until,
                resolution=RESOLUTION_QUARTER_HOUR,
            )
        )

    async def storage(self, since: datetime, until: datetime) -> Mapping[str, Any]:
        """Return the batteries in quarters."""
        return await self._call(
            lambda: self._client.get_storage_telemetry(
                self.site_id,
                date_from=since,
                date_to=until,
                resolution=RESOLUTION_QUARTER_HOUR,
            )
        )

    async def meters(self, since: datetime, until: datetime) -> object:
        """Return the meters in quarters."""
        span = [
            ("from", since.isoformat()),
            ("to", until.isoformat()),
            ("resolution", RESOLUTION_QUARTER_HOUR),
        ]
        return await self._call(lambda: self._get("meters/telemetry", span))

    async def _get(self, what: str, params: list[tuple[str, str]]) -> Any:
        """Ask for what the library has no method for, and fail as it does."""
        async with self._session.get(
            f"{self._base_url}/sites/{self.site_id}/{what}",
            headers={"Accept": "application/json", **await self._access.headers()},
            params=params,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
        ) as response:
            self._client.rate_limit = RateLimit.from_headers(response.headers)
            if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                wait = response.headers.get("Retry-After", "")
                raise SolarEdgeRateLimitError(
                    "Rate limit exceeded", retry_after=float(wait) if wait.isdecimal() else None
                )
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise SolarEdgeApiError("refused", status=response.status)
            payload: object = await response.json()
        return payload

    async def _call[T](self, request: Callable[[], Awaitable[T]]) -> T:
        """Await a request, count its credit and say in our words why it failed.

        No text of the service or of a library goes into the words: it could hold the key.
        """
        try:
            try:
                answer = await request()
            except SolarEdgeApiError as err:
                if err.status != HTTPStatus.UNAUTHORIZED or not self._access.renew():
                    raise
                answer = await request()
        except SolarEdgeRateLimitError as err:
            raise self._limited(err) from None
        except SolarEdgeApiError as err:
            raise await self._refused(err.status) from None
        except TimeoutError:
            raise CannotConnect("no answer in time") from None
        except (SolarEdgeConnectionError, aiohttp.ClientError) as err:
            cause = err.__cause__ or err
            if isinstance(cause, aiohttp.ContentTypeError):
                raise CannotConnect(NONSENSE) from None
            raise CannotConnect(f"no connection ({type(cause).__name__})") from None
        except (AttributeError, KeyError, TypeError, ValueError):
            # The library takes the answer's shape for granted.
            raise CannotConnect(NONSENSE) from None
        self.credits.spend(self._clock.now())
        return answer

    def _limited(self, err: SolarEdgeRateLimitError) -> RateLimited:
        """Tell the limit per minute from the credits of the month."""
        limit = self._client.rate_limit
        remaining = limit.remaining_minute if limit is not None else None
        if err.retry_after is None and remaining:
            now = self._clock.now()
            until = next_month(now)
            return RateLimited(
                f"the credits of this month are used up; new ones come on {until:%d %B}",
                retry_after_s=(until - now).total_seconds(),
            )
        return RateLimited(
            "too many calls in a minute",
            retry_after_s=MINUTE_S if err.retry_after is None else err.retry_after,
        )

    async def _refused(self, status: int | None) -> DeviceError:
        match status:
            case HTTPStatus.GONE:
                return Retired(CLOSED)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                if self._access.old_style and await self._old_is_gone():
                    return Retired(CLOSED)
                return InvalidAuth(self._access.refusal)
            case HTTPStatus.NOT_FOUND:
                return WrongDevice(f"the service knows no site {self.site_id}")
            case _:
                return CannotConnect(f"the service answers HTTP {status}")

    async def _old_is_gone(self) -> bool:
        """Ask the place of version 1, without the key, whether it is still closed."""
        root = self._base_url.removesuffix("/v2")
        try:
            async with self._session.get(
                f"{root}/site/{self.site_id}/overview",
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            ) as response:
                return response.status == HTTPStatus.GONE
        except (aiohttp.ClientError, TimeoutError):
            return False
