"""The JSON interface: a login with a digest, a token for some minutes, and what it opens."""

from collections.abc import Mapping
from hashlib import md5
from http import HTTPStatus
import secrets
from typing import Any, Final

from ..base import CannotConnect, InvalidAuth, WrongDevice
from .api import STRANGE, About, NotAllowed, NotOffered
from .registers import Register, Snapshot, by_name, moment, number, whole
from .web import Web

ATTEMPTS: Final = 2
"""A nonce lives for a minute, a token for ten, and neither outlives a restart of the meter."""


class JsonApi:
    """Reads as one user. Logs in when it must, and again when the token has run out."""

    def __init__(self, web: Web, username: str, password: str) -> None:
        self._web = web
        self._username = username
        self._password = password
        self._token: str | None = None

    async def serial(self) -> str | None:
        """Return the serial number; `None` where the user may not read settings."""
        return await self._told("/api/sys/sn")

    async def about(self) -> About:
        """Ask for what a user who may read settings is told."""
        if (serial := await self.serial()) is None:
            return About()
        return About(
            serial=serial,
            hostname=await self._told("/api/config/net/hostname"),
            model=await self._told("/api/sys/model"),
            firmware=await self._told("/api/sys/version/firmware"),
        )

    async def snapshot(self, *, counters: bool) -> Snapshot:
        """Ask for the present rates, and the counters of physical registers."""
        answer = await self._get("/api/register?rate=" + ("&time=now" if counters else ""))
        rows = answer.get("registers")
        if not isinstance(rows, list):
            raise WrongDevice(STRANGE)
        known = [
            row for row in rows if isinstance(row, Mapping) and isinstance(row.get("name"), str)
        ]
        counted = _counters(known, answer.get("ranges"))
        return Snapshot(
            at=moment(answer.get("ts")),
            registers=by_name(
                Register(
                    name=row["name"],
                    type=str(row.get("type")),
                    rate=number(row.get("rate")),
                    counter=counted.get(row["name"]),
                )
                for row in known
            ),
        )

    async def _told(self, path: str) -> str | None:
        try:
            value = (await self._get(path)).get("result")
        except (NotAllowed, NotOffered):
            return None
        return value if isinstance(value, str) and value else None

    async def _get(self, path: str) -> Mapping[str, Any]:
        """Return what is behind `path`. Raises as the interface does."""
        for _ in range(ATTEMPTS):
            if self._token is None:
                self._token = await self._log_in()
            answer = await self._web.ask(path, token=self._token)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                break
            self._token = None
        else:
            raise NotAllowed(f"the user may not read {path.partition('?')[0]}")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotOffered(f"there is no {path.partition('?')[0]}")
        if answer.status != HTTPStatus.OK:
            raise CannotConnect(f"it answers HTTP {answer.status}")
        return _table(answer.understood())

    async def _log_in(self) -> str:
        """Return a token. Raises InvalidAuth for wrong credentials alone."""
        refusal = ""
        for _ in range(ATTEMPTS):
            asked = await self._web.ask("/api/auth/unauthorized")
            if asked.status == HTTPStatus.NOT_FOUND:
                raise NotOffered("there is no JSON interface")
            if asked.status != HTTPStatus.UNAUTHORIZED:
                raise CannotConnect(f"it answers HTTP {asked.status} to a login")
            challenge = _table(asked.understood())
            realm, nonce = challenge.get("rlm"), challenge.get("nnc")
            if not isinstance(realm, str) or not isinstance(nonce, str):
                raise WrongDevice(STRANGE)
            own_nonce = secrets.token_hex(16)
            answer = await self._web.ask(
                "/api/auth/login",
                body={
                    "rlm": realm,
                    "usr": self._username,
                    "nnc": nonce,
                    "cnnc": own_nonce,
                    "hash": digest(self._username, realm, self._password, nonce, own_nonce),
                },
            )
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise CannotConnect(f"it answers HTTP {answer.status} to a login")
            found = _table(answer.understood())
            if isinstance(token := found.get("jwt"), str) and token:
                return token
            refusal = str(found.get("error") or f"HTTP {answer.status}")[:80]
            if "nonce" not in refusal.lower():
                break
        raise InvalidAuth(refusal)


def digest(username: str, realm: str, password: str, nonce: str, own_nonce: str) -> str:
    """Return what proves that we know the password."""
    return _md5(f"{_md5(f'{username}:{realm}:{password}')}:{nonce}:{own_nonce}")


def _md5(text: str) -> str:
    # As the meter wants it; it protects nothing beyond this login.
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _table(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise WrongDevice(STRANGE)
    return answer


def _counters(registers: list[Mapping[str, Any]], ranges: object) -> dict[str, int]:
    """Return the counters of the youngest row.

    A row has the physical registers, which have a column of the database each (`did`), by index.
    """
    physical = sorted(
        (row for row in registers if "did" in row and isinstance(row.get("idx"), int)),
        key=lambda row: int(row["idx"]),
    )
    match ranges:
        case [{"rows": [[*values], *_]}, *_] if len(values) == len(physical):
            return {
                row["name"]: counter
                for row, value in zip(physical, values, strict=True)
                if (counter := whole(value)) is not None
            }
        case _:
            return {}
