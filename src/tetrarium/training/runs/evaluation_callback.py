"""Periodic evaluations during training, on the same games each time, in a second process, with reproducible results.

Each evaluation plays the game that is trained, with a piece limit, and a harder one, which strong agents lose, too. The
weights of step k * E are evaluated in parallel to training, and the result is published as soon as it is measured. It
is recorded, and decides which weights are the best and whether a goal is reached, at step (k + 1) * E. So records and
decisions do not depend on the speed of either process. A checkpoint between the two steps contains the weights, and a
run that resumes from it evaluates them again. When a run finishes, its last weights are evaluated too, on all cores.

Other weights become the best if they clear more lines in the harder game, by a paired difference beyond its interval.

A stop does not wait for an evaluation: it remains pending, and its result is awaited first when the run resumes.
"""

import json
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import safetensors.numpy

from tetrarium.errors import TetrariumError
from tetrarium.evaluation import Report
from tetrarium.evaluation.evaluation_process import EvaluationProcess, EvaluationRequest
from tetrarium.evaluation.protocols import HARDER_PIECES, harder_game
from tetrarium.evaluation.reports import is_significantly_better, lines_of
from tetrarium.events import AgentEvaluated, Event
from tetrarium.registry.files.atomic import remove_directory
from tetrarium.registry.files.tensors import write_tensors
from tetrarium.registry.run_tables import EVALUATIONS
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.algorithms.learner import ReadFile, Weights
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.checkpoints import checkpoint_store
from tetrarium.training.checkpoints.agent_checkpoint import save_model
from tetrarium.training.checkpoints.model_bundles import SavedPolicy
from tetrarium.training.runs.recording.table_writers import TableWriter
from tetrarium.training.runs.recording.tensorboard import write_scalar
from tetrarium.training.runs.storage.folder import EVALUATION_STATE

_WEIGHTS: Final = "evaluations.safetensors"
_BEST: Final = "best/"  # prefixes of names of weights
_PENDING: Final = "pending/"
_SCALARS: Final = (  # of TensorBoard, named as in evaluations.csv
    "survival", "lines_until_limit", "estimated_lines", "estimated_low", "estimated_high",
    "harder_survival", "harder_lines", "harder_low", "harder_high",
)  # fmt: skip
_CHECK_EVERY_S: Final = 0.1  # for a stop request, while waiting for an evaluation


@dataclass(slots=True)
class _State:
    """State in a checkpoint, besides the weights."""

    next_step: int  # at which the next evaluation starts
    pending_step: int | None = None  # of the weights that are being evaluated
    best_step: int | None = None
    best_lines: float = 0.0  # until the limit, of the best weights
    best_games: list[int] = field(default_factory=list)  # their lines in each game by which weights are compared
    best_n_ended: int = 0  # number of these games that they lost
    best_harder_lines: float | None = None  # estimated, of the best weights
    most_lines: float = 0.0  # until the limit, of any evaluation; decides about the goal
    latest_step: int | None = None  # of the latest evaluation with a result


@dataclass(frozen=True, slots=True)
class _Measured:
    """Result of one evaluation."""

    report: Report
    harder: Report | None  # on the harder game

    @property
    def lines(self) -> float:
        """Mean lines until the limit."""
        return self.report.lines_total / self.report.n_games

    @property
    def compared(self) -> Report:
        """Report on the games by which weights are compared."""
        return self.report if self.harder is None else self.harder

    def event(self, step: int, *, is_best: bool) -> AgentEvaluated:
        """Returns the result as an event."""
        report, harder = self.report, self.harder
        return AgentEvaluated(
            step=step,
            n_games=report.n_games,
            max_pieces=report.max_pieces,
            survival=report.n_truncated,
            lines_until_limit=self.lines,
            estimated_lines=report.mean_lines,
            estimated_low=report.interval_lines[0],
            estimated_high=report.interval_lines[1],
            harder_games=harder.n_games if harder is not None else None,
            harder_survival=harder.n_truncated if harder is not None else None,
            harder_lines=harder.mean_lines if harder is not None else None,
            harder_low=harder.interval_lines[0] if harder is not None else None,
            harder_high=harder.interval_lines[1] if harder is not None else None,
            is_best=is_best,
        )


