"""``PauseGate``: where a run handles the requests of its ``Control``, between two rounds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tetrarium.events import Event, StateChanged
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.control import Control

_CHECK_EVERY_S: Final = 0.05


@dataclass(eq=False)
class PauseGate(RoundCallback):
    """Blocks a run between two rounds while it is paused, and stops it or saves a checkpoint on request."""

    agent: TetrisAgent
    control: Control
    save_checkpoint: Callable[[], None]
    publish: Callable[[Event], None]
    paused_callbacks: Sequence[RoundCallback]  # ``on_paused`` is called repeatedly

    def __post_init__(self) -> None:
        super().__init__()

    def on_round_end(self) -> bool:
        """Handles the pending requests; returns False once a stop is requested."""
        self.handle_requests()
        return not self.control.is_stop_requested

    def handle_requests(self) -> None:
        """Saves a checkpoint if one was requested, and blocks while the run is paused."""
        control = self.control
        self._save_if_requested()
        if not control.is_paused or control.is_stop_requested:
            return
        self._publish_state("paused", "Paused at step {step:,}. Nothing is lost.")
        last_s = time.monotonic()
        while control.is_paused and not control.is_stop_requested:
            self._save_if_requested()
            control.wait(_CHECK_EVERY_S)
            now_s = time.monotonic()
            for callback in self.paused_callbacks:
                callback.on_paused(now_s - last_s)
            last_s = now_s
        if not control.is_stop_requested:
            self._publish_state("running", "Resumed at step {step:,}.")

    def _save_if_requested(self) -> None:
        if self.control.take_checkpoint_request():
            self.save_checkpoint()

    def _publish_state(self, state: str, message: str) -> None:
        step = self.agent.timesteps_trained
        self.publish(StateChanged(state=state, step=step, message=message.format(step=step)))
