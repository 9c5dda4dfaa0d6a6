"""A Home Assistant with a simulated house around it, ready to look at."""
