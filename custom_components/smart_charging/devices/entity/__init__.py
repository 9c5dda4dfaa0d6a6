"""Home Assistant entities as devices: four makes, one for each kind of part, sharing their code."""

from ...core.reading import PartKind
from ..base import DriverFactory, Make
from .fields import BATTERY_FIELDS, CHARGER_FIELDS, METER_FIELDS, PV_FIELDS

HEARTBEAT_S = 10.0
"""A part whose entities are quiet but available is confirmed this often."""


def _load_meter() -> DriverFactory:
    from .meter import EntityMeter

    return EntityMeter


def _load_pv() -> DriverFactory:
    from .pv import EntityPv

    return EntityPv


def _load_battery() -> DriverFactory:
    from .battery import EntityBattery

    return EntityBattery


def _load_charger() -> DriverFactory:
    from .charger import EntityCharger

    return EntityCharger


MAKES = (
    Make(
        key="entity_meter",
        name="Home Assistant entities: meter",
        fields=METER_FIELDS,
        parts=(PartKind.METER,),
        load=_load_meter,
        push=True,
        expected_interval_s=HEARTBEAT_S,
    ),
    Make(
        key="entity_pv",
        name="Home Assistant entities: solar",
        fields=PV_FIELDS,
        parts=(PartKind.PV,),
        load=_load_pv,
        push=True,
        expected_interval_s=HEARTBEAT_S,
    ),
    Make(
        key="entity_battery",
        name="Home Assistant entities: battery",
        fields=BATTERY_FIELDS,
        parts=(PartKind.BATTERY,),
        load=_load_battery,
        push=True,
        expected_interval_s=HEARTBEAT_S,
    ),
    Make(
        key="entity_charger",
        name="Home Assistant entities: charger",
        fields=CHARGER_FIELDS,
        parts=(PartKind.CHARGER,),
        load=_load_charger,
        push=True,
        expected_interval_s=HEARTBEAT_S,
    ),
)
