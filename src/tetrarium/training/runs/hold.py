"""Answers between rounds what a ``Control`` is asked for: saves, and waits while the run is paused."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from tetrarium.events import CheckpointSaved, Event, StateChanged
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.saving import Checkpoints

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Hold"]

_LOOK_EVERY_S: Final = 0.05


class Hold(RoundCallback):
    """Holds a run between two rounds for as long as it is paused, and ends it when it is asked to.

    Args:
        agent: What is trained.
        control: What is asked for.
        checkpoints: Save.
        publish: Is told of pauses.
        resting: Are told of the time that a pause takes.
    """

    def __init__(
        self,
        agent: "TetrisAgent",
        control: Control,
        checkpoints: Checkpoints,
        publish: Callable[[Event], None],
        resting: Sequence[RoundCallback],
    ) -> None:
        super().__init__()
        self._agent = agent
        self._control = control
        self._checkpoints = checkpoints
        self._publish = publish
        self._resting = resting

    def on_round_end(self) -> bool:
        """Answers what was asked for; goes on until a stop is."""
        self.attend()
        return not self._control.is_stop_asked

    def attend(self) -> None:
        """Saves if that was asked for, and waits while the run is paused."""
        control = self._control
        self._save_if_asked()
        if not control.is_paused or control.is_stop_asked:
            return
        self._tell("paused", "Paused at step {step:,}. Nothing is lost.")
        rested_s = time.monotonic()
        while control.is_paused and not control.is_stop_asked:
            self._save_if_asked()
            control.wait(_LOOK_EVERY_S)
            now_s = time.monotonic()
            for one in self._resting:
                one.rest(now_s - rested_s)
            rested_s = now_s
        if not control.is_stop_asked:
            self._tell("running", "Training goes on from step {step:,}.")

    def _save_if_asked(self) -> None:
        if not self._control.take_checkpoint_request():
            return
        step = self._agent.timesteps_trained
        was_saved = self._checkpoints.is_saved
        path = self._checkpoints.save()
        if was_saved:
            self._publish(CheckpointSaved(path=str(path), step=step, seconds=0.0))

    def _tell(self, state: str, message: str) -> None:
        step = self._agent.timesteps_trained
        self._publish(StateChanged(state=state, step=step, message=message.format(step=step)))
