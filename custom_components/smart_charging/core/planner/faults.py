"""What is wrong with an input: where, what, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a problem or plan as JSON."""

    path: str
    """JSON path, e.g. `$.vehicles[0].goals[1].by`."""
    what: str
    mend: str = ""
    """How to mend it; empty where `what` says it all."""
    of_sense: bool = False
    """Every value has its right form, but they do not fit together: no schema can tell."""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" + (f"; {self.mend}" if self.mend else "")


class ProblemInvalid(ValueError):
    """A problem or plan is not well formed; `faults` has every fault of it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" | ".join(map(str, self.faults)))
