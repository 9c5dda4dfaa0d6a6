# Home Assistant puts probatio in place of voluptuous since 2026; both offer the same names.
from probatio import *  # noqa: F403  # the point of this stub
