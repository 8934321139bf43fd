"""A training run: its folder, its records, its goals, and its way from the first step to the last."""
