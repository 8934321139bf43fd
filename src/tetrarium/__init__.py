"""tetrarium trains an AI to play Tetris and lets people watch it learn."""

__all__ = ["__version__"]

__version__ = "0.1.0"
