"""All chargers of other integrations that tests drive."""

from tests.devices.chargers_core import (
    KEBA,
    LEKTRICO,
    NRGKICK,
    OPENEVSE,
    PEBLAR,
    TESLA,
    V2C,
    WALLBOX,
)
from tests.devices.chargers_custom import EASEE, GO_E_API, GO_E_MQTT, OCPP, ZAPPI, ZAPTEC

CHARGERS = (
    *(EASEE, ZAPTEC, OCPP, GO_E_MQTT, GO_E_API, TESLA, WALLBOX, PEBLAR, KEBA, V2C, OPENEVSE),
    *(NRGKICK, LEKTRICO, ZAPPI),
)
