"""The trials of a study, in Optuna's storage in the home, ``tuning.db``.

A trial is written down, with all its values, in one transaction before its run begins, and what it came to in another
when the run has ended; in between it is Optuna's ``RUNNING``. Values are drawn by a twin of the study that lives in
memory alone, from generators that are seeded anew for each trial by the study's seed and the trial's number: what a
trial tries depends on the trials before it and on nothing else, however often the tuner was killed.

Values that Optuna cannot hold, lists, are kept as their JSON.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.tuning.objectives import is_better_higher
from tetrarium.tuning.ranges import Range
from tetrarium.tuning.studies import StudyConfig

if TYPE_CHECKING:
    import optuna

__all__ = ["TOLD", "Drawn", "Storage", "Trials"]

_WAIT_S: Final = 60.0
_FILE: Final = "tuning.db"
_LOCK: Final = "tuning.lock"
TOLD: Final = "told"  # attribute of a trial that has ended: what there is to know of it
_COURSE: Final = "course"  # therein: step and lines of its evaluations
_N_BEFORE_PRUNING: Final = 5  # trials that must be complete before one is pruned
_FIRST_PRUNED: Final = 2  # evaluation at which a trial is pruned at the earliest


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the next trial is to try."""

    params: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)  # what the sampler wants to find again


