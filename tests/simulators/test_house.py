"""The simulated house obeys physics."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import sqrt

import pytest

from custom_components.smart_charging.core.grid import Topology
from simulators.clock import ManualClock, ScaledClock
from simulators.house import (
    BatteryConfig,
    BatteryMode,
    Car,
    ChargerConfig,
    ChargerStatus,
    House,
    HouseConfig,
    MeterConfig,
)

NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
NIGHT = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
QUIET: dict[str, object] = {"appliances": (), "load_noise": 0.0, "pv_peak_kw": 0.0}


def house_at(start: datetime, **config: object) -> tuple[House, ManualClock]:
    clock = ManualClock(start)
    return House(HouseConfig(**config), clock), clock  # type: ignore[arg-type]  # test shorthand


def run(house: House, clock: ManualClock, seconds: int, tick_s: float = 1.0) -> None:
    for _ in range(round(seconds / tick_s)):
        clock.advance(tick_s)
        house.advance()


class TestBalance:
    @pytest.mark.parametrize("topology", list(Topology))
    def test_energy_at_the_meter_equals_what_the_parts_took_and_gave(
        self, topology: Topology
    ) -> None:
        house, clock = house_at(
            NOON,
            topology=topology,
            chargers=(ChargerConfig(key="a", car=Car(soc=0.5, capacity_kwh=20), standby_kw=0.003),),
            battery=BatteryConfig(),
        )
        charger, battery, meter = house.chargers["a"], house.battery, house.meter
        assert battery is not None and charger.car is not None
        before = (meter.import_kwh - meter.export_kwh, house.pv_energy_kwh)
        stored = battery.soc * battery.capacity_kwh
        held = charger.car.energy_kwh
        charger.offered_a = 11
        run(house, clock, 6 * 3600, tick_s=30)
        charged = charger.total_kwh - 1234.5
        standby = 0.003 * 6
        parts = house.base_kwh + charged + standby
        parts += battery.charged_kwh - battery.discharged_kwh
        parts -= house.pv_energy_kwh - before[1]
        net = meter.import_kwh - meter.export_kwh - before[0]
        assert net == pytest.approx(parts, abs=1e-8)
        assert charged > 3
        assert charger.car.energy_kwh == pytest.approx(held + charged * 0.9, abs=1e-9)
        assert battery.soc * 10 - stored == pytest.approx(
            battery.charged_kwh * 0.95 - battery.discharged_kwh / 0.95, abs=1e-9
        )

    def test_powers_balance_at_every_moment(self) -> None:
        house, clock = house_at(NOON, battery=BatteryConfig(), chargers=())
        for _ in range(50):
            run(house, clock, 60, tick_s=20)
            assert house.battery is not None
            assert house.meter.power_kw == pytest.approx(
                house.base_kw - house.pv_kw + house.battery.power_kw
            )
            assert house.meter.power_kw == pytest.approx(sum(house.meter.phase_kw))
            for kw, volt, amps in zip(
                house.meter.phase_kw, house.meter.phase_v, house.meter.phase_a, strict=True
            ):
                assert kw * 1000 == pytest.approx(volt * amps)

    def test_the_same_seed_lives_the_same_day_whatever_the_steps_of_the_reader(self) -> None:
        fine, fine_clock = house_at(NOON, chargers=())
        coarse, coarse_clock = house_at(NOON, chargers=())
        run(fine, fine_clock, 1800, tick_s=0.5)
        run(coarse, coarse_clock, 1800, tick_s=200)
        assert fine.meter.power_kw == pytest.approx(coarse.meter.power_kw, rel=0.01)
        assert fine.meter.export_kwh == pytest.approx(coarse.meter.export_kwh, abs=0.01)
        other, other_clock = house_at(NOON, chargers=(), seed=2)
        run(other, other_clock, 1800, tick_s=200)
        assert other.meter.power_kw != pytest.approx(coarse.meter.power_kw, rel=1e-6)


class TestCharging:
    def start(self, **car: object) -> tuple[House, ManualClock]:
        config = Car(**car)  # type: ignore[arg-type]  # test shorthand
        return house_at(NIGHT, chargers=(ChargerConfig(key="a", car=config),), **QUIET)

    def test_an_offer_shows_up_at_the_meter_after_the_reaction_delay(self) -> None:
        house, clock = self.start()
        run(house, clock, 5)
        before = house.meter.power_kw
        house.chargers["a"].offered_a = 10
        run(house, clock, 2)
        assert house.meter.power_kw == pytest.approx(before, abs=0.01)
        run(house, clock, 14)
        assert house.meter.power_kw == pytest.approx(before + 6.9, abs=0.2)
        assert house.chargers["a"].currents_a == (10, 10, 10)
        for amps in house.meter.phase_a:
            assert 10 < amps < 12
        assert house.chargers["a"].status is ChargerStatus.CHARGING

    def test_delays_lie_between_three_and_ten_seconds(self) -> None:
        house, clock = self.start()
        charger = house.chargers["a"]
        delays = []
        for offer in (6, 10, 8, 16, 7, 12):
            charger.offered_a = offer
            waited = 0
            while charger.currents_a[0] != offer:
                run(house, clock, 1)
                waited += 1
            delays.append(waited)
        assert min(delays) >= 3
        assert max(delays) <= 14  # ten seconds and the ramp
        assert len(set(delays)) > 1

    def test_below_six_amperes_nothing_is_drawn(self) -> None:
        house, clock = self.start()
        house.chargers["a"].offered_a = 5.9
        run(house, clock, 30)
        assert house.chargers["a"].power_kw == 0
        assert house.chargers["a"].status is ChargerStatus.CONNECTED

    def test_a_disabled_charger_does_not_charge(self) -> None:
        house, clock = self.start()
        charger = house.chargers["a"]
        charger.offered_a = 16
        charger.enabled = False
        run(house, clock, 30)
        assert charger.power_kw == 0
        charger.enabled = True
        run(house, clock, 30)
        assert charger.currents_a == (16, 16, 16)

    def test_a_single_phase_charge_loads_its_own_grid_phase(self) -> None:
        house, clock = house_at(
            NIGHT,
            chargers=(ChargerConfig(key="a", phase_map=(2, 3, 1), car=Car(phases=1)),),
            **QUIET,
        )
        house.chargers["a"].offered_a = 16
        run(house, clock, 30)
        assert house.chargers["a"].currents_a == (16, 0, 0)
        assert house.meter.phase_a[1] > 16
        assert abs(house.meter.phase_a[0]) < 2

    def test_switching_phases_interrupts_the_charge(self) -> None:
        house, clock = self.start()
        charger = house.chargers["a"]
        charger.offered_a = 10
        run(house, clock, 30)
        charger.phases = 1
        run(house, clock, 1)
        assert charger.power_kw == 0
        run(house, clock, 30)
        assert charger.currents_a == (10, 0, 0)
        with pytest.raises(ValueError):
            charger.phases = 2

    def test_the_car_tapers_and_ends_exactly_at_its_limit(self) -> None:
        house, clock = self.start(soc=0.85, capacity_kwh=10, taper_soc=0.9)
        charger = house.chargers["a"]
        charger.offered_a = 16
        assert charger.car is not None
        drawn = []
        for _ in range(60):
            run(house, clock, 60, tick_s=10)
            drawn.append((charger.car.soc, charger.currents_a[0]))
        late = [amps for soc, amps in drawn if 0.92 < soc < 1.0]
        assert len(late) > 3
        assert all(a > b for a, b in pairwise(late))
        assert charger.car.soc == pytest.approx(1.0)
        assert charger.car.soc <= 1.0 + 1e-9
        assert charger.status is ChargerStatus.COMPLETE
        assert charger.session_kwh == pytest.approx(10 * 0.15 / 0.9)

    def test_a_session_lasts_from_plug_to_plug(self) -> None:
        house, clock = self.start()
        charger = house.chargers["a"]
        charger.offered_a = 16
        run(house, clock, 60)
        kept = charger.session_kwh
        car = charger.unplug()
        assert car is not None and kept > 0
        assert charger.status is ChargerStatus.UNPLUGGED
        run(house, clock, 5)
        assert charger.power_kw == 0
        assert charger.session_kwh == kept
        charger.plug(car)
        assert charger.session_kwh == 0
        with pytest.raises(ValueError):
            charger.plug(car)
        assert charger.total_kwh == pytest.approx(1234.5 + kept)

    def test_a_car_that_ended_by_itself_stays_ended_until_plugged_anew(self) -> None:
        house, clock = self.start()
        charger = house.chargers["a"]
        charger.offered_a = 16
        run(house, clock, 30)
        assert charger.car is not None
        charger.car.ended = True
        run(house, clock, 3)
        assert charger.status is ChargerStatus.COMPLETE
        car = charger.unplug()
        assert car is not None
        charger.plug(car)
        run(house, clock, 30)
        assert charger.status is ChargerStatus.CHARGING

    def test_two_houses_of_one_config_do_not_share_a_car(self) -> None:
        config = HouseConfig(chargers=(ChargerConfig(key="a", car=Car(soc=0.3)),))
        one, two = House(config, ManualClock(NIGHT)), House(config, ManualClock(NIGHT))
        assert one.chargers["a"].car is not None and two.chargers["a"].car is not None
        one.chargers["a"].car.drive(5)
        assert two.chargers["a"].car.soc == 0.3


class TestBattery:
    def test_self_consumption_brings_the_meter_to_zero_within_seconds(self) -> None:
        house, clock = house_at(NIGHT, chargers=(), battery=BatteryConfig(), **QUIET)
        run(house, clock, 60)
        house.extra_kw[2] = 2.0
        run(house, clock, 1)
        assert house.meter.power_kw > 0.5
        run(house, clock, 8)
        assert house.meter.power_kw == pytest.approx(0, abs=0.05)
        assert house.meter.phase_kw[2] > 1.9

    def test_it_follows_orders_and_keeps_its_limits(self) -> None:
        house, clock = house_at(NIGHT, chargers=(), battery=BatteryConfig(soc=0.9), **QUIET)
        battery = house.battery
        assert battery is not None
        battery.order(BatteryMode.CHARGE, 3.0)
        run(house, clock, 10)
        assert battery.power_kw == pytest.approx(3.0, abs=0.01)
        run(house, clock, 3600, tick_s=10)
        assert battery.soc == pytest.approx(1.0)
        battery.order(BatteryMode.DISCHARGE, 9.0)
        run(house, clock, 10)
        assert battery.power_kw == pytest.approx(-5.0, abs=0.01)
        run(house, clock, 3 * 3600, tick_s=10)
        assert battery.soc == pytest.approx(0.1)
        battery.order(BatteryMode.HOLD)
        run(house, clock, 10)
        assert battery.power_kw == pytest.approx(0, abs=0.01)
        with pytest.raises(ValueError):
            battery.order(BatteryMode.CHARGE, -1)


class TestMeter:
    def test_the_quarter_counts_from_zero_and_makes_the_month_peak(self) -> None:
        start = datetime(2026, 1, 14, 1, 10, tzinfo=UTC)
        house, clock = house_at(
            start, chargers=(), meter=MeterConfig(month_peak_kw=2.0, quarter_kw=0.1), **QUIET
        )
        run(house, clock, 300)
        assert house.meter.quarter_kw == 0
        house.extra_kw[0] = 4.0
        imported = house.meter.import_kwh
        run(house, clock, 450)
        assert house.meter.quarter_kw == pytest.approx((house.meter.import_kwh - imported) * 4)
        assert house.meter.month_peak_kw == 2.0
        run(house, clock, 450)
        assert house.meter.month_peak_kw == pytest.approx((house.meter.import_kwh - imported) * 4)
        assert house.meter.month_peak_kw > 4.0
        assert house.meter.month_peak_at == start + timedelta(minutes=20)

    def test_the_quarter_follows_the_meters_own_clock(self) -> None:
        house, clock = house_at(
            datetime(2026, 1, 14, 1, 14, 50, tzinfo=UTC),
            chargers=(),
            meter=MeterConfig(clock_offset_s=7, quarter_kw=1.0),
            **QUIET,
        )
        run(house, clock, 2)
        assert house.meter.quarter_kw > 1.0
        run(house, clock, 1)
        assert house.meter.quarter_kw < 0.01

    def test_export_leaves_the_quarter_alone(self) -> None:
        house, clock = house_at(NOON, chargers=(), appliances=(), sky="clear")
        assert house.meter.power_kw < 0
        run(house, clock, 600, tick_s=10)
        assert house.meter.quarter_kw == 0
        assert house.meter.export_kwh > 3902.111 + 1623.307

    def test_a_new_month_starts_a_new_peak_and_files_the_old_one(self) -> None:
        start = datetime(2026, 1, 31, 22, 50, tzinfo=UTC)
        house, clock = house_at(start, chargers=(), **QUIET)
        assert len(house.meter.history) == 13
        assert house.meter.history[-1].month_end == datetime(2025, 12, 31, 23, tzinfo=UTC)
        run(house, clock, 1200, tick_s=10)
        assert len(house.meter.history) == 13
        assert house.meter.history[-1].month_end == datetime(2026, 1, 31, 23, tzinfo=UTC)
        assert house.meter.history[-1].kw == 2.5
        assert house.meter.month_peak_kw == 0

    @pytest.mark.parametrize(
        ("at", "tariff"),
        [
            (datetime(2026, 1, 14, 5, 45, tzinfo=UTC), 2),
            (datetime(2026, 1, 14, 6, 0, tzinfo=UTC), 1),
            (datetime(2026, 1, 14, 21, 0, tzinfo=UTC), 2),
            (datetime(2026, 1, 17, 11, 0, tzinfo=UTC), 2),
        ],
    )
    def test_day_tariff_holds_on_weekdays_from_seven_to_ten(
        self, at: datetime, tariff: int
    ) -> None:
        house, clock = house_at(at, chargers=(), **QUIET)
        assert house.meter.tariff == tariff
        run(house, clock, 60)
        day = house.meter.import_t1_kwh > 2601.234
        assert day is (tariff == 1)

    def test_gas_and_water_move_every_five_minutes(self) -> None:
        house, clock = house_at(NIGHT, chargers=())
        gas = house.meter.gas_m3
        run(house, clock, 299)
        assert house.meter.gas_m3 == gas
        run(house, clock, 1)
        assert house.meter.gas_m3 is not None and gas is not None
        assert house.meter.gas_m3 > gas
        assert house.meter.gas_at == NIGHT + timedelta(minutes=5)


class TestWiring:
    def test_three_phases_without_neutral_carry_sqrt3_of_a_balanced_load(self) -> None:
        house, clock = house_at(
            NIGHT,
            topology=Topology.THREE_230,
            base_kw=(0.0, 0.0, 0.0),
            chargers=(ChargerConfig(key="a", car=Car()),),
            **QUIET,
        )
        house.chargers["a"].offered_a = 16
        run(house, clock, 30)
        assert house.chargers["a"].power_kw == pytest.approx(sqrt(3) * 0.23 * 16, rel=0.03)
        for amps in house.line_a:
            assert amps == pytest.approx(16, rel=0.02)
        assert house.meter.phase_v[1] == 0
        assert house.meter.phase_a[1] == 0
        assert house.meter.phase_kw[1] == 0

    def test_without_neutral_a_single_phase_charge_loads_two_lines(self) -> None:
        house, clock = house_at(
            NIGHT,
            topology=Topology.THREE_230,
            base_kw=(0.0, 0.0, 0.0),
            chargers=(ChargerConfig(key="a", phase_map=(2, 3, 1), car=Car(phases=1)),),
            **QUIET,
        )
        house.chargers["a"].offered_a = 10
        run(house, clock, 30)
        assert house.line_a == pytest.approx((0, 10, 10), abs=0.1)

    def test_a_single_phase_house_carries_all_on_one_phase(self) -> None:
        house, clock = house_at(
            NIGHT,
            topology=Topology.SINGLE_230,
            chargers=(ChargerConfig(key="a", car=Car()),),
            **QUIET,
        )
        house.chargers["a"].offered_a = 10
        run(house, clock, 30)
        assert house.chargers["a"].currents_a == (10, 0, 0)
        assert len(house.meter.phase_a) == 1
        assert 10 < house.highest_line_a[0] < 14

    def test_voltage_sags_under_load(self) -> None:
        house, clock = house_at(NIGHT, chargers=(), **QUIET)
        run(house, clock, 3)
        before = house.meter.phase_v[0]
        house.extra_kw[0] = 7.0
        run(house, clock, 2)
        assert house.meter.phase_v[0] < before - 2


class TestSun:
    def test_the_sun_can_be_moved_to_any_hour(self) -> None:
        dark, _ = house_at(NIGHT, sky="clear")
        assert dark.pv_kw == 0
        bright, _ = house_at(NIGHT, sky="clear", sun_offset_h=11.5)
        assert bright.pv_kw > 5

    def test_curtailing_holds_the_inverter(self) -> None:
        house, clock = house_at(NOON, sky="clear")
        house.pv_curtail_kw = 1.5
        run(house, clock, 5)
        assert house.pv_kw == 1.5


class TestClocks:
    def test_a_manual_clock_moves_only_when_told(self) -> None:
        clock = ManualClock(NOON)
        assert clock.now() == NOON
        clock.advance(2.5)
        assert clock.now() - NOON == timedelta(seconds=2.5)
        assert clock.monotonic() == 2.5
        with pytest.raises(ValueError):
            clock.advance(-1)
        with pytest.raises(ValueError):
            ManualClock(datetime(2026, 1, 1))

    def test_a_scaled_clock_runs_faster(self) -> None:
        clock = ScaledClock(NOON, 1000)
        first = clock.now()
        assert first >= NOON
        while (later := clock.now()) - first < timedelta(seconds=5):
            pass
        assert later > first
        with pytest.raises(ValueError):
            ScaledClock(NOON, 0)
