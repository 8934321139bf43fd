"""Places where a program that starts many runs has them trained: processes of this machine, or workers of an executor.

``RemotePlace`` is the other implementation.
"""

from typing import Final, Protocol

from tetrarium.environment import EnvConfig
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.run_config import Origin
from tetrarium.workers.processes import launcher


class Place(Protocol):
    """Starts and resumes runs, each of which locks its folder and answers commands there until it ends."""

    def start_training(
        self,
        home: Home,
        env_config: EnvConfig,
        training_config: TrainingConfig,
        *,
        name: str | None = None,
        preset: str | None = None,
        mode: str = "live",
        origin: Origin = "command",
        group: str | None = None,
    ) -> str:
        """Creates a run and starts it; returns its name."""

    def resume_training(self, home: Home, name: str, *, mode: str = "live") -> None:
        """Resumes a run from its latest checkpoint."""

    def check(self) -> None:
        """Raises an ``ExecutorError`` if runs can no longer be trained here."""


class _Launcher:
    """Processes of this machine, which outlive the one that starts them."""

    start_training = staticmethod(launcher.start_training)
    resume_training = staticmethod(launcher.resume_training)

    def check(self) -> None:
        """Does nothing, as this machine is not lost."""


LAUNCHER: Final[Place] = _Launcher()
