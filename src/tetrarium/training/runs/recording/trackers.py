"""Experiment trackers of other projects, beside TensorBoard: Weights & Biases, MLflow and Trackio.

Each is an extra of the package and is imported only if a run uses it. A tracker works in a thread of its own, so that
training never waits for it. A tracker that fails is reported once and left out from then on.
"""

import contextlib
import importlib.util
import io
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from stable_baselines3.common.logger import KVWriter

from tetrarium.errors import ConfigError, suggestion
from tetrarium.training.runs.storage.run_config import RunConfig

PROJECT: Final = "tetrarium"  # project or experiment that runs are logged to
_MAX_PENDING: Final = 10_000  # records
_CLOSE_S: Final = 30.0  # to send the last records
_MAX_REASON: Final = 200  # characters
_CREDENTIALS: Final = re.compile(r"//[^/\s]*@")  # of an address, which runs and their logs do not keep
Values = Mapping[str, float]


class Backend(Protocol):
    """One run in a tracker; all methods are called from one thread."""

    def log(self, values: Values, step: int) -> None:
        """Logs the values of a step."""

    def finish(self) -> None:
        """Sends what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """Description of a run for a tracker."""

    name: str
    group: str | None
    settings: dict[str, Any]
    key: str  # the same in all sessions of the run, and no other run's


class _WandbRun:
    """Weights & Biases (https://docs.wandb.ai/ref/python/); ``WANDB_MODE=offline`` writes to ``./wandb`` alone."""

    def __init__(self, run: TrackedRun) -> None:
        import wandb

        self._run = wandb.init(
            project=PROJECT,
            name=run.name,
            group=run.group,
            config=run.settings,
            id=run.key,
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._run.define_metric("*", step_metric="step")  # its own steps cannot go back when a run resumes

    def log(self, values: Values, step: int) -> None:
        self._run.log({**values, "step": step})

    def finish(self) -> None:
        self._run.finish()


class _MlflowRun:
    """MLflow (https://mlflow.org/docs/); ``MLFLOW_TRACKING_URI`` names a server, a folder or a database."""

    def __init__(self, run: TrackedRun) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient()
        known = self._client.get_experiment_by_name(PROJECT)
        experiment = self._client.create_experiment(PROJECT) if known is None else known.experiment_id
        where = f"tags.`tetrarium.key` = '{run.key}'"
        found = self._client.search_runs([experiment], where, max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        tags = {"tetrarium.key": run.key, **({"tetrarium.group": run.group} if run.group else {})}
        self._id = self._client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        params = [Param(name, str(value)) for name, value in run.settings.items()]
        self._client.log_batch(self._id, params=params[:_MLFLOW_BATCH])
        self._client.log_batch(self._id, params=params[_MLFLOW_BATCH:])

    def log(self, values: Values, step: int) -> None:
        from mlflow.entities import Metric

        now_ms = int(1_000 * time.time())
        self._client.log_batch(self._id, metrics=[Metric(name, value, now_ms, step) for name, value in values.items()])

    def finish(self) -> None:
        self._client.set_terminated(self._id)


_MLFLOW_BATCH: Final = 100  # parameters in one request, MLflow's limit


class _TrackioRun:
    """Trackio (https://huggingface.co/docs/trackio); ``TRACKIO_DIR`` holds its database, else Hugging Face's cache."""

    def __init__(self, run: TrackedRun) -> None:
        import trackio

        with contextlib.redirect_stdout(io.StringIO()):  # it prints; displays hold their own stream
            self._run = trackio.init(
                project=PROJECT,
                name=run.name,
                group=run.group,
                config=run.settings,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, values: Values, step: int) -> None:
        self._run.log(dict(values), step=step)

    def finish(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self._run.finish()


BACKENDS: Final[dict[str, Callable[[TrackedRun], Backend]]] = {
    "wandb": _WandbRun, "mlflow": _MlflowRun, "trackio": _TrackioRun,
}  # fmt: skip


def require_trackers(names: tuple[str, ...]) -> None:
    """Checks that trackers exist and are installed.

    Raises:
        ConfigError: if not.
    """
    for name in names:
        if name not in BACKENDS:
            raise ConfigError(
                f"A tracker is one of {', '.join(BACKENDS)}; got {name!r}.{suggestion(name, BACKENDS)}", field="track"
            )
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"The tracker {name} is not installed. Install it by `pip install 'tetrarium[{name}]'`, or omit it.",
                field="track",
            )


def tracked_run(config: RunConfig, *, group: str | None, key: str) -> TrackedRun:
    """Returns the description of a run for trackers."""
    settings = {**config.env_config.to_dict(), **config.training_config.to_dict()}
    return TrackedRun(name=config.name, group=group, settings=settings, key=key)


@dataclass(eq=False)
class Tracker(KVWriter):
    """Writer of scalars to a tracker.

    Args:
        name: A key of ``BACKENDS``.
        run: The run.
        warn: Called with a message if the tracker fails, once, from the thread that trains.
    """

    name: str
    run: TrackedRun
    warn: Callable[[str], None]
    _pending: "queue.Queue[tuple[Values, int] | None]" = field(default_factory=lambda: queue.Queue(_MAX_PENDING))
    _trouble: str | None = None  # not reported yet
    _is_broken: bool = False

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name=f"tracker {self.name}", daemon=True)
        self._thread.start()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Passes the finite numbers on; reports a failure since the previous call."""
        del key_excluded
        self._report()
        numbers = {
            name: float(value) for name, value in key_values.items() if isinstance(value, int | float | np.number)
        }
        values = {name: value for name, value in numbers.items() if np.isfinite(value)}
        if self._is_broken or not values:
            return
        try:
            self._pending.put_nowait((values, step))
        except queue.Full:
            self._fail("it does not keep up")
            self._report()

    def close(self) -> None:
        """Waits for the last records, for a limited time."""
        if not self._is_broken:
            with contextlib.suppress(queue.Full):
                self._pending.put(None, timeout=_CLOSE_S)
            self._thread.join(_CLOSE_S)
            if self._thread.is_alive():
                self._fail(f"it did not end within {_CLOSE_S:.0f} s")
        self._report()

    def _work(self) -> None:
        try:
            backend = BACKENDS[self.name](self.run)
            while (record := self._pending.get()) is not None and not self._is_broken:
                backend.log(*record)
            backend.finish()
        except BaseException as error:  # noqa: BLE001 whatever a foreign library raises, SystemExit included
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._fail(_CREDENTIALS.sub("//", reason)[:_MAX_REASON])

    def _fail(self, reason: str) -> None:
        self._trouble, self._is_broken = reason, True

    def _report(self) -> None:
        if self._trouble is not None:
            self.warn(f"The tracker {self.name} failed ({self._trouble}). Training continues without it.")
            self._trouble = None
