"""Evaluations while training runs: on the same games each time, in a second process, with the same outcome each time.

Of the weights of step k * E a copy is played beside training, and waited for at step (k + 1) * E: there, however long
it took, it is recorded, and decides which weights are the best and whether a goal is reached. So records and decisions
do not depend on how fast either process is. A checkpoint between the two holds the copy, and a run that goes on from
there plays it again. When a run is done, its last weights are evaluated too, on all cores.

Whoever asks for a stop does not wait for an evaluation: it stays pending, and is decided first when the run goes on.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import safetensors.numpy

from tetrarium.errors import TetrariumError
from tetrarium.evaluation import Report
from tetrarium.evaluation.process import EvaluationProcess, EvaluationRequest
from tetrarium.events import AgentEvaluated, Event
from tetrarium.registry.atomic import remove_directory
from tetrarium.training.algorithms.learner import ReadFile, Weights
from tetrarium.training.checkpoints import store
from tetrarium.training.checkpoints.agents import SavedPolicy, save_model
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.records import Table
from tetrarium.training.runs.tensorboard import write_scalar

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Evaluations"]

_STATE: Final = "evaluations.json"
_WEIGHTS: Final = "evaluations.safetensors"
_BEST: Final = "best/"  # prefixes of names of weights
_PENDING: Final = "pending/"
_LOOK_EVERY_S: Final = 0.1  # whether a stop is asked for, while an evaluation is waited for


@dataclass(slots=True)
class _State:
    """What a checkpoint holds beside the weights."""

    next_step: int  # at which the next evaluation begins
    pending_step: int | None = None  # whose weights are being evaluated
    best_step: int | None = None
    best_lines: float = 0.0
    latest_step: int | None = None  # whose evaluation was decided last


class Evaluations(RoundCallback):
    """Evaluates an agent every so often, and keeps the weights that did best.

    Args:
        agent: What is trained.
        best: Folder for the best weights.
        table: Where outcomes are recorded.
        secret: The home's key.
        publish: Is told of outcomes.
        is_stop_asked: Whether nothing is waited for any more.
        require_in_place: Raises where the folder is no longer the run's.
    """

    def __init__(
        self,
        agent: "TetrisAgent",
        best: Path,
        table: Table,
        secret: bytes,
        publish: Callable[[Event], None],
        is_stop_asked: Callable[[], bool],
        require_in_place: Callable[[], None],
    ) -> None:
        super().__init__()
        self._agent = agent
        self._best = best
        self._table = table
        self._secret = secret
        self._publish = publish
        self._is_stop_asked = is_stop_asked
        self._require_in_place = require_in_place
        self._process = EvaluationProcess()
        self._is_playing = False  # whether the pending evaluation was handed to the process
        self._state = _State(next_step=agent.config.evaluate_every)
        self._pending_weights: Weights = {}
        self._best_weights: Weights = {}

    @property
    def steps_in_use(self) -> frozenset[int]:
        """Steps of the best weights and of those that are being evaluated, whose checkpoints stay."""
        steps = (self._state.best_step, self._state.pending_step)
        return frozenset(step for step in steps if step is not None)

    @property
    def is_goal_reached(self) -> bool:
        """Whether an evaluation has found enough lines."""
        target = self._agent.config.target_evaluation_lines
        return target is not None and self._state.best_lines >= target

    @property
    def is_complete(self) -> bool:
        """Whether the weights of now are evaluated, where any are."""
        return not self._agent.config.evaluate_every or self._state.latest_step == self._agent.timesteps_trained

    def _on_training_start(self) -> None:
        if self._state.pending_step is not None and not self._is_playing:
            self._play()

    def on_round_end(self) -> bool:
        """Decides and begins what is due; goes on until the goal is reached, or a stop came before the decision."""
        is_decided = self.catch_up()
        self._table.hand_over()
        return is_decided and not self.is_goal_reached

    def catch_up(self) -> bool:
        """Decides and begins what is due at the step of now; returns whether nothing is any more.

        That is false only where a stop is asked for meanwhile. The run then does this first when it goes on.
        """
        every, step = self._agent.config.evaluate_every, self._agent.timesteps_trained
        if every and step >= self._state.next_step:
            if not self._decide():
                return False
            self._begin(step)
            self._play()
            self._state.next_step = (step // every + 1) * every
        return True

    def finish(self) -> bool:
        """Decides what is pending, and evaluates the last weights, once all is done; whether that decided anything."""
        latest = self._state.latest_step
        if not self.is_complete and self._decide() and not self.is_complete:
            self._begin(self._agent.timesteps_trained)
            self._play(n_threads=None)
            self._decide()
        return self._state.latest_step != latest

    def close(self) -> None:
        """Ends the second process; what is pending is played again when the run goes on."""
        self._process.close()

    def _begin(self, step: int) -> None:
        self._pending_weights = self._agent.learner.weights()
        self._state.pending_step = step

    def _play(self, n_threads: int | None = 1) -> None:
        assert self._state.pending_step is not None
        self._process.begin(self._request(self._state.pending_step, n_threads))
        self._is_playing = True

    def _request(self, step: int, n_threads: int | None) -> EvaluationRequest:
        agent = self._agent
        assert agent.env_config is not None
        config = agent.config
        policy = agent.learner.make_policy(self._pending_weights, config, agent.env_config, f"step {step:,}")
        return EvaluationRequest(
            policy=policy,
            config=agent.env_config,
            n_games=config.evaluation_games,
            seed=config.evaluation_seed,
            max_pieces=config.evaluation_pieces,
            n_threads=n_threads,
        )

    def _decide(self) -> bool:
        """Waits for the pending evaluation, if there is one, and applies it; false if a stop is asked for meanwhile."""
        if self._state.pending_step is None:
            return True
        if not self._is_playing:
            self._play()
        while not self._process.is_done_within(_LOOK_EVERY_S):
            if self._is_stop_asked():
                return False
        step, self._state.pending_step = self._state.pending_step, None
        report = self._process.finish()
        self._is_playing = False
        lines = report.lines_total / report.n_games
        is_best = self._state.best_step is None or lines >= self._state.best_lines
        self._state.latest_step = step
        if is_best:
            self._state.best_step, self._state.best_lines = step, lines
            self._best_weights = self._pending_weights
            self._export()
        self._record(step, lines, report, is_best)
        return True

    def _record(self, step: int, lines: float, report: Report, is_best: bool) -> None:
        decided = self._agent.timesteps_trained
        self._table.add(
            (decided, step, lines, report.n_games, report.n_cut_off, report.max_pieces, report.seed, int(is_best))
        )
        write_scalar(self._agent.model.logger, "evaluation/lines_game", lines, decided)
        self._publish(
            AgentEvaluated(
                step=step,
                lines_evaluation=lines,
                n_games=report.n_games,
                max_pieces=report.max_pieces,
                n_cut_off=report.n_cut_off,
                is_best=is_best,
            )
        )

    def _export(self) -> None:
        """Writes the best weights to their folder."""
        self._require_in_place()
        agent, step = self._agent, self._state.best_step
        assert agent.env_config is not None
        assert step is not None
        saved = SavedPolicy(self._best_weights, agent.config, agent.env_config, step, type(agent.learner))
        about = {"evaluation_lines": self._state.best_lines}
        save_model(self._best, saved, about, self._secret)

    def write(self, folder: Path) -> None:
        """Writes the files of a checkpoint."""
        weights = {f"{_BEST}{name}": value for name, value in self._best_weights.items()}
        if self._state.pending_step is not None:
            weights |= {f"{_PENDING}{name}": value for name, value in self._pending_weights.items()}
        safetensors.numpy.save_file(weights, folder / _WEIGHTS)
        (folder / _STATE).write_text(json.dumps(asdict(self._state)), encoding="utf-8")

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Takes over what ``write`` wrote, and makes the best folder what it was then."""
        if _STATE in names:
            values: dict[str, Any] = json.loads(read_file(_STATE))
            self._state = _State(**values)
            weights = safetensors.numpy.load(read_file(_WEIGHTS))
            self._best_weights = _without(_BEST, weights)
            self._pending_weights = _without(_PENDING, weights)
        else:
            every = self._agent.config.evaluate_every
            self._state.next_step = (self._agent.timesteps_trained // every + 1) * every if every else 0
        self._restore_best()

    def _restore_best(self) -> None:
        """Puts the best weights of this state into their folder: those of a later one are going to be found again."""
        is_whole = self._state.best_step is not None and self._holds(self._state.best_step)
        if not is_whole and self._best.exists():
            remove_directory(self._best)
        if not is_whole and self._state.best_step is not None:
            self._export()

    def _holds(self, step: int) -> bool:
        """Whether the folder holds the weights of a step as they were written."""
        try:
            metadata = store.read_metadata(self._best)
            store.require_trusted(self._best, metadata, self._secret)
            store.verify(self._best, metadata)
        except TetrariumError:
            return False
        return bool(metadata.counters.get("timesteps_trained") == step)


def _without(prefix: str, weights: Weights) -> Weights:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
