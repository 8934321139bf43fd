"""sb3-contrib's MaskablePPO for games that show which actions are legal, drawing from no global generator."""

from collections.abc import Generator
from typing import Any, Final

import numpy as np
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer, MaskableRolloutBufferSamples

from tetrarium.training.algorithms.learner import diverged

__all__ = ["OwnRolloutBuffer", "TetrisMaskablePPO"]

_FLATTENED: Final = ("observations", "actions", "values", "log_probs", "advantages", "returns", "action_masks")


class OwnRolloutBuffer(MaskableRolloutBuffer):
    """Shuffles by the action space's generator, and into batches of nearly the same size.

    So no batch holds a single transition, of which advantages cannot be normalised.
    """

    def get(  # type: ignore[override]  # as sb3-contrib's own
        self, batch_size: int | None = None
    ) -> Generator[MaskableRolloutBufferSamples, None, None]:
        """Yields every transition once, in batches of at most so many where that leaves two in each."""
        assert self.full
        if not self.generator_ready:
            for name in _FLATTENED:
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
            self.generator_ready = True
        n_transitions = self.buffer_size * self.n_envs
        n_batches = max(min(-(-n_transitions // (batch_size or n_transitions)), n_transitions // 2), 1)
        for indices in np.array_split(self.action_space.np_random.permutation(n_transitions), n_batches):
            yield self._get_samples(indices)


class TetrisMaskablePPO(MaskablePPO):
    """MaskablePPO that says when its loss is not a number."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.latest_loss: float | None = None
        self.latest_value: float | None = None  # mean over the latest round
        super().__init__(*arguments, **more)

    def train(self) -> None:
        """Takes the gradient steps of a round.

        Raises:
            TetrariumError: if the loss is not a number.
        """
        self.latest_value = float(self.rollout_buffer.values.mean())
        super().train()
        self.latest_loss = float(self.logger.name_to_value["train/loss"])
        if not np.isfinite(self.latest_loss):
            raise diverged("loss was", self.num_timesteps)
