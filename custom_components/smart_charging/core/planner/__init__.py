"""Problem in, plan out."""
