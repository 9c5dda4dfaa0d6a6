"""What holds for every charger and every car."""

LOWEST_A = 6.0
"""The least current that IEC 61851 can offer a car."""

DRAWN_A = 1.0
"""Below this a phase counts as unused: meter noise and the stand-by of the car."""

COMPLETE_AFTER_S = 60.0
"""For chargers that do not say that a car is full: one that has charged and takes nothing this
long after it was allowed to has ended the charge by itself. Cars take 3 to 30 s to follow."""


class Idle:
    """Tells a full car from a paused one."""

    def __init__(self) -> None:
        """Know nothing of the car yet."""
        self._since: float | None = None
        self.complete = False

    def watch(self, *, idle: bool, allowed: bool, charged: bool, monotonic: float) -> None:
        """Note whether a plugged-in car takes nothing (`idle`), may charge and has charged before.

        A pause does not make a full car hungry; a new charge or an unplugged car does.
        """
        if not idle:
            self._since, self.complete = None, False
        elif not allowed or not charged:
            self._since = None
        elif self._since is None:
            self._since = monotonic
        elif monotonic - self._since >= COMPLETE_AFTER_S:
            self.complete = True
