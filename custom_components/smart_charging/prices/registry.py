"""The table of price sources."""

from .adjusted import with_bill
from .base import SourceKind
from .day_night import DAY_NIGHT
from .entity import ENTITY
from .fixed import FIXED
from .wits import WITS

SOURCES: dict[str, SourceKind] = {
    kind.key: with_bill(kind) for kind in (ENTITY, WITS, FIXED, DAY_NIGHT)
}
