"""The form of a device: make, connection, test, parts, figures."""

from collections.abc import Awaitable, Callable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentry,
    SubentryFlowResult,
)
from homeassistant.helpers import selector
import voluptuous as vol

from ..config import stored_identity
from ..const import SUBENTRY_DEVICE
from ..core.reading import PartKind
from ..devices.base import Channel, DeviceError, Identity, InUse
from ..devices.entity.suggest import Suggestion, suggest
from ..devices.registry import BUILT_IN, MAKES
from .commission import CommissionSteps
from .figures import WITH_FIGURES, Place, figure_errors, figures_form, new_part, read_figures
from .forms import choice, defaults, form, missing, read, veiled
from .testing import device_with, devices, error_texts, link_free, taken_by_us, try_device

STEP = "async_step_"

ASSIGNMENT = "_channels"
"""Ends the name of the step in which a make's channels get their meaning."""

OWN_CHOICE = "own"
"""Option of the suggestions: none of them."""

type Step = Callable[[dict[str, Any] | None], Awaitable[SubentryFlowResult]]


class DeviceFlow(CommissionSteps):
    """Adds or changes a device; the connection is tried before anything is saved."""

    def __init__(self) -> None:
        """Begin with nothing answered."""
        self._make = ""
        self._suggestions: list[Suggestion] | None = None
        self._connection: dict[str, Any] = {}
        self._identity: dict[str, Any] = {}
        self._channels: tuple[Channel, ...] = ()
        self._proposal: dict[str, Any] = {}
        self._parts: dict[str, dict[str, Any]] = {}
        self._title = ""
        self._unique_id = ""
        self._asked: list[str] = []

    # A type checker shall still find names that are misspelt.
    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> Step:
            """Return the step of a make.

            Home Assistant finds a step by its name, and texts by the step: one of each make, so
            that its form speaks of that make alone. A make added to the table needs nothing here.
            """
            make_key = name.removeprefix(STEP)
            if name.startswith(STEP) and make_key in MAKES:
                return partial(self._connection_step, make_key)
            assigned = MAKES.get(make_key.removesuffix(ASSIGNMENT))
            if make_key.endswith(ASSIGNMENT) and assigned is not None and assigned.assignment:
                return self._assignment_step
            raise AttributeError(name)

    @property
    def _changed(self) -> ConfigSubentry | None:
        """The device that is being changed; `None` while one is added."""
        return self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the make."""
        outside = any(key not in BUILT_IN for key in MAKES)
        # Rows from outside have no translation here: they bring their name along.
        options = {key: make.name for key, make in MAKES.items()} if outside else list(MAKES)
        return self.async_show_menu(step_id="user", menu_options=options)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Start from what is stored."""
        subentry = self._get_reconfigure_subentry()
        self._connection = dict(subentry.data["connection"])
        return await self._connection_step(subentry.data["make"], None)

    # --- connection -----------------------------------------------------------------------------

    async def _connection_step(
        self, make_key: str, user_input: dict[str, Any] | None
    ) -> SubentryFlowResult:
        """Ask for the connection of a make and try it."""
        make = MAKES[make_key]
        self._make = make_key
        if user_input is None and self._suggestions is None and self._changed is None:
            self._suggestions = self._suggest()
            if self._suggestions:
                return await self.async_step_suggestion()
        errors: dict[str, str] = {}
        placeholders = {"detail": ""}
        if user_input is not None:
            stored = None if self._changed is None else self._changed.data["connection"]
            connection = read(make.fields, user_input, stored)
            errors = missing(make.fields, connection)
            if not errors:
                try:
                    return await self._connected(connection)
                except DeviceError as err:
                    errors, placeholders = error_texts(make_key, err)
        values = user_input
        if values is None:
            proposed = defaults(make.fields) if self._changed is None else {}
            values = {**proposed, **veiled(make.fields, self._connection)}
        return self.async_show_form(
            step_id=make_key,
            data_schema=form(make_key, make.fields, values),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _suggest(self) -> list[Suggestion]:
        """Return what Home Assistant already has of this make and no site of ours uses."""
        used = {
            value
            for _, subentry in devices(self.hass)
            if subentry.data["make"] == self._make
            for value in subentry.data["connection"].values()
        }
        return [
            suggestion
            for kind in MAKES[self._make].parts
            for suggestion in suggest(self.hass, kind)
            if suggestion.make == self._make
            and not any("." in str(v) and v in used for v in suggestion.data.values())
        ]

    async def async_step_suggestion(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Offer the devices of other integrations; the choice fills in the form."""
        found = self._suggestions or []
        if user_input is not None:
            if (chosen := user_input["suggestion"]) != OWN_CHOICE:
                self._connection = dict(found[int(chosen)].data)
            return await self._connection_step(self._make, None)
        options = [
            selector.SelectOptionDict(value=str(index), label=f"{s.title} ({s.platform})")
            for index, s in enumerate(found)
        ]
        # Its label comes from the translations, those above are names.
        options.append(selector.SelectOptionDict(value=OWN_CHOICE, label=OWN_CHOICE))
        picker = selector.SelectSelector(
            selector.SelectSelectorConfig(
                options=options,
                translation_key="suggestion",
                mode=selector.SelectSelectorMode.LIST,
            )
        )
        return self.async_show_form(
            step_id="suggestion",
            data_schema=vol.Schema({vol.Required("suggestion", default="0"): picker}),
        )

    async def _connected(self, connection: dict[str, Any]) -> SubentryFlowResult:
        """Try the connection, unless it is the one in use, and go on. Raises DeviceError."""
        changed, assignment = self._changed, MAKES[self._make].assignment
        identity: Identity | None = None
        if changed is not None and not assignment and connection == changed.data["connection"]:
            # Only figures change: the device that is running keeps its link.
            self._identity = dict(changed.data["identity"])
            self._parts = {key: dict(part) for key, part in changed.data["parts"].items()}
            self._title, self._unique_id = changed.title, changed.unique_id or ""
        else:
            identity = await self._identify(connection)
            self._take(identity, connection, changed)
        if changed is not None and changed.unique_id != self._unique_id:
            return self.async_abort(
                reason="another_device",
                description_placeholders={
                    "name": changed.title,
                    "serial": str(self._identity["serial"]),
                },
            )
        if changed is None and (refusal := self._already_configured()):
            return refusal
        if assignment and identity is not None:
            stored = {} if changed is None else changed.data["connection"]
            known = {f.key: stored[f.key] for f in assignment if f.key in stored}
            self._channels = identity.channels
            self._proposal = known or {**defaults(assignment), **identity.proposal}
            self._connection = connection
            return await self._assignment_step(None)
        return await self._chosen(connection)

    async def _chosen(self, connection: dict[str, Any]) -> SubentryFlowResult:
        """Go on with a connection that is complete."""
        self._connection = connection
        if len(self._parts) > 1:
            return await self.async_step_parts()
        return await self._next_figures()

    async def _assignment_step(self, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        """Ask what the device's channels mean, and try the connection with the answer."""
        fields = MAKES[self._make].assignment
        errors: dict[str, str] = {}
        placeholders = {"detail": ""}
        values = self._proposal
        if user_input is not None:
            values = user_input
            chosen = read(fields, user_input)
            errors = missing(fields, chosen)
            if not errors:
                own = {f.key for f in fields}
                kept = {k: v for k, v in self._connection.items() if k not in own}
                try:
                    connection = {**kept, **chosen}
                    identity = await self._identify(connection)
                except DeviceError as err:
                    errors, placeholders = error_texts(self._make, err)
                else:
                    if identity.parts:
                        self._take(identity, connection, self._changed)
                        return await self._chosen(connection)
                    errors["base"] = "no_channel"
        return self.async_show_form(
            step_id=f"{self._make}{ASSIGNMENT}",
            data_schema=form(self._make, fields, values, self._channels),
            errors=errors,
            description_placeholders={**placeholders, "name": self._title},
        )

    async def _identify(self, connection: dict[str, Any]) -> Identity:
        make, changed = MAKES[self._make], self._changed
        own_id = None if changed is None else changed.subentry_id
        # Asked before it is tried: as root, which Home Assistant often is, the system hands a
        # port out twice, and the two readers would steal each other's bytes.
        if taken := await taken_by_us(self.hass, make, connection, own_id, serial=True):
            raise taken
        try:
            if own_id is None:
                return await try_device(self.hass, make, connection)
            async with link_free(self._get_entry(), own_id):
                return await try_device(self.hass, make, connection)
        except InUse as err:
            if taken := await taken_by_us(self.hass, make, connection, own_id, serial=False):
                raise taken from err
            raise

    def _take(
        self, identity: Identity, connection: dict[str, Any], changed: ConfigSubentry | None
    ) -> None:
        """Keep who answered and what it consists of."""
        self._identity = stored_identity(identity)
        self._unique_id = f"{self._make}_{identity.serial}"
        self._title = identity.name
        known = {} if changed is None else changed.data["parts"]
        before = {} if changed is None else changed.data["connection"]
        answered_anew = frozenset(
            key for key in {*before, *connection} if before.get(key) != connection.get(key)
        )
        self._parts = {
            info.key: new_part(info, known.get(info.key), answered_anew) for info in identity.parts
        }
        for key, part in self._parts.items():
            if key not in known and part["kind"] == PartKind.METER and len(self._parts) > 1:
                # A second meter on the same grid connection is of no use.
                part["used"] = not self._has_meter()

    def _has_meter(self) -> bool:
        return any(
            part["kind"] == PartKind.METER and part.get("used", True)
            for subentry in self._get_entry().subentries.values()
            if subentry.subentry_type == SUBENTRY_DEVICE and subentry != self._changed
            for part in subentry.data["parts"].values()
        )

    def _already_configured(self) -> SubentryFlowResult | None:
        if (taken := device_with(self.hass, self._unique_id)) is None:
            return None
        return self.async_abort(
            reason="already_configured",
            description_placeholders={"device": taken[0], "site": taken[1]},
        )

    # --- parts and figures ----------------------------------------------------------------------

    async def async_step_parts(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask which parts the site uses."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input["parts"]:
                for key, part in self._parts.items():
                    part["used"] = key in user_input["parts"]
                return await self._next_figures()
            errors["parts"] = "no_part"
        used = [key for key, part in self._parts.items() if part["used"]]
        return self.async_show_form(
            step_id="parts",
            data_schema=vol.Schema(
                {
                    vol.Required("parts", default=used): choice(
                        f"{self._make}_parts", self._parts, multiple=True
                    )
                }
            ),
            errors=errors,
            description_placeholders={"name": self._title},
        )

    def _without_figures(self) -> str | None:
        """Return the next part in use whose figures were not asked, or `None`."""
        return next(
            (
                key
                for key, part in self._parts.items()
                if part["used"]
                and PartKind(part["kind"]) in WITH_FIGURES
                and key not in self._asked
            ),
            None,
        )

    async def _next_figures(self) -> SubentryFlowResult:
        """Ask for the figures of the next part that has some, or finish."""
        if (key := self._without_figures()) is None:
            return await self._finish()
        return await self._figures_step(PartKind(self._parts[key]["kind"]), None)

    async def _figures_step(
        self, kind: PartKind, user_input: dict[str, Any] | None
    ) -> SubentryFlowResult:
        key = self._without_figures()
        assert key is not None  # a step is shown for a part that still waits for its figures
        place = Place.of(self._get_entry())
        values = self._parts[key]
        errors: dict[str, str] = {}
        if user_input is not None:
            figures = read_figures(kind, user_input, place)
            errors = figure_errors(kind, figures)
            if not errors:
                self._asked.append(key)
                values.update(figures)
                return await self._next_figures()
            values = {**values, **figures}
        return self.async_show_form(
            step_id=f"figures_{kind.value}",
            data_schema=figures_form(kind, values, place),
            errors=errors,
            description_placeholders={"name": values.get("name") or self._title},
        )

    async def async_step_figures_charger(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Take the figures of a charger."""
        return await self._figures_step(PartKind.CHARGER, user_input)

    async def async_step_figures_battery(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Take the figures of a battery."""
        return await self._figures_step(PartKind.BATTERY, user_input)

    async def _finish(self) -> SubentryFlowResult:
        return await self.async_step_commission_offer() if self._can_commission() else self.save()

    def _data(self) -> dict[str, Any]:
        return {
            "make": self._make,
            "connection": self._connection,
            "identity": self._identity,
            "parts": self._parts,
        }

    @override
    def save_and_go_on(self) -> str | None:
        entries, entry, data = self.hass.config_entries, self._get_entry(), self._data()
        if (changed := self._changed) is not None:
            entries.async_update_subentry(entry, changed, data=data)
            return changed.subentry_id
        if device_with(self.hass, self._unique_id) is not None:
            return None
        added = ConfigSubentry(
            data=MappingProxyType(data),
            subentry_type=SUBENTRY_DEVICE,
            title=self._free_title(),
            unique_id=self._unique_id,
        )
        entries.async_add_subentry(entry, added)
        return added.subentry_id

    @override
    def save(self) -> SubentryFlowResult:
        data = self._data()
        if (changed := self._changed) is not None:
            # Not async_update_and_abort: since 2026 it ends with words that are not ours.
            self.hass.config_entries.async_update_subentry(self._get_entry(), changed, data=data)
            return self.async_abort(reason="reconfigure_successful")
        # Again, because another form may have added it meanwhile: Home Assistant 2025.4 answers
        # a unique id that exists with an internal error.
        if refusal := self._already_configured():
            return refusal
        return self.async_create_entry(
            title=self._free_title(), data=data, unique_id=self._unique_id
        )

    def _free_title(self) -> str:
        """Return the device's name, with its serial number where another one is called so."""
        titles = {subentry.title for subentry in self._get_entry().subentries.values()}
        return f"{self._title} {self._identity['serial']}" if self._title in titles else self._title
