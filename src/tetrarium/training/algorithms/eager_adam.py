"""Adam without what it does for ``torch.compile``.

Torch's optimizers load its compiler when they are made, which takes a second of each start of training, and ask it in
every step whether it is at work. Nothing here is compiled by it, so both are left out; the arithmetic is torch's own.
"""

import inspect

import torch
from torch.optim import Adam

__all__ = ["EagerAdam"]


class EagerAdam(Adam):
    """``torch.optim.Adam``, its methods taken out of what wraps them; without hooks and profiles of steps.

    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = EagerAdam([weight], lr=0.25)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item()
    0.75
    """

    add_param_group = inspect.unwrap(Adam.add_param_group)
    zero_grad = inspect.unwrap(Adam.zero_grad)
    state_dict = inspect.unwrap(Adam.state_dict)
    load_state_dict = inspect.unwrap(Adam.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(Adam.step))


EagerAdam.step.hooked = True  # else torch wraps it again when one is made
