"""Repairs: what a person can mend, raised while it lasts."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN

NOTICES = frozenset({"assumed_split"})
"""What can be lived with: it does not make the site's status a problem."""


class Issues:
    """The open repairs of one site."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Manage the repairs of the site `entry_id`."""
        self._hass = hass
        self._entry_id = entry_id
        self._open: dict[str, dict[str, str]] = {}

    @callback
    def show(self, key: str, subject: str, *, subject_id: str, **placeholders: str) -> None:
        """Raise the repair `key` about `subject`, or let it say what is new; again is harmless."""
        issue_id = self._id(key, subject_id)
        told = {"name": subject, **placeholders}
        if self._open.get(issue_id) == told:
            return
        self._open[issue_id] = told
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders=told,
        )

    @callback
    def clear(self, key: str, subject_id: str) -> None:
        """Withdraw a repair, if it stands."""
        issue_id = self._id(key, subject_id)
        if issue_id in self._open:
            del self._open[issue_id]
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    @callback
    def clear_all(self) -> None:
        """Withdraw everything, at unload."""
        for issue_id in self._open:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        self._open.clear()

    def is_open(self, key: str, subject_id: str) -> bool:
        """Tell whether a repair stands."""
        return self._id(key, subject_id) in self._open

    @property
    def any_open(self) -> bool:
        """Tell whether anything needs mending."""
        return any(
            not issue_id.startswith(tuple(f"{self._entry_id}_{key}_" for key in NOTICES))
            for issue_id in self._open
        )

    def _id(self, key: str, subject_id: str) -> str:
        return f"{self._entry_id}_{key}_{subject_id}"
