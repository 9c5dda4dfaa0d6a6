"""From the powers between conductors to what flows in the lines and what a meter sees of it."""

from cmath import rect
from dataclasses import dataclass
from math import pi

from custom_components.smart_charging.core.grid import Topology

_PAIRS = tuple(rect(1.0, -2 * pi * k / 3) for k in range(3))
"""Directions of the voltages L1-L2, L2-L3, L3-L1."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Signed values as the meter reports them, and the true currents in the lines."""

    phase_kw: tuple[float, ...]
    phase_v: tuple[float, ...]
    phase_a: tuple[float, ...]
    line_a: tuple[float, ...]
    """Current that each fuse carries; signed where the meter has a neutral, else a magnitude."""


def measure(topology: Topology, powers_kw: list[float], volts: list[float]) -> Measured:
    """Return what a meter measures.

    `powers_kw` and `volts` stand per phase to neutral; on 3x230 per line pair L1-L2, L2-L3,
    L3-L1. All loads have power factor 1. On 3x230 the meter has two elements (Aron): the
    currents of L1 and L3 with the voltages L1-L2 and L3-L2; their sum is the true power.
    """
    if topology is not Topology.THREE_230:
        count = topology.phases
        kw, v = tuple(powers_kw[:count]), tuple(volts[:count])
        phase_a = tuple(p * 1000 / u for p, u in zip(kw, v, strict=True))
        return Measured(kw, v, phase_a, phase_a)
    pair_a = [p * 1000 / u * d for p, u, d in zip(powers_kw, volts, _PAIRS, strict=True)]
    lines = [pair_a[0] - pair_a[2], pair_a[1] - pair_a[0], pair_a[2] - pair_a[1]]
    first_kw = (volts[0] * _PAIRS[0] * lines[0].conjugate()).real / 1000
    second_kw = sum(powers_kw) - first_kw
    amps = [abs(line) for line in lines]
    return Measured(
        (first_kw, 0.0, second_kw),
        (volts[0], 0.0, volts[1]),
        (_signed(amps[0], first_kw), 0.0, _signed(amps[2], second_kw)),
        (amps[0], amps[1], amps[2]),
    )


def _signed(magnitude: float, sign_of: float) -> float:
    return -magnitude if sign_of < 0 else magnitude
