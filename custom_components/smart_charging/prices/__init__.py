"""Price sources, one module each, and the price book."""
