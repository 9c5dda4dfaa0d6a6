"""How an entity fails as a device. Each names the entity, so that a person can mend it."""

from ..base import CannotConnect, Rejected, WrongDevice


class EntityMissing(CannotConnect):
    """No entity of this name exists."""

    key = "entity_missing"


class EntityDisabled(CannotConnect):
    """The entity exists but is switched off in its settings."""

    key = "entity_disabled"


class EntityUnavailable(CannotConnect):
    """The integration that owns the entity does not reach its device."""

    key = "entity_unavailable"


class EntityUnit(WrongDevice):
    """The entity counts in a unit that does not fit what it was chosen for."""

    key = "entity_unit"


class NothingChosen(WrongDevice):
    """The form names no entity for what the part cannot do without."""

    key = "nothing_chosen"


class OptionMissing(WrongDevice):
    """An option named in the form does not exist at the select that should be set to it."""

    key = "option_missing"


class CannotPause(Rejected):
    """Nothing that was chosen can hold the charger off."""

    key = "cannot_pause"


class ModeNotSupported(Rejected):
    """Nothing that was chosen can put the battery into this mode."""

    key = "mode_not_supported"
