"""Units of price."""

import pytest

from custom_components.smart_charging.prices.units import UnknownUnit, per_kwh, per_kwh_of_key


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("EUR/kWh", 1.0),
        ("€/kWh", 1.0),
        ("$/kWh", 1.0),
        ("kr/kWh", 1.0),
        ("NOK/MWh", 0.001),
        ("EUR / MWh", 0.001),
        ("EUR/Wh", 1000.0),
        ("ct/kWh", 0.01),
        ("c/kWh", 0.01),
        ("¢/kWh", 0.01),
        ("p/kWh", 0.01),
        ("Øre/kWh", 0.01),
        ("Öre/kWh", 0.01),
        ("snt/kWh", 0.01),
        ("c/MWh", 0.00001),
        (None, 1.0),
        ("", 1.0),
    ],
)
def test_units_that_integrations_write(unit: str | None, factor: float) -> None:
    assert per_kwh(unit) == pytest.approx(factor)


@pytest.mark.parametrize("unit", ["EUR", "kWh", "%", "/kWh", "EUR/m³", "W"])
def test_anything_but_money_per_energy_is_unknown(unit: str) -> None:
    with pytest.raises(UnknownUnit):
        per_kwh(unit)


@pytest.mark.parametrize(
    ("key", "factor"),
    [
        ("price_ct_per_kwh", 0.01),
        ("price_eur_per_mwh", 0.001),
        ("price_per_kwh", 1.0),
        ("price_pence_per_kwh", 0.01),
        ("per_kwh", 1.0),
        ("price", None),
        ("per_hour", None),
    ],
)
def test_field_names_that_tell_their_unit(key: str, factor: float | None) -> None:
    assert per_kwh_of_key(key) == (None if factor is None else pytest.approx(factor))
