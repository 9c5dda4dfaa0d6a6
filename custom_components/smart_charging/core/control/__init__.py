"""Plan and latest readings in, setpoints out: a step function, called on every reading."""
