"""The table of makes: one row each. A new make is one package, one row here, its texts."""

from . import entity, p1, solaredge_cloud, solaredge_modbus, wattpilot
from .base import Make

MAKES: dict[str, Make] = {
    make.key: make
    for make in (
        p1.MAKE,
        wattpilot.MAKE,
        solaredge_modbus.MAKE,
        solaredge_cloud.MAKE,
        *entity.MAKES,
    )
}
