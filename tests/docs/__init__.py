"""Documents say what the code does."""
