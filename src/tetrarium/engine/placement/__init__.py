"""Games played by placements: state, step, hold, spawn rules and transitions."""
