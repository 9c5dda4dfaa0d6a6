"""Holds the integration; a package so that tests import this copy and no other."""