class Storage:
    """The database of a home, which is made if it is missing.

    Args:
        home: Where it lies.

    Raises:
        HomeError: if it cannot be used.
    """

    def __init__(self, home: Home) -> None:
        import optuna  # which takes a third of a second
        from sqlalchemy.pool import NullPool

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path = home.root / _FILE
        with self.told(), _locked(self.path.with_name(_LOCK)):  # two that make its tables at once would collide
            if not self.path.exists():
                with contextlib.closing(self._connect()) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")  # stays so: who reads never waits for who writes
            self.optuna = optuna.storages.RDBStorage(
                "sqlite://", engine_kwargs={"creator": self._connect, "poolclass": NullPool}
            )

    @staticmethod
    def exists(home: Home) -> bool:
        """Whether any trial was ever written."""
        return (home.root / _FILE).exists()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT_S)
        connection.execute("PRAGMA synchronous = NORMAL")  # what a power failure takes away, the runs tell again
        return connection

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turns what the database says into one line."""
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (sqlite3.Error, SQLAlchemyError, OptunaError, RuntimeError) as error:
            reason = str(error.__cause__ or error).partition("\n")[0]
            raise HomeError(
                f"The trials in {str(self.path)!r} cannot be used: {reason}. "
                "Make it writable for you; or move it away: trials are found again by their runs."
            ) from error
        except OSError as error:
            raise HomeError(
                f"The trials in {str(self.path)!r} cannot be used: {error.strerror}. "
                "Choose another home with --home or TETRARIUM_HOME."
            ) from error


class Trials:
    """The trials of one study; one process at a time writes them.

    Args:
        storage: Where they lie.
        study: Whose they are.

    Raises:
        HomeError: if the database cannot be used.
    """

    def __init__(self, storage: Storage, study: StudyConfig) -> None:

        self._config = study
        self._told = storage.told
        with self._told():
            self._study = self._found(storage)

    def _found(self, storage: Storage) -> "optuna.Study":
        """The study as the database has it; it is made at the first time, for which its writers are waited for."""
        import optuna

        name = self._config.name
        sampler, pruner = optuna.samplers.RandomSampler(), optuna.pruners.NopPruner()
        with contextlib.suppress(KeyError):
            return optuna.load_study(study_name=name, storage=storage.optuna, sampler=sampler, pruner=pruner)
        return optuna.create_study(
            storage=storage.optuna,
            study_name=name,
            direction="maximize" if is_better_higher(self._config.objective) else "minimize",
            sampler=sampler,
            pruner=pruner,
            load_if_exists=True,
        )

    @property
    def study(self) -> "optuna.Study":
        """As Optuna has it, to be read."""
        return self._study

    def all(self) -> "list[optuna.trial.FrozenTrial]":
        """All trials, by number."""
        with self._told():
            return self._study.get_trials(deepcopy=False)

    def params(self, trial: "optuna.trial.FrozenTrial") -> dict[str, Any]:
        """The values that a trial tries, as the configs take them."""
        return {
            item.name: _decoded(item, trial.params[item.name])
            for item in self._config.ranges
            if item.name in trial.params
        }

    def draw(self) -> Drawn:
        """Draws values for the next trial."""
        import optuna

        trials = self.all()
        twin = optuna.create_study(direction=self._study.direction, sampler=self._sampler(len(trials)))
        if self._config.sampler != "random":  # which looks at no other trial
            twin.add_trials(trials)
        drawn = twin.ask(fixed_distributions=self._distributions()).params
        return Drawn(
            params={item.name: _rounded(item, drawn[item.name]) for item in self._config.ranges},
            attributes=twin.get_trials(deepcopy=False)[-1].system_attrs,
        )

    def add(self, drawn: Drawn) -> "optuna.trial.FrozenTrial":
        """Writes a trial down, with the values that it tries; returns it."""
        import optuna

        with self._told():
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState.RUNNING,
                    params={name: _encoded(value) for name, value in drawn.params.items()},
                    distributions=self._distributions(),
                    system_attrs=dict(drawn.attributes),
                )
            )
        return self.all()[-1]

    def tell(
        self,
        trial: "optuna.trial.FrozenTrial",
        state: str,
        value: float | None = None,
        *,
        evaluations: Sequence[Mapping[str, Any]] = (),
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes down what a trial came to.

        Args:
            trial: Which one.
            state: ``"complete"``, ``"pruned"`` or ``"fail"``.
            value: Of a complete one.
            evaluations: What its run was evaluated at on the way.
            about: What else there is to know of it, as JSON can hold it.
        """
        import optuna

        with self._told():
            told = {_COURSE: _course(evaluations), **(about or {})}
            optuna.trial.Trial(self._study, trial._trial_id).set_user_attr(TOLD, told)
            self._study.tell(trial.number, value, state=optuna.trial.TrialState[state.upper()])

    def is_hopeless(self, trial: "optuna.trial.FrozenTrial", evaluations: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a trial's best evaluation so far is below the median of complete ones at that point (median rule)."""
        import optuna

        pruner = optuna.pruners.MedianPruner(n_startup_trials=_N_BEFORE_PRUNING, n_warmup_steps=_FIRST_PRUNED)
        judged = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler())
        states = optuna.trial.TrialState
        courses = [
            other.user_attrs.get(TOLD, {}).get(_COURSE) for other in self.all() if other.state is states.COMPLETE
        ]
        for course in filter(None, courses):
            places = self._places(course)
            judged.add_trial(optuna.trial.create_trial(value=course[-1][1], intermediate_values=places))
        judged.add_trial(
            optuna.trial.create_trial(state=states.RUNNING, intermediate_values=self._places(_course(evaluations)))
        )
        return bool(pruner.prune(judged, judged.get_trials(deepcopy=False)[-1]))

    def _places(self, course: Sequence[Sequence[float]]) -> dict[int, float]:
        """Lines by the number of the evaluation, which is the same in all trials, whatever the length of a round."""
        places: dict[int, float] = {}
        for step, lines in course:
            places.setdefault(int(step) // self._config.training_config.evaluate_every, lines)
        return places

    def _sampler(self, number: int) -> "optuna.samplers.BaseSampler":
        import optuna

        samplers = optuna.samplers
        seed = int(np.random.SeedSequence((self._config.seed, number)).generate_state(1)[0])
        match self._config.sampler:
            case "random":
                return samplers.RandomSampler(seed=seed)
            case "grid":
                space = {item.name: [_encoded(value) for value in item.values] for item in self._config.ranges}
                return samplers.GridSampler(space, seed=self._config.seed)
            case "cma-es":
                return samplers.CmaEsSampler(seed=seed)
            case _:
                return samplers.TPESampler(seed=seed)

    def _distributions(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        return {item.name: self._distribution(item) for item in self._config.ranges}

    def _distribution(self, item: Range) -> "optuna.distributions.BaseDistribution":
        import optuna

        kinds = optuna.distributions
        if item.values:
            return kinds.CategoricalDistribution([_encoded(value) for value in item.values])
        assert item.low is not None
        assert item.high is not None
        if item.is_whole:
            return kinds.IntDistribution(int(item.low), int(item.high), log=item.log)
        return kinds.FloatDistribution(item.low, item.high, log=item.log)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Waits for who else makes tables; the lock ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _course(evaluations: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    return [[int(row["step"]), float(row["lines"])] for row in evaluations]


def _encoded(value: Any) -> Any:
    return json.dumps(list(value)) if isinstance(value, tuple) else value


def _decoded(item: Range, value: Any) -> Any:
    return next((listed for listed in item.values if _encoded(listed) == value), value)


def _rounded(item: Range, value: Any) -> Any:
    return _decoded(item, value) if item.values else item.rounded(value)
