"""Fakes that speak the real protocols over real sockets and ptys, around one simulated house."""
