"""Price lists as each integration writes them, field names and times as they come."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.smart_charging.core.price import Price
from custom_components.smart_charging.prices.formats import parse
from custom_components.smart_charging.prices.responses import nord_pool, tibber, timestamped
from custom_components.smart_charging.prices.units import UnknownUnit

BRUSSELS = ZoneInfo("Europe/Brussels")
T0 = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
"""Midnight of 21 November in Brussels."""
HOUR = timedelta(hours=1)


def local(hours: float) -> datetime:
    return (T0 + timedelta(hours=hours)).astimezone(BRUSSELS)


def iso(hours: float) -> str:
    return local(hours).isoformat()


NORD_POOL = {
    "average": 0.2,
    "unit": "kWh",
    "currency": "EUR",
    "today": [0.10, 0.20],
    "tomorrow": [],
    "tomorrow_valid": True,
    "raw_today": [
        {"start": local(0), "end": local(1), "value": 0.10},
        {"start": local(1), "end": local(2), "value": 0.20},
    ],
    "raw_tomorrow": [{"start": local(2), "end": local(3), "value": 0.30}],
    "price_in_cents": False,
}
ENTSOE = {
    "prices_today": [{"time": "2026-11-21 00:00:00+01:00", "price": 0.10}],
    "prices_tomorrow": [],
    "prices": [
        {"time": "2026-11-21 00:00:00+01:00", "price": 0.10},
        {"time": "2026-11-21 01:00:00+01:00", "price": 0.20},
        {"time": "2026-11-21 02:00:00+01:00", "price": 0.30},
    ],
}
ENTSOE_BY_DAY = {
    "prices_today": ENTSOE["prices"][:2],
    "prices_tomorrow": ENTSOE["prices"][2:],
}
TIBBER = {
    "today": [
        {"total": 0.10, "energy": 0.05, "tax": 0.05, "startsAt": iso(0), "level": "CHEAP"},
        {"total": 0.20, "energy": 0.15, "tax": 0.05, "startsAt": iso(1), "level": "NORMAL"},
    ],
    "tomorrow": [{"total": 0.30, "energy": 0.2, "tax": 0.1, "startsAt": iso(2)}],
}
AMBER = {
    "channel_type": "general",
    "forecasts": [
        {
            "duration": 60,
            "date": "2026-11-21",
            "nem_date": "2026-11-21T00:30:00+10:00",
            "per_kwh": value,
            "spot_per_kwh": 0.01,
            "start_time": (T0 + i * HOUR + timedelta(seconds=1)).isoformat(),
            "end_time": (T0 + (i + 1) * HOUR).isoformat(),
            "renewables": 40,
            "spike_status": "none",
            "descriptor": "low",
        }
        for i, value in enumerate((0.10, 0.20, 0.30))
    ],
}
OCTOPUS = {
    "event_type": "octopus_energy_electricity_current_day_rates",
    "rates": [
        {
            "start": local(i),
            "end": local(i + 1),
            "value_inc_vat": value,
            "is_capped": False,
            "is_intelligent_adjusted": False,
        }
        for i, value in enumerate((0.10, 0.20, 0.30))
    ],
    "tariff_code": "E-1R-AGILE",
}
EPEX_MARKET = {
    "price_ct_per_kwh": 10.0,
    "data": [
        {
            "start_time": iso(i),
            "end_time": iso(i + 1),
            "price_eur_per_mwh": value * 1000,
            "price_ct_per_kwh": value * 100,
        }
        for i, value in enumerate((0.10, 0.20, 0.30))
    ],
}
EPEX_NET = {
    "data": [
        {"start_time": iso(i), "end_time": iso(i + 1), "price_ct_per_kwh": value * 100}
        for i, value in enumerate((0.10, 0.20, 0.30))
    ]
}
EPEX_NEW = {
    "data": [
        {"start_time": iso(i), "end_time": iso(i + 1), "price_per_kwh": value}
        for i, value in enumerate((0.10, 0.20, 0.30))
    ]
}
WITS = {
    "node": "OTA2201",
    "schedule": "PRSL",
    "forecast": [
        {"tradingDateTime": iso(i), "tradingPeriod": i, "node": "OTA2201", "price": value * 1000}
        for i, value in enumerate((0.10, 0.20, 0.30))
    ],
}
ENERGYZERO = {
    "prices": [
        {"timestamp": f"2026-11-20 {23 + i}:00:00+00:00", "price": 0.1 * (i + 1)} for i in range(1)
    ]
    + [{"timestamp": f"2026-11-21 0{i}:00:00+00:00", "price": 0.2 + 0.1 * i} for i in range(2)]
}
OURS = {
    "prices": [
        {"start": iso(i), "end": iso(i + 1), "value": value}
        for i, value in enumerate((0.10, 0.20, 0.30))
    ]
}
ENERGI_DATA_SERVICE = {
    "raw_today": [{"hour": local(0), "price": 0.10}, {"hour": local(1), "price": 0.20}],
    "raw_tomorrow": [{"hour": local(2), "price": 0.30}],
    "today": [0.10, 0.20],
}
BY_TIME = {"unit": "kWh", iso(0): 0.10, iso(1): 0.20, iso(2): 0.30}
MAPPED = {"forecast": {iso(0): 0.10, iso(1): 0.20, iso(2): 0.30}}
GENERIC = {
    "prijzen": [
        {"from": iso(i), "till": iso(i + 1), "price": value}
        for i, value in enumerate((0.10, 0.20, 0.30))
    ]
}


@pytest.mark.parametrize(
    ("name", "attributes", "unit"),
    [
        ("Nord Pool (HACS)", NORD_POOL, "EUR/kWh"),
        ("ENTSO-e", ENTSOE, "EUR/kWh"),
        ("ENTSO-e", ENTSOE_BY_DAY, "EUR/kWh"),
        ("Tibber", TIBBER, "EUR/kWh"),
        ("Amber Electric", AMBER, "$/kWh"),
        ("Octopus Energy", OCTOPUS, None),
        ("EPEX Spot", EPEX_MARKET, "€/MWh"),
        ("EPEX Spot", EPEX_NET, "ct/kWh"),
        ("EPEX Spot", EPEX_NEW, "€/kWh"),
        ("WITS", WITS, "NZD/kWh"),
        ("energyZero, easyEnergy", ENERGYZERO, "EUR/kWh"),
        ("Smart Charging", OURS, "EUR/kWh"),
        ("raw_today", ENERGI_DATA_SERVICE, "EUR/kWh"),
        ("", BY_TIME, "EUR/kWh"),
        ("forecast", MAPPED, "EUR/kWh"),
        ("prijzen", GENERIC, "EUR/kWh"),
    ],
)
def test_three_hours_read_the_same_from_every_integration(
    name: str, attributes: dict[str, Any], unit: str | None
) -> None:
    found = parse(attributes, unit, BRUSSELS)
    assert found is not None
    assert found[0] == name
    assert [p.value for p in found[1]] == pytest.approx([0.10, 0.20, 0.30])
    assert [(p.start, p.end) for p in found[1]] == [
        (T0 + i * HOUR, T0 + (i + 1) * HOUR) for i in range(3)
    ]


@pytest.mark.parametrize(
    ("unit", "factor"), [("EUR/MWh", 0.001), ("c/kWh", 0.01), ("Øre/kWh", 0.01), ("SEK/kWh", 1.0)]
)
def test_values_follow_the_unit_of_the_entity(unit: str, factor: float) -> None:
    found = parse(NORD_POOL, unit)
    assert found is not None
    assert found[1][0].value == pytest.approx(0.10 * factor)


def test_values_whose_name_tells_their_unit_do_not_follow_the_entity() -> None:
    found = parse(EPEX_MARKET, "%")
    assert found is not None
    assert found[1][0].value == pytest.approx(0.10)


def test_a_list_in_an_unknown_unit_is_an_error_and_no_guess() -> None:
    with pytest.raises(UnknownUnit):
        parse(NORD_POOL, "°C")


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"friendly_name": "Price", "raw_today": [], "prices": None},
        {"options": ["a", "b"], "today": [0.1, 0.2]},
        {"forecast": [{"datetime": "2026-11-21T00:00:00+00:00", "temperature": 8}]},
        {"prices": [{"start": "soon", "end": "later", "value": 0.1}]},
        {"prices": "start value"},
        {"rates": [{"start": None, "value_inc_vat": 0.1}]},
    ],
)
def test_entities_without_prices_are_told_apart(attributes: dict[str, Any]) -> None:
    assert parse(attributes, "EUR/kWh") is None


def test_rows_without_a_number_are_left_out() -> None:
    rows = [
        {"start": iso(i), "end": iso(i + 1), "value": value}
        for i, value in enumerate((0.1, None, float("nan"), float("inf"), True, "0.2", -0.05, 0))
    ]
    found = parse({"raw_today": rows}, "EUR/kWh")
    assert found is not None
    assert [(p.start - T0) / HOUR for p in found[1]] == [0, 5, 6, 7]
    assert [p.value for p in found[1]] == pytest.approx([0.1, 0.2, -0.05, 0.0])


def test_missing_end_is_the_next_start_but_does_not_bridge_a_hole() -> None:
    rows = [{"time": iso(h), "price": 0.1} for h in (0, 1, 2, 6, 7)]
    found = parse({"prices": rows}, "EUR/kWh")
    assert found is not None
    assert [((p.start - T0) / HOUR, (p.end - T0) / HOUR) for p in found[1]] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (6, 7),
        (7, 8),
    ]


def test_missing_end_of_tariff_times_reaches_to_the_next_start() -> None:
    rows = [{"time": iso(h), "price": p} for h, p in ((0, 0.2), (7, 0.3), (22, 0.2), (31, 0.3))]
    found = parse({"prices": rows}, "EUR/kWh")
    assert found is not None
    assert [(p.end - T0) / HOUR for p in found[1]][:3] == [7, 22, 31]


def test_single_price_without_end_lasts_an_hour() -> None:
    found = parse({"prices": [{"time": iso(3), "price": 0.1}]}, "EUR/kWh")
    assert found is not None
    assert found[1] == [Price(start=T0 + 3 * HOUR, end=T0 + 4 * HOUR, value=0.1)]


def test_overlapping_ends_are_cut_at_the_next_start() -> None:
    rows = [
        {"start": iso(0), "end": iso(2), "value": 0.1},
        {"start": iso(1), "end": iso(2), "value": 0.2},
    ]
    found = parse({"prices": rows}, "EUR/kWh")
    assert found is not None
    assert [(p.end - T0) / HOUR for p in found[1]] == [1, 2]


def test_wall_clock_times_of_the_night_that_repeats_an_hour() -> None:
    names = ["2026-10-25 00:00:00", "2026-10-25 01:00:00", "2026-10-25 02:00:00"]
    names += ["2026-10-25 02:00:00", "2026-10-25 03:00:00"]
    rows = [{"time": name, "price": i / 10} for i, name in enumerate(names)]
    found = parse({"prices": rows}, "EUR/kWh", BRUSSELS)
    assert found is not None
    midnight = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert [p.start for p in found[1]] == [midnight + i * HOUR for i in range(5)]


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), 23),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), 25),
    ],
)
def test_days_of_23_and_25_hours_with_offsets(start: datetime, hours: int) -> None:
    rows = [
        {
            "start": (start + i * HOUR).astimezone(BRUSSELS),
            "end": (start + (i + 1) * HOUR).astimezone(BRUSSELS),
            "value": i / 100,
        }
        for i in range(hours)
    ]
    found = parse({"raw_today": rows}, "EUR/kWh", BRUSSELS)
    assert found is not None
    assert [(p.start, p.end) for p in found[1]] == [
        (start + i * HOUR, start + (i + 1) * HOUR) for i in range(hours)
    ]


def test_running_interval_of_amber() -> None:
    attributes = {
        "duration": 5,
        "per_kwh": 0.42,
        "spot_per_kwh": 0.2,
        "start_time": "2026-11-21T00:00:01+00:00",
        "end_time": "2026-11-21T00:05:00+00:00",
        "estimate": True,
    }
    found = parse(attributes, "$/kWh")
    assert found is not None
    start = datetime(2026, 11, 21, tzinfo=UTC)
    assert found[1] == [Price(start=start, end=start + timedelta(minutes=5), value=0.42)]


def test_response_of_nord_pool_is_in_mwh_per_area() -> None:
    rows = [{"start": iso(0), "end": iso(0.25), "price": 82.35}]
    other = [{"start": iso(0), "end": iso(0.25), "price": 1.0}]
    found = nord_pool({"SE3": other, "SE4": rows}, "SE4")
    assert found == [Price(start=T0, end=T0 + HOUR / 4, value=pytest.approx(0.08235))]
    assert nord_pool({"BE": rows}, "unknown") == found
    assert nord_pool({"SE3": other, "SE4": rows}, "NO1") == [], "no guess between areas"
    assert nord_pool({"BE": []}, "BE") == []
    assert nord_pool(None, "BE") == []


def test_response_of_tibber_is_per_home() -> None:
    homes = {
        "Home": [{"start_time": iso(0), "price": 0.3}, {"start_time": iso(1), "price": 0.4}],
        "Cabin": [{"start_time": iso(0), "price": 0.1}],
    }
    found = tibber({"prices": homes}, "Home")
    assert [(p.value, (p.end - p.start) / HOUR) for p in found] == [(0.3, 1), (0.4, 1)]
    assert tibber({"prices": homes}, "Office") == []
    assert tibber({}, "Home") == []


def test_response_of_the_dutch_services() -> None:
    found = timestamped(ENERGYZERO)
    assert [(p.start, p.value) for p in found] == [
        (T0 + i * HOUR, pytest.approx(0.1 * (i + 1))) for i in range(3)
    ]
    assert timestamped({"prices": None}) == []
