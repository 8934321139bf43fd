"""Where things are kept and what they are called."""

from tetrarium.registry.home import Home, check_name

__all__ = ["Home", "check_name"]
