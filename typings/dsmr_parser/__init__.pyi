# The little of dsmr-parser, which has no types of its own, that the P1 driver uses.
