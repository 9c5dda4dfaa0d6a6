"""The form of a price: kind of source, role, connection, test."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
import voluptuous as vol

from ..const import SUBENTRY_PRICE
from ..devices.base import DeviceError
from ..prices.base import SourceKind
from ..prices.registry import SOURCES
from .forms import choice, defaults, form, missing, read, veiled
from .testing import error_texts, try_source

STEP = "async_step_"

ROLES = ("import", "export")

type Step = Callable[[dict[str, Any] | None], Awaitable[SubentryFlowResult]]


class PriceFlow(ConfigSubentryFlow):
    """Adds or changes a price source; it is tried before it is saved."""

    # A type checker shall still find names that are misspelt.
    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> Step:
            """Return the step of a kind of source: one of each, as in the form of a device."""
            key = name.removeprefix(STEP)
            if name.startswith(STEP) and key in SOURCES:
                return partial(self._source_step, key)
            raise AttributeError(name)

    @property
    def _changed(self) -> ConfigSubentry | None:
        """The price that is being changed; `None` while one is added."""
        return self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the kind of source."""
        if not self._free_roles():
            return self.async_abort(reason="both_roles")
        return self.async_show_menu(step_id="user", menu_options=list(SOURCES))

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Start from what is stored."""
        return await self._source_step(self._get_reconfigure_subentry().data["kind"], None)

    async def _source_step(self, key: str, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        """Ask for a source and try it."""
        kind = SOURCES[key]
        errors: dict[str, str] = {}
        placeholders = {"detail": ""}
        if user_input is not None:
            source = read(kind.fields, user_input, self._source())
            errors = missing(kind.fields, source) or self._role_error(user_input["role"])
            if not errors:
                try:
                    unique_id = await self._identify(key, source)
                except DeviceError as err:
                    errors, placeholders = error_texts(key, err)
                else:
                    # Again: another form may have taken the role while the source was asked.
                    errors = self._role_error(user_input["role"])
                    if not errors:
                        return self._finish(key, user_input["role"], source, unique_id)
        values = self._proposed(kind) if user_input is None else user_input
        roles = self._free_roles()
        role = {
            vol.Required("role", default=values.get("role", (*roles, ROLES[0])[0])): choice(
                "role", ROLES
            )
        }
        return self.async_show_form(
            step_id=key,
            data_schema=vol.Schema(role).extend(form(key, kind.fields, values).schema),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def _identify(self, key: str, source: dict[str, Any]) -> str:
        """Return the unique id of a source, asked unless it is the one in use. Raises DeviceError."""
        changed = self._changed
        if changed is not None and source == self._source():
            return (changed.unique_id or "").removeprefix(_prefix(changed.data["role"], key))
        return await try_source(self.hass, SOURCES[key], source)

    def _source(self) -> Mapping[str, Any] | None:
        """Return what is stored of the source; `None` while one is added."""
        return None if self._changed is None else self._changed.data["source"]

    def _proposed(self, kind: SourceKind) -> Mapping[str, Any]:
        """Return what the form shows when it opens."""
        if (changed := self._changed) is None:
            return defaults(kind.fields)
        return {**veiled(kind.fields, changed.data["source"]), "role": changed.data["role"]}

    def _free_roles(self) -> list[str]:
        """Return the roles that no other price has."""
        changed = self._changed
        taken = {
            subentry.data["role"]
            for subentry in self._get_entry().subentries.values()
            if subentry.subentry_type == SUBENTRY_PRICE and subentry != changed
        }
        return [role for role in ROLES if role not in taken]

    def _role_error(self, role: str) -> dict[str, str]:
        return {} if role in self._free_roles() else {"role": "role_taken"}

    def _finish(
        self, key: str, role: str, source: dict[str, Any], unique_id: str
    ) -> SubentryFlowResult:
        data = {"kind": key, "role": role, "source": source}
        unique_id = _prefix(role, key) + unique_id
        if (changed := self._changed) is None:
            return self.async_create_entry(title=_title(role, key), data=data, unique_id=unique_id)
        # A name that a person gave stays; ours follows the role.
        ours = changed.title == _title(changed.data["role"], key)
        self.hass.config_entries.async_update_subentry(
            self._get_entry(),
            changed,
            data=data,
            title=_title(role, key) if ours else changed.title,
            unique_id=unique_id,
        )
        return self.async_abort(reason="reconfigure_successful")


def _title(role: str, key: str) -> str:
    return f"{SOURCES[key].name} ({role})"


def _prefix(role: str, key: str) -> str:
    return f"{role}_{key}_"
