"""Repairs about the site as a whole: phases at the meter, the plan's age, currencies of prices."""

from datetime import timedelta
from typing import TYPE_CHECKING

from .core.reading import PartKind
from .prices.registry import SOURCES

if TYPE_CHECKING:
    from .site import Site

PLAN_OLD = timedelta(hours=1)
"""A plan is made each quarter of an hour; four that failed in a row are a fault."""


class Notices:
    """Looks once a second."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site

    def tick(self) -> None:
        """Raise and withdraw."""
        self._assumed_split()
        self._plan_old()
        self._currency()

    def _assumed_split(self) -> None:
        site = self._site
        part = site.meter_part
        if part is None:
            return
        if site.actor.setpoints.assumed_split and site.config.parts(PartKind.CHARGER):
            name = site.registry.part_name(part)
            site.issues.show("assumed_split", name, subject_id=part.id)
        elif site.meter is not None:
            site.issues.clear("assumed_split", part.id)

    def _plan_old(self) -> None:
        site, plan = self._site, self._site.plan
        subject = site.entry.entry_id
        if plan is None or site.clock.now() - plan.schedule.made_at <= PLAN_OLD:
            site.issues.clear("plan_old", subject)
        elif site.settled and site.config.prices:
            cause = site.replanner.failure or "prices or readings that it needs are missing"
            site.issues.show("plan_old", site.config.name, subject_id=subject, cause=cause)

    def _currency(self) -> None:
        site = self._site
        for price in site.config.prices:
            currency = SOURCES[price.kind].currency
            if currency is None or currency == site.config.currency:
                site.issues.clear("price_currency", price.id)
            else:
                site.issues.show(
                    "price_currency",
                    price.name,
                    subject_id=price.id,
                    currency=currency,
                    wanted=site.config.currency,
                )
