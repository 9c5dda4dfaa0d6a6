"""The PowerFlex driver turns orders into the limit of a garage, over a real socket."""

from collections.abc import AsyncIterator

import pytest

from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.base import CannotConnect, Rejected
from simulators.house import Car, ChargerConfig

from .powerflex_rig import PAIR, Rig

THREE = ChargerConfig(key="02", max_a=32.0, car=Car(soc=0.3, max_a=32.0))
ONE_OF_THREE = ChargerConfig(key="02", max_a=32.0, car=Car(soc=0.3, max_a=32.0, phases=1))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


async def test_a_current_becomes_the_power_of_the_garage_and_is_read_back(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, None)
    assert rig.ordered() == [(2.3, True)]
    reading = await rig.ticks(4)
    assert (reading.limit_a, reading.released) == (10, False)
    assert reading.power_kw == pytest.approx(2.3, rel=0.03)
    assert rig.house.meter.power_kw == pytest.approx(2.3, rel=0.03)
    # Pause, and on again at the lowest current.
    await rig.driver.set_charging("charger", 0, None)
    assert rig.ordered() == [(0, True)]
    reading = await rig.ticks(3)
    assert (reading.limit_a, reading.power_kw) == (0, 0)
    assert reading.status is ChargerStatus.CONNECTED, "it is paused, not full"
    await rig.driver.set_charging("charger", 6, 1)
    assert rig.ordered() == [(1.38, True)]
    reading = await rig.ticks(4)
    assert (reading.limit_a, reading.status) == (6, ChargerStatus.CHARGING)


async def test_three_phases_are_three_times_the_power() -> None:
    async with Rig.open(THREE) as rig:
        rig.build(phases="3")
        await rig.run()
        await rig.driver.set_charging("charger", 16, 3)
        assert rig.ordered() == [(11.04, True)]
        reading = await rig.ticks(5)
        assert (reading.phases, reading.limit_a) == (3, 16)
        assert reading.currents_a == pytest.approx((16, 16, 16), abs=0.3)


async def test_a_car_on_one_phase_of_three_does_not_get_the_power_of_three_on_it() -> None:
    async with Rig.open(ONE_OF_THREE) as rig:
        rig.build(phases="3")
        await rig.run()
        await rig.driver.set_charging("charger", 10, None)
        assert rig.ordered() == [(6.9, True)]
        # It draws 30 A of it until that is seen; then the order is what was meant.
        reading = await rig.ticks(5)
        assert rig.ordered()[-1][0] == pytest.approx(2.3, abs=0.08)
        assert reading.currents_a == pytest.approx((10, 0, 0), abs=0.2)
        assert (reading.phases, reading.limit_a) == (1, 10)
        # That is remembered while the car is there: the next start is right at once.
        await rig.driver.set_charging("charger", 0, None)
        await rig.ticks(2)
        await rig.driver.set_charging("charger", 12, None)
        assert rig.ordered()[-1][0] <= 12 * 0.23
        rig.point.unplug()
        await rig.ticks(2)
        assert rig.last.phases == 3


async def test_an_order_that_cannot_be_put_right_shows_as_what_it_is() -> None:
    async with Rig.open(ONE_OF_THREE) as rig:
        rig.build(phases="3")
        await rig.run()
        await rig.driver.set_charging("charger", 10, None)
        rig.service.inject("refuses")
        reading = await rig.ticks(4)
        # 6.9 kW on one phase: control sees far more than the 10 A that it ordered.
        assert reading.limit_a == pytest.approx(30, rel=0.05)
        assert reading.currents_a == pytest.approx((30, 0, 0), rel=0.05)
        rig.service.clear()
        assert (await rig.ticks(4)).currents_a == pytest.approx((10, 0, 0), rel=0.05)


async def test_a_low_voltage_lowers_the_power_but_never_stops_a_car(rig: Rig) -> None:
    rig.build(voltage=240)
    await rig.run()
    await rig.driver.set_charging("charger", 16, None)
    # The simulated station has 230 V, which shows before and while it charges.
    assert rig.ordered()[-1][0] == pytest.approx(16 * 0.23, abs=0.01)
    await rig.ticks(4)
    assert rig.last.currents_a[0] <= 16  # type: ignore[operator]  # it is measured
    await rig.driver.set_charging("charger", 6, None)
    assert rig.ordered()[-1] == (1.44, True)


async def test_an_order_that_holds_is_not_sent_again(rig: Rig) -> None:
    rig.build()
    await rig.run()
    for _ in range(3):
        await rig.driver.set_charging("charger", 8, None)
        await rig.ticks(2)
    assert rig.ordered() == [(1.84, True)]


@pytest.mark.parametrize(
    ("part", "current_a", "phases", "words"),
    [
        ("charger", 5.9, None, "below the 6 A"),
        ("charger", 6, 2, "2 phases"),
        ("meter", 6, None, "no part meter"),
    ],
)
async def test_orders_that_make_no_sense_are_refused(
    rig: Rig, part: str, current_a: float, phases: int | None, words: str
) -> None:
    rig.build()
    await rig.run()
    with pytest.raises(Rejected, match=words):
        await rig.driver.set_charging(part, current_a, phases)
    assert rig.ordered() == []


async def test_orders_need_a_link(rig: Rig) -> None:
    driver = rig.build()
    with pytest.raises(CannotConnect, match="not connected"):
        await driver.set_charging("charger", 6, None)
    await driver.release("charger")  # nothing to give back


async def test_the_limit_of_a_garage_is_not_used_for_one_of_its_stations() -> None:
    async with Rig.open(*PAIR) as rig:
        rig.build()
        await rig.run()
        with pytest.raises(Rejected, match="not alone in it: 01"):
            await rig.driver.set_charging("charger", 6, None)
        assert rig.ordered() == []


async def test_a_garage_shares_the_power_of_an_order() -> None:
    async with Rig.open(*PAIR) as rig:
        rig.build(station="")
        await rig.run()
        await rig.driver.set_charging("charger", 14, None)
        assert rig.ordered() == [(3.22, True)]
        reading = await rig.ticks(4)
        assert reading.limit_a == 14
        assert reading.currents_a == pytest.approx((14.0,), rel=0.03)
        assert rig.house.meter.power_kw == pytest.approx(3.22, rel=0.03)


async def test_a_refused_order_is_told_in_the_words_of_the_service(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("refuses")
    with pytest.raises(Rejected, match="The limit is locked"):
        await rig.driver.set_charging("charger", 6, None)
    rig.service.clear()
    await rig.driver.set_charging("charger", 6, None)
    assert (await rig.tick()).limit_a == 6


async def test_an_order_that_is_ignored_shows(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("ignores")
    await rig.driver.set_charging("charger", 6, None)
    reading = await rig.ticks(3)
    assert (reading.limit_a, reading.released) == (16, False), "control sees that it is not 6"
