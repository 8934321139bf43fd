"""Proximal policy optimization over afterstates, with compiled choices."""
