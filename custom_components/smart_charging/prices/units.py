"""Units of price: what one unit is worth in currency per kWh. Pure."""

import re

MINOR = frozenset(
    {
        *("c", "ct", "cts", "cent", "cents", "¢", "c€", "€c", "ceur", "eurocent", "snt"),
        *("p", "pence", "penny", "øre", "öre", "ore", "oere", "gr"),
    }
)
"""Hundredths of a currency, as price integrations write them."""

ENERGY_KWH = {"wh": 0.001, "kwh": 1.0, "mwh": 1000.0, "gwh": 1_000_000.0}

_KEY = re.compile(r"(?:^|_)(?:(?P<money>[a-z]+)_)?per_(?P<energy>k|m)wh$")


class UnknownUnit(ValueError):
    """A unit that is not money per energy."""


def per_kwh(unit: str | None) -> float:
    """Return by what to multiply a value in `unit` ("EUR/MWh", "ct/kWh") for currency per kWh.

    No unit at all counts as currency per kWh. Raises UnknownUnit for anything else.
    """
    if unit is None or not unit.strip():
        return 1.0
    money, slash, energy = unit.strip().rpartition("/")
    kwh = ENERGY_KWH.get(energy.strip().lower())
    if not slash or not money or kwh is None:
        raise UnknownUnit(unit)
    return _minor(money.strip()) / kwh


def per_kwh_of_key(key: str) -> float | None:
    """Return the same for a field whose name tells its unit, like `price_ct_per_kwh`."""
    found = _KEY.search(key)
    if found is None:
        return None
    return _minor(found["money"] or "") / ENERGY_KWH[f"{found['energy']}wh"]


def _minor(money: str) -> float:
    return 0.01 if money.lower() in MINOR else 1.0
