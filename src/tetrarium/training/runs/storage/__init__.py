"""A run's folder: its configuration, checkpoints, branching and pruning."""
