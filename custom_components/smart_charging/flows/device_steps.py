"""The steps of a device's form, wherever it is opened from: connection, test, parts, figures."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.data_entry_flow import FlowHandler, FlowResult
import voluptuous as vol

from ..config import stored_identity
from ..const import SUBENTRY_DEVICE
from ..core.reading import PartKind
from ..devices.base import Channel, DeviceError, Identity, InUse
from ..devices.oauth import Tokens
from ..devices.registry import MAKES
from .figures import WITH_FIGURES, Place, figure_errors, figures_form, new_part, read_figures
from .forms import choice, defaults, form, missing, read, veiled
from .testing import device_with, error_texts, taken_by_us, try_device

STEP = "async_step_"

ASSIGNMENT = "_channels"
"""Ends the name of the step in which a make's channels get their meaning."""

type Step = Callable[[dict[str, Any] | None], Awaitable[FlowResult[Any, Any]]]


class DeviceSteps[ResultT: FlowResult[Any, Any]](FlowHandler[Any, ResultT, Any]):
    """From the connection of a make to a device that can be saved.

    Whoever uses it says which site the device belongs to, and saves it in `finish`.
    """

    def __init__(self) -> None:
        """Begin with nothing answered."""
        super().__init__()
        self._make = ""
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

    # --- the site around it ---------------------------------------------------------------------

    @property
    @abstractmethod
    def site_data(self) -> Mapping[str, Any]:
        """The site's own data: that of its entry, or of one that is about to be added."""

    @property
    @abstractmethod
    def site_subentries(self) -> Collection[ConfigSubentry]:
        """What the site has already."""

    @property
    def changed(self) -> ConfigSubentry | None:
        """The device that is being changed; `None` while one is added."""
        return None

    def link_free(self) -> AbstractAsyncContextManager[None]:
        """Have the device that is being changed give up its link meanwhile."""
        return nullcontext()

    @property
    def tokens(self) -> Tokens | None:
        """Access tokens to try the connection with, for a make whose service is signed in to."""
        return None

    @abstractmethod
    async def finish(self) -> ResultT:
        """Save the device, now that everything was answered."""

    # --- connection -----------------------------------------------------------------------------

    async def _connection_step(self, make_key: str, user_input: dict[str, Any] | None) -> ResultT:
        """Ask for the connection of a make and try it."""
        make = MAKES[make_key]
        self._make = make_key
        errors: dict[str, str] = {}
        placeholders = {"detail": ""}
        if user_input is not None:
            stored = None if self.changed is None else self.changed.data["connection"]
            connection = read(make.fields, user_input, stored)
            errors = missing(make.fields, connection)
            if not errors:
                try:
                    return await self._connected(connection)
                except DeviceError as err:
                    errors, placeholders = error_texts(make_key, err)
        return self._connection_form(user_input, errors, placeholders)

    def _connection_form(
        self,
        values: Mapping[str, Any] | None,
        errors: dict[str, str],
        placeholders: dict[str, str],
    ) -> ResultT:
        fields = MAKES[self._make].fields
        if values is None:
            proposed = defaults(fields) if self.changed is None else {}
            values = {**proposed, **veiled(fields, self._connection)}
        return self.async_show_form(
            step_id=self._make,
            data_schema=form(self._make, fields, values),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def _connected(self, connection: dict[str, Any]) -> ResultT:
        """Try the connection, unless it is the one in use, and go on. Raises DeviceError."""
        changed, assignment = self.changed, MAKES[self._make].assignment
        identity: Identity | None = None
        if changed is not None and not assignment and connection == changed.data["connection"]:
            # Only figures change: the device that is running keeps its link.
            self._identity = dict(changed.data["identity"])
            self._parts = {key: dict(part) for key, part in changed.data["parts"].items()}
            self._title, self._unique_id = changed.title, changed.unique_id or ""
        else:
            identity = await self._identify(connection)
            self._take(identity, connection, changed)
        if refusal := self.refusal():
            return refusal
        if assignment and identity is not None:
            stored = {} if changed is None else changed.data["connection"]
            known = {f.key: stored[f.key] for f in assignment if f.key in stored}
            self._channels = identity.channels
            self._proposal = known or {**defaults(assignment), **identity.proposal}
            self._connection = connection
            return await self._assignment_step(None)
        return await self._chosen(connection)

    async def _chosen(self, connection: dict[str, Any]) -> ResultT:
        """Go on with a connection that is complete."""
        self._connection = connection
        if len(self._parts) > 1:
            return await self.async_step_parts()
        return await self._next_figures()

    async def _assignment_step(self, user_input: dict[str, Any] | None) -> ResultT:
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
                        self._take(identity, connection, self.changed)
                        return await self._chosen(connection)
                    errors["base"] = "no_channel"
        return self.async_show_form(
            step_id=f"{self._make}{ASSIGNMENT}",
            data_schema=form(self._make, fields, values, self._channels),
            errors=errors,
            description_placeholders={**placeholders, "name": self._title},
        )

    async def _identify(self, connection: dict[str, Any]) -> Identity:
        make, changed = MAKES[self._make], self.changed
        own_id = None if changed is None else changed.subentry_id
        # Asked before it is tried: as root, which Home Assistant often is, the system hands a
        # port out twice, and the two readers would steal each other's bytes.
        if taken := await taken_by_us(self.hass, make, connection, own_id, serial=True):
            raise taken
        try:
            async with self.link_free():
                return await try_device(self.hass, make, connection, self.tokens)
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
            for subentry in self.site_subentries
            if subentry.subentry_type == SUBENTRY_DEVICE and subentry != self.changed
            for part in subentry.data["parts"].values()
        )

    def refusal(self) -> ResultT | None:
        """Return the refusal of the device that answered, or `None`."""
        return self.already_configured()

    def already_configured(self) -> ResultT | None:
        """Return the refusal of a device that some site has already, or `None`."""
        if (taken := device_with(self.hass, self._unique_id)) is None:
            return None
        return self.async_abort(
            reason="already_configured",
            description_placeholders={"device": taken[1].title, "site": taken[0].title},
        )

    # --- parts and figures ----------------------------------------------------------------------

    async def async_step_parts(self, user_input: dict[str, Any] | None = None) -> ResultT:
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

    async def _next_figures(self) -> ResultT:
        """Ask for the figures of the next part that has some, or finish."""
        if (key := self._without_figures()) is None:
            return await self.finish()
        return await self._figures_step(PartKind(self._parts[key]["kind"]), None)

    async def _figures_step(self, kind: PartKind, user_input: dict[str, Any] | None) -> ResultT:
        key = self._without_figures()
        assert key is not None  # a step is shown for a part that still waits for its figures
        place = Place.of(self.site_data, self.site_subentries)
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

    async def async_step_figures_charger(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Take the figures of a charger."""
        return await self._figures_step(PartKind.CHARGER, user_input)

    async def async_step_figures_battery(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Take the figures of a battery."""
        return await self._figures_step(PartKind.BATTERY, user_input)

    # --- what is saved --------------------------------------------------------------------------

    @property
    def data(self) -> dict[str, Any]:
        """What the device's subentry holds."""
        return {
            "make": self._make,
            "connection": self._connection,
            "identity": self._identity,
            "parts": self._parts,
        }

    @property
    def free_title(self) -> str:
        """The device's name, with its serial number where another one is called so."""
        titles = {subentry.title for subentry in self.site_subentries}
        return f"{self._title} {self._identity['serial']}" if self._title in titles else self._title

    def new_subentry(self) -> ConfigSubentry:
        """Return the device as a subentry that can be added."""
        return ConfigSubentry(
            data=MappingProxyType(self.data),
            subentry_type=SUBENTRY_DEVICE,
            title=self.free_title,
            unique_id=self._unique_id,
        )
