"""Rendering of games and learning curves: text, pixels, animations and plots."""
