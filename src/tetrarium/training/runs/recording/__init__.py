"""A run's records: tables, replays, TensorBoard events and the registry."""
