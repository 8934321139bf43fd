"""Interactive terminal output: displays, boards and key input."""
