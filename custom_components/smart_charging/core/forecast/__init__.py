"""Load, PV and prices beyond what is published: pure functions over series."""

from .load import FALLBACK_KW, LoadProfile, load_profile
from .prices import PricesMissing, extend_prices, slot_means
from .pv import begin_periods, pv_from_forecast, pv_slots, sum_forecasts

__all__ = [
    "FALLBACK_KW",
    "LoadProfile",
    "PricesMissing",
    "begin_periods",
    "extend_prices",
    "load_profile",
    "pv_from_forecast",
    "pv_slots",
    "slot_means",
    "sum_forecasts",
]