@dataclass(eq=False)
class EvaluationCallback(RoundCallback):
    """Evaluates an agent periodically, and keeps the best weights."""

    agent: TetrisAgent
    best: Path  # folder of the best weights
    table: TableWriter
    secret: bytes  # the home's key
    publish: Callable[[Event], None]
    save_best: Callable[[], None]
    waiting: Callable[[], AbstractContextManager[None]]
    is_stop_requested: Callable[[], bool]
    require_in_place: Callable[[], None]  # raises an error if the run's folder was moved

    def __post_init__(self) -> None:
        super().__init__()
        self._process = EvaluationProcess()
        self._is_running = False  # the process works on the pending evaluation
        self._measured: _Measured | None = None  # its result, which is not decided yet
        self._state = _State(next_step=self.agent.config.evaluate_every)
        self._pending_weights: Weights = {}
        self._best_weights: Weights = {}

    @property
    def steps_in_use(self) -> frozenset[int]:
        """Steps of the best weights and of the pending evaluation, whose checkpoints must be kept."""
        steps = (self._state.best_step, self._state.pending_step)
        return frozenset(step for step in steps if step is not None)

    @property
    def reached(self) -> tuple[str, ...]:
        """Name of the setting of the goal once an evaluation has reached it."""
        target = self.agent.config.target_evaluation_lines
        return () if target is None or self._state.most_lines < target else ("target_evaluation_lines",)

    @property
    def is_complete(self) -> bool:
        """True if the current weights are evaluated, or evaluations are disabled."""
        return not self.agent.config.evaluate_every or self._state.latest_step == self.agent.timesteps_trained

    def _on_training_start(self) -> None:
        if self._state.pending_step is not None and not self._is_running and self._measured is None:
            self._start_process()

    def on_round_end(self) -> bool:
        """Starts an evaluation if it is due; returns False if the goal is reached or a stop was requested meanwhile."""
        if self._is_running and self._process.is_done_within(0.0):
            self._receive()
        is_caught_up = self.catch_up()
        self.table.flush()
        return is_caught_up and not self.reached

    def catch_up(self) -> bool:
        """Awaits and starts the evaluations that are due at the current step.

        Returns:
            False if a stop was requested meanwhile; the run then does this first when it resumes.
        """
        every, step = self.agent.config.evaluate_every, self.agent.timesteps_trained
        if every and step >= self._state.next_step:
            if not self._await_result():
                return False
            self._set_pending(step)
            self._start_process()
            self._state.next_step = (step // every + 1) * every
        return True

    def finish(self) -> bool:
        """Awaits the pending evaluation, and evaluates the last weights; returns whether there was a new result."""
        latest = self._state.latest_step
        if not self.is_complete and self._await_result() and not self.is_complete:
            self._set_pending(self.agent.timesteps_trained)
            self._start_process(n_threads=None)
            self._await_result()
        return self._state.latest_step != latest

    def close(self) -> None:
        """Terminates the second process; a pending evaluation is repeated when the run resumes."""
        self._process.close()

    def _set_pending(self, step: int) -> None:
        self._pending_weights = self.agent.learner.weights()
        self._state.pending_step = step

    def _start_process(self, n_threads: int | None = 1) -> None:
        assert self._state.pending_step is not None
        self._process.begin(*self._requests(self._state.pending_step, n_threads))
        self._is_running = True

    def _requests(self, step: int, n_threads: int | None) -> list[EvaluationRequest]:
        """Returns the evaluation of the pending weights, followed by that on the harder game unless it is disabled."""
        agent = self.agent
        assert agent.env_config is not None
        config = agent.config
        policy = agent.learner.make_policy(self._pending_weights, config, agent.env_config, f"step {step:,}")
        games = [(agent.env_config, config.evaluation_games, config.evaluation_pieces)]
        if config.harder_games:
            games.append((harder_game(agent.env_config), config.harder_games, HARDER_PIECES))
        return [
            EvaluationRequest(
                policy=policy,
                config=game,
                n_games=n_games,
                seed=config.evaluation_seed,
                max_pieces=max_pieces,
                n_threads=n_threads,
            )
            for game, n_games, max_pieces in games
        ]

    def _receive(self) -> None:
        """Receives the result of the pending evaluation and publishes it; only one is pending, so the best is known."""
        assert self._state.pending_step is not None
        report, *harder = self._process.finish()
        self._is_running = False
        self._measured = _Measured(report, harder[0] if harder else None)
        self.publish(self._measured.event(self._state.pending_step, is_best=self._is_best(self._measured)))

    def _is_best(self, measured: "_Measured") -> bool:
        state = self._state
        if state.best_step is None:
            return True
        if not state.best_games:  # a checkpoint of an earlier version
            return measured.lines >= state.best_lines
        return is_significantly_better(measured.compared, state.best_games, state.best_n_ended)

    def _await_result(self) -> bool:
        """Awaits the pending evaluation, if any, and applies its result; returns False if a stop was requested."""
        if self._state.pending_step is None:
            return True
        if self._measured is None:
            if not self._is_running:
                self._start_process()
            with self.waiting():
                while not self._process.is_done_within(_CHECK_EVERY_S):
                    if self.is_stop_requested():
                        return False
                self._receive()
        assert self._measured is not None
        self._decide(self._state.pending_step, self._measured)
        self._measured = self._state.pending_step = None
        return True

    def _decide(self, step: int, measured: "_Measured") -> None:
        """Records a result, and makes the weights the best if they are better."""
        state, is_best = self._state, self._is_best(measured)
        state.latest_step = step
        state.most_lines = max(state.most_lines, measured.lines)
        self._record(measured.event(step, is_best=is_best))
        if is_best:
            state.best_step, state.best_lines = step, measured.lines
            state.best_games, state.best_n_ended = lines_of(measured.compared), measured.compared.n_ended
            state.best_harder_lines = measured.harder.mean_lines if measured.harder is not None else None
            self._best_weights = self._pending_weights
            self._export()
            self.save_best()

    def _record(self, event: AgentEvaluated) -> None:
        decided, config = self.agent.timesteps_trained, self.agent.config
        values = {name: value for name, value in asdict(event).items() if name in EVALUATIONS.column_names}
        self.table.add(
            **values | {"decided_step": decided, "seed": config.evaluation_seed, "is_best": int(event.is_best)}
        )
        for name in _SCALARS:
            if (value := values[name]) is not None:
                write_scalar(self.agent.model.logger, f"evaluation/{name}", value, decided)

    def _export(self) -> None:
        """Writes the best weights to their folder, as a model."""
        self.require_in_place()
        agent, step = self.agent, self._state.best_step
        assert agent.env_config is not None
        assert step is not None
        saved = SavedPolicy(self._best_weights, agent.config, agent.env_config, step, type(agent.learner))
        counters = {"lines_until_limit": self._state.best_lines, "harder_lines": self._state.best_harder_lines}
        save_model(self.best, saved, counters, self.secret)

    def write(self, folder: Path) -> None:
        """Writes the state, the best and the pending weights into a checkpoint."""
        weights = {f"{_BEST}{name}": value for name, value in self._best_weights.items()}
        if self._state.pending_step is not None:
            weights |= {f"{_PENDING}{name}": value for name, value in self._pending_weights.items()}
        write_tensors(folder / _WEIGHTS, weights)
        (folder / EVALUATION_STATE).write_text(json.dumps(asdict(self._state)), encoding="utf-8")

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Restores what ``write`` saved, and the folder of the best weights of that time."""
        if EVALUATION_STATE in names:
            values: dict[str, Any] = json.loads(read_file(EVALUATION_STATE))
            self._state = _State(**{"most_lines": values["best_lines"], **values})
            weights = safetensors.numpy.load(read_file(_WEIGHTS))
            self._best_weights = _with_prefix(_BEST, weights)
            self._pending_weights = _with_prefix(_PENDING, weights)
        else:
            every = self.agent.config.evaluate_every
            self._state.next_step = (self.agent.timesteps_trained // every + 1) * every if every else 0
        self._restore_best()

    def _restore_best(self) -> None:
        """Restores the best weights of this state in their folder; weights of later steps will be found again."""
        is_intact = self._state.best_step is not None and self._has_best(self._state.best_step)
        if not is_intact and self.best.exists():
            remove_directory(self.best)
        if not is_intact and self._state.best_step is not None:
            self._export()

    def _has_best(self, step: int) -> bool:
        """Returns whether the folder contains the intact weights of a step."""
        try:
            metadata = checkpoint_store.read_metadata(self.best)
            checkpoint_store.require_trusted(self.best, metadata, self.secret)
            checkpoint_store.verify(self.best, metadata)
        except TetrariumError:
            return False
        return bool(metadata.counters.get("timesteps_trained") == step)


def _with_prefix(prefix: str, weights: Weights) -> Weights:
    """Returns the weights whose names have a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
