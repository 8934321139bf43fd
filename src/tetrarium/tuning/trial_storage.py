"""Trials of studies, in an Optuna storage in the home, ``tuning.db``.

A trial is written with its parameters in one transaction before its run starts, and its result in another after the run
has ended; in between its state is ``RUNNING``. Parameters are sampled by a copy of the study in memory, from generators
seeded with the study's seed and the trial's number. They depend on the earlier trials alone, however often the tuner
was killed.

A study is called ``NAME@ID`` in the storage, so the trials of an earlier study of the same name are not its own.

Lists, which Optuna cannot hold, are stored as JSON.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tetrarium.errors import AlreadyRunningError, EntryNotFoundError, HomeError, RegistryBusyError
from tetrarium.registry import sqlite_files
from tetrarium.registry.files.atomic import folder_lock
from tetrarium.registry.home import Home
from tetrarium.tuning.objectives import is_maximized
from tetrarium.tuning.search_space import Range
from tetrarium.tuning.study import StudyConfig

if TYPE_CHECKING:
    import optuna

_WAIT_S: Final = 5.0  # for other writers
_FILE: Final = "tuning.db"
_DELETED: Final = "deleted"  # user attribute of a study, numbers of trials
_RESULT: Final = "told"  # user attribute of a trial that has ended
_EVALUATIONS: Final = "course"  # key therein: step and lines of the run's evaluations
_N_STARTUP_TRIALS: Final = 5  # complete trials before one may be pruned
_N_WARMUP_EVALUATIONS: Final = 2  # evaluations of a trial before it may be pruned


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledParams:
    """Parameters of the next trial."""

    params: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)  # state of the sampler, Optuna's ``system_attrs``


class Storage:
    """Optuna's storage in a home, created if it is missing.

    Raises:
        RegistryBusyError: if another process keeps it locked.
        HomeError: if it cannot be used.
    """

    def __init__(self, home: Home) -> None:
        import optuna  # takes a third of a second

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path = home.root / _FILE
        with self.translate_errors():
            home.studies.mkdir(parents=True, exist_ok=True)
            self.optuna = self._open(home.studies)

    def _open(self, folder: Path) -> "optuna.storages.RDBStorage":
        """Opens the storage; one process at a time, because two that create its tables would collide."""
        import optuna
        from sqlalchemy.pool import NullPool

        with folder_lock(folder):
            try:
                has_wal = sqlite_files.may_have_wal(self.path, _WAIT_S)
                with contextlib.closing(self._connect()) as connection:
                    if has_wal and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
                        connection.execute("PRAGMA journal_mode = WAL")  # persistent; readers never wait for writers
                        connection.execute("SELECT 1 FROM sqlite_schema")
            except sqlite3.Error as error:
                if not sqlite_files.lacks_shared_memory(error):
                    raise
                sqlite_files.leave_wal(self.path, _WAIT_S)
            return optuna.storages.RDBStorage(
                "sqlite://", engine_kwargs={"creator": self._connect, "poolclass": NullPool}
            )

    @staticmethod
    def exists(home: Home) -> bool:
        """Returns whether a home has trials."""
        return (home.root / _FILE).exists()

    def delete(self, name: str) -> None:
        """Deletes the trials of all studies that have or had a name."""
        import optuna

        with self.translate_errors():
            for study in optuna.get_all_study_names(self.optuna):
                if study.partition("@")[0] == name:
                    optuna.delete_study(study_name=study, storage=self.optuna)

    def check(self) -> None:
        """Writes and commits.

        Raises:
            HomeError: if the file cannot be written.
        """
        with self.translate_errors(), contextlib.closing(self._connect()) as connection:
            connection.execute("PRAGMA user_version = 0")  # what it is; written all the same
            connection.commit()

    def _connect(self) -> sqlite3.Connection:
        if self.path.exists() and not sqlite_files.is_writable(self.path):
            return sqlite_files.connect_read_only(self.path)
        connection = sqlite3.connect(self.path, timeout=_WAIT_S)
        connection.execute("PRAGMA synchronous = NORMAL")  # lost trials are recovered from their runs
        return connection

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raises ``HomeError`` in place of errors of the database."""
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (sqlite3.Error, SQLAlchemyError, OptunaError, RuntimeError) as error:
            kind = RegistryBusyError if sqlite_files.primary_code(error) in sqlite_files.BUSY else HomeError
            trouble = sqlite_files.describe(
                error, self.path, recovery="trials are then recovered from their runs.", waited_s=_WAIT_S
            )
            raise kind(f"The file of trials {str(self.path)!r} {trouble}") from error
        except OSError as error:
            raise HomeError(
                f"The trials in {str(self.path)!r} cannot be used: {error.strerror}. "
                "Choose another home with --home or TETRARIUM_HOME."
            ) from error


