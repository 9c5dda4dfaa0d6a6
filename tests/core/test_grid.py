"""The grid's arithmetic."""

import pytest

from custom_components.smart_charging.core.grid import Grid, Topology


@pytest.mark.parametrize(
    ("topology", "phases", "kw_per_a"),
    [
        (Topology.SINGLE_230, 1, 0.230),
        (Topology.THREE_400, 1, 0.230),
        (Topology.THREE_400, 3, 0.690),
        (Topology.THREE_230, 1, 0.230),
        (Topology.THREE_230, 3, 0.3984),
    ],
)
def test_one_ampere_gives_the_power_of_its_topology(
    topology: Topology, phases: int, kw_per_a: float
) -> None:
    assert topology.charger_kw_per_a(phases) == pytest.approx(kw_per_a, abs=1e-4)


def test_the_fuse_carries_its_current_on_every_phase() -> None:
    assert Grid(topology=Topology.THREE_400, fuse_a=25).fuse_kw == pytest.approx(17.25)


@pytest.mark.parametrize(
    ("power_kw", "current_a", "within"),
    [
        (None, None, Grid(fuse_a=25, import_limit_kw=9, breach_kw=2)),
        (None, 16.0, Grid(fuse_a=16, import_limit_kw=9, breach_kw=2)),
        (None, 40.0, Grid(fuse_a=25, import_limit_kw=9, breach_kw=2)),
        (20.0, None, Grid(fuse_a=25, import_limit_kw=9, breach_kw=2)),
        # Between contract and breach it cuts the breach short; below the contract nothing is left.
        (10.0, None, Grid(fuse_a=25, import_limit_kw=9, breach_kw=1)),
        (5.0, None, Grid(fuse_a=25, import_limit_kw=5, breach_kw=0)),
    ],
)
def test_what_cuts_the_house_off_stands_in_for_fuse_and_contract(
    power_kw: float | None, current_a: float | None, within: Grid
) -> None:
    assert Grid(fuse_a=25, import_limit_kw=9, breach_kw=2).within(power_kw, current_a) == within


def test_a_limit_of_the_meter_is_the_contract_where_there_is_none() -> None:
    assert Grid(fuse_a=40).within(6.0, None) == Grid(fuse_a=40, import_limit_kw=6.0)
