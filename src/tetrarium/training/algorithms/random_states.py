"""The random states that a checkpoint holds, as plain arrays and JSON.

Stable-Baselines3 draws from the global generators of Python, NumPy and torch, and from the action space's. All four are
read and put back together; nothing of it is a pickle.
"""

import json
import random
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

__all__ = ["random_states", "restore_random_states"]


def random_states(action_space: spaces.Space[Any]) -> str:
    """Returns the state of every generator that training draws from, as JSON."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 Stable-Baselines3 draws from it
    version, internal, gauss_next = random.getstate()
    return json.dumps(
        {
            "action_space": action_space.np_random.bit_generator.state,
            "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
            "python": [version, list(internal), gauss_next],
            "torch": torch.get_rng_state().tolist(),
        }
    )


def restore_random_states(text: str, action_space: spaces.Space[Any]) -> None:
    """Puts back what ``random_states`` returned."""
    states = json.loads(text)
    action_space.np_random.bit_generator.state = states["action_space"]
    name, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))
    torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
