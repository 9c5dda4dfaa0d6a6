"""Measurements that print ratios side by side."""