class Trials:
    """The trials of one study; one process at a time writes them.

    Raises:
        HomeError: if the database cannot be used.
    """

    def __init__(self, storage: Storage, study: StudyConfig) -> None:
        self._config = study
        self._translate_errors = storage.translate_errors
        with self._translate_errors():
            self._study = self._load_or_create(storage)

    def _load_or_create(self, storage: Storage) -> "optuna.Study":
        """Returns the study in the database; only its creation waits for other writers."""
        import optuna

        name = f"{self._config.name}@{self._config.id}" if self._config.id else self._config.name
        sampler, pruner = optuna.samplers.RandomSampler(), optuna.pruners.NopPruner()
        with contextlib.suppress(KeyError):
            return optuna.load_study(study_name=name, storage=storage.optuna, sampler=sampler, pruner=pruner)
        return optuna.create_study(
            storage=storage.optuna,
            study_name=name,
            direction="maximize" if is_maximized(self._config.objective) else "minimize",
            sampler=sampler,
            pruner=pruner,
            load_if_exists=True,
        )

    @property
    def study(self) -> "optuna.Study":
        """Optuna's study without the deleted trials, read-only."""
        import optuna

        kept = self.kept()
        if len(kept) == len(self.all()):
            return self._study
        copy = optuna.create_study(direction=self._study.direction)
        copy.add_trials(kept)
        return copy

    def all(self) -> "list[optuna.trial.FrozenTrial]":
        """Returns all trials by number."""
        with self._translate_errors():
            return self._study.get_trials(deepcopy=False)

    def kept(self) -> "list[optuna.trial.FrozenTrial]":
        """Returns the trials that were not deleted, by number."""
        with self._translate_errors():
            deleted = self._study.user_attrs.get(_DELETED, [])
        return [trial for trial in self.all() if trial.number not in deleted]

    @property
    def n_deleted(self) -> int:
        """Number of deleted trials."""
        return len(self.all()) - len(self.kept())

    def require_ended(self, number: int) -> "optuna.trial.FrozenTrial":
        """Returns a trial that has ended; ``number`` counts from 1.

        Raises:
            EntryNotFoundError: if there is none of that number.
            AlreadyRunningError: if it has not ended.
        """
        trial = next((trial for trial in self.kept() if trial.number + 1 == number), None)
        if trial is None:
            raise EntryNotFoundError(f"The study {self._config.name!r} has no trial {number}. Choose one of its list.")
        if not trial.state.is_finished():
            raise AlreadyRunningError(
                f"Only a trial that has ended can be deleted, and {self._config.run_name(number - 1)!r} has not. "
                "Stop the study first, or wait for the trial."
            )
        return trial

    def delete(self, number: int) -> None:
        """Deletes a trial: samplers, results and lists leave it out; its number is not used again.

        Raises:
            EntryNotFoundError, AlreadyRunningError: as ``require_ended`` does.
        """
        trial = self.require_ended(number)
        with self._translate_errors():  # Optuna changes no trial that has ended, so the mark is one of the study
            self._study.set_user_attr(_DELETED, sorted({*self._study.user_attrs.get(_DELETED, []), trial.number}))

    def params(self, trial: "optuna.trial.FrozenTrial") -> dict[str, Any]:
        """Returns the parameters of a trial as the configs take them."""
        return {
            item.name: _decoded(item, trial.params[item.name])
            for item in self._config.ranges
            if item.name in trial.params
        }

    def sample(self) -> SampledParams:
        """Samples parameters for the next trial."""
        import optuna

        trials = self.all()
        copy = optuna.create_study(direction=self._study.direction, sampler=self._sampler(len(trials)))
        if self._config.sampler != "random":  # which depends on no other trial
            copy.add_trials(self.kept() if self._config.sampler == "tpe" else trials)
        sampled = copy.ask(fixed_distributions=self._distributions()).params
        return SampledParams(
            params={item.name: _rounded(item, sampled[item.name]) for item in self._config.ranges},
            attributes=copy.get_trials(deepcopy=False)[-1].system_attrs,
        )

    def add(self, sampled: SampledParams) -> "optuna.trial.FrozenTrial":
        """Adds a running trial with its parameters; returns it."""
        import optuna

        with self._translate_errors():
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState.RUNNING,
                    params={name: _encoded(value) for name, value in sampled.params.items()},
                    distributions=self._distributions(),
                    system_attrs=dict(sampled.attributes),
                )
            )
        return self.all()[-1]

    def finish(
        self,
        trial: "optuna.trial.FrozenTrial",
        state: str,
        value: float | None = None,
        *,
        evaluations: Sequence[Mapping[str, Any]] = (),
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes the result of a trial.

        Args:
            trial: The trial.
            state: ``"complete"``, ``"pruned"`` or ``"fail"``.
            value: Objective value of a complete trial.
            evaluations: Rows of its run's ``evaluations.csv``.
            about: Further facts for ``trial_result``, as JSON can hold them.
        """
        import optuna

        with self._translate_errors():
            result = {_EVALUATIONS: _intermediate_values(evaluations), **(about or {})}
            optuna.trial.Trial(self._study, trial._trial_id).set_user_attr(_RESULT, result)
            self._study.tell(trial.number, value, state=optuna.trial.TrialState[state.upper()])

    def should_prune(self, trial: "optuna.trial.FrozenTrial", evaluations: Sequence[Mapping[str, Any]]) -> bool:
        """Returns whether a trial's best evaluation is below the median of complete trials at that step."""
        import optuna

        pruner = optuna.pruners.MedianPruner(n_startup_trials=_N_STARTUP_TRIALS, n_warmup_steps=_N_WARMUP_EVALUATIONS)
        copy = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler())
        states = optuna.trial.TrialState
        complete = [trial_result(other) for other in self.kept() if other.state is states.COMPLETE]
        for values in filter(None, (result.get(_EVALUATIONS) for result in complete)):
            copy.add_trial(optuna.trial.create_trial(value=values[-1][1], intermediate_values=self._by_number(values)))
        own = self._by_number(_intermediate_values(evaluations))
        copy.add_trial(optuna.trial.create_trial(state=states.RUNNING, intermediate_values=own))
        return bool(pruner.prune(copy, copy.get_trials(deepcopy=False)[-1]))

    def _by_number(self, values: Sequence[Sequence[float]]) -> dict[int, float]:
        """Returns lines by number of the evaluation, which is comparable whatever the length of a round."""
        by_number: dict[int, float] = {}
        for step, lines in values:
            by_number.setdefault(int(step) // self._config.training_config.evaluate_every, lines)
        return by_number

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


def trial_result(trial: "optuna.trial.FrozenTrial") -> Mapping[str, Any]:
    """Returns what ``Trials.finish`` wrote of a trial; empty for one that has not ended."""
    result: Mapping[str, Any] = trial.user_attrs.get(_RESULT, {})
    return result


def _intermediate_values(evaluations: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    return [[int(row["step"]), float(row["lines_until_limit"])] for row in evaluations]


def _encoded(value: Any) -> Any:
    return json.dumps(list(value)) if isinstance(value, tuple) else value


def _decoded(item: Range, value: Any) -> Any:
    return next((listed for listed in item.values if _encoded(listed) == value), value)


def _rounded(item: Range, value: Any) -> Any:
    return _decoded(item, value) if item.values else item.rounded(value)
