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
