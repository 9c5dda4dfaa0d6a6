"""The calls to SolarEdge's service, and what its refusals mean."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from http import HTTPStatus
import re
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
from aiosolaredge_one.const import (
    HEADER_ACCOUNT_KEY,
    HEADER_API_KEY,
    RESOLUTION_QUARTER_HOUR,
)

from ...core.clock import Clock
from ..base import CannotConnect, DeviceError, InvalidAuth, RateLimited, Retired, WrongDevice
from .budget import Credits, next_month

OLD_KEY: Final = re.compile(r"[0-9A-Z]{32}")
"""What keys of version 1 looked like."""

MINUTE_S: Final = 60.0
"""The wait when the service counts minutes and does not say how long."""

CLOSED: Final = (
    "SolarEdge closed version 1 of its interface on 3 November 2026; "
    "create a key for version 2, or read the inverter over Modbus"
)

NONSENSE: Final = "an answer that cannot be understood"


class Service:
    """One site behind one key."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        site_id: str,
        api_key: str,
        account_key: str | None,
        base_url: str,
        timeout_s: float,
    ) -> None:
        self.site_id = site_id
        self.credits = Credits()
        self._session = session
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json", HEADER_API_KEY: api_key}
        if account_key:
            self._headers[HEADER_ACCOUNT_KEY] = account_key
        self._old_style = OLD_KEY.fullmatch(api_key) is not None
        self._client = SolarEdgeOneClient(
            session,
            api_key,
            account_key=account_key,
            base_url=self._base_url,
            timeout=timeout_s,
        )

    async def site(self) -> Site:
        """Return what the service knows of the site."""
        return await self._call(self._client.get_site_details(self.site_id))

    async def devices(self) -> list[Device]:
        """Return inverters, meters and batteries."""
        return await self._call(self._client.get_devices(self.site_id))

    async def power(self, since: datetime, until: datetime) -> TimeSeries:
        """Return the sun in quarters."""
        return await self._call(
            self._client.get_power(
                self.site_id,
                date_from=since,
                date_to=until,
                resolution=RESOLUTION_QUARTER_HOUR,
            )
        )

    async def storage(self, since: datetime, until: datetime) -> Mapping[str, Any]:
        """Return the batteries in quarters."""
        return await self._call(
            self._client.get_storage_telemetry(
                self.site_id,
                date_from=since,
                date_to=until,
                resolution=RESOLUTION_QUARTER_HOUR,
            )
        )

    async def meters(self, since: datetime, until: datetime) -> object:
        """Return the meters in quarters."""
        return await self._call(self._get_meters(since, until))

    async def _get_meters(self, since: datetime, until: datetime) -> object:
        """Ask for what the library has no method for, and fail as it does."""
        async with self._session.get(
            f"{self._base_url}/sites/{self.site_id}/meters/telemetry",
            headers=self._headers,
            params={
                "from": since.isoformat(),
                "to": until.isoformat(),
                "resolution": RESOLUTION_QUARTER_HOUR,
            },
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

    async def _call[T](self, request: Awaitable[T]) -> T:
        """Await a request, count its credit and say in our words why it failed.

        No text of the service or of a library goes into the words: it could hold the key.
        """
        try:
            answer = await request
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
                if self._old_style and await self._old_is_gone():
                    return Retired(CLOSED)
                return InvalidAuth("the service refuses the key for this site")
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
