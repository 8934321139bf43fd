"""Vectors of a whole board: sixteen columns or rows that every operation treats at once."""
