"""What WITS answers, turned into records. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from ..records import PriceRecord, Standing

TRADING_PERIOD = timedelta(minutes=30)

KWH_PER_MWH = 1000.0

STANDINGS = {"RTD": Standing.DISPATCH, "Interim": Standing.INTERIM, "Final": Standing.FINAL}


class Unreadable(ValueError):
    """The answer has another shape than any that the service is known to give."""


def rows(body: Any) -> list[dict[str, Any]]:
    """Return the price rows of an answer.

    One schedule comes as an object with `prices`; several come as a list of such objects from
    the live service and as an object with `schedules` by its specification. Raises Unreadable
    for anything else.
    """
    return list(_rows(body, None))


def _rows(body: Any, schedule: str | None) -> Iterator[dict[str, Any]]:
    if isinstance(body, list):
        for item in body:
            yield from _rows(item, schedule)
    elif not isinstance(body, dict):
        raise Unreadable("neither a list nor an object")
    elif "schedules" in body:
        yield from _rows(body["schedules"], schedule)
    elif "prices" in body:
        yield from _rows(body["prices"], body.get("schedule", schedule))
    elif "tradingDateTime" in body:
        yield {"schedule": schedule, **body}
    else:
        raise Unreadable("no prices in the answer")


def records(found: list[dict[str, Any]], node: str, received_at: datetime) -> list[PriceRecord]:
    """Turn price rows of `node` into records in NZD per kWh; rows without a price are left out.

    The time is taken from `tradingDateTime` alone: period numbers run to 46 or 50 on the days
    when the clocks change.
    """
    kept = []
    for row in found:
        price, at = row.get("price"), row.get("tradingDateTime")
        if row.get("node", node) != node or not isinstance(at, str):
            continue
        if isinstance(price, bool) or not isinstance(price, int | float) or not isfinite(price):
            continue
        run = row.get("lastRunTime")
        try:
            start = datetime.fromisoformat(at)
            run_at = datetime.fromisoformat(run) if isinstance(run, str) else received_at
            kept.append(
                PriceRecord(
                    start=start,
                    end=start + TRADING_PERIOD,
                    value=price / KWH_PER_MWH,
                    run_at=run_at,
                    standing=STANDINGS.get(str(row.get("schedule")), Standing.FORECAST),
                )
            )
        except ValueError:
            # A time without offset or that is no time: this row cannot be placed, others can.
            continue
    return kept


def nodes(body: Any) -> list[str]:
    """Return the node names of /nodes, listed as strings or as objects. Raises Unreadable."""
    if not isinstance(body, list):
        raise Unreadable("nodes are not a list")
    names = [item.get("node") if isinstance(item, dict) else item for item in body]
    return [name for name in names if isinstance(name, str)]
