"""Plan and latest readings in, setpoints out: a step function, called on every reading."""

from .quarter import quarter_budget_kw, quarter_forecast_kw
from .stale import proven_safe_a, stale_after_s
from .state import ControlState
from .step import control, house_currents_a

__all__ = [
    "ControlState",
    "control",
    "house_currents_a",
    "proven_safe_a",
    "quarter_budget_kw",
    "quarter_forecast_kw",
    "stale_after_s",
]
