"""Which keys of a terminal do what in a game, and how time goes by in it."""

from typing import Final

__all__ = ["BINDINGS", "STEPS_PER_SECOND"]

STEPS_PER_SECOND: Final = 60
# For each set of bindings what a key does: a name of ``KEYS``.
BINDINGS: Final[dict[str, dict[str, str]]] = {
    "arrows": {
        "left": "left",
        "right": "right",
        "down": "soft drop",
        " ": "hard drop",
        "up": "clockwise",
        "x": "clockwise",
        "z": "counter-clockwise",
        "c": "hold",
    },
    "wasd": {
        "a": "left",
        "d": "right",
        "s": "soft drop",
        "w": "hard drop",
        " ": "hard drop",
        "k": "clockwise",
        "j": "counter-clockwise",
        "l": "hold",
    },
    "vi": {
        "h": "left",
        "l": "right",
        "j": "soft drop",
        " ": "hard drop",
        "k": "clockwise",
        "d": "counter-clockwise",
        "f": "hold",
    },
}
