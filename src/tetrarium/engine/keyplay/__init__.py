"""The guideline game played by keys: rules, steps, observations and batches."""
