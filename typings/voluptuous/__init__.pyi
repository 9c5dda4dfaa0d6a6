# Home Assistant puts probatio in place of voluptuous since 2026; both offer the same names.
from probatio import *
