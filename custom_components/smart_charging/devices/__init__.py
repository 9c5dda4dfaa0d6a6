"""Drivers: one module a make, free of Home Assistant but for entity.py."""
