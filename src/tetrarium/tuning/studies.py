"""What a study is: which settings it varies and how, and the game, budget and judgement that its trials share.

``tuning/NAME/study.json`` in the home holds it; the folder appears with the file in it, so that a name is either free
or a study. Its trials lie in ``tuning.db`` (see ``storage``) and are runs called ``NAME-0001`` and so on.
"""

import json
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError, suggestion
from tetrarium.registry.atomic import create_directory, write_file
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import read_object
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import find_preset
from tetrarium.tuning.objectives import OBJECTIVES, check_objective
from tetrarium.tuning.ranges import GAME_SETTINGS, Range, require_of_use

__all__ = [
    "MAX_AT_ONCE",
    "MAX_TRIALS",
    "SAMPLERS",
    "StudyConfig",
    "create_study",
    "has_study",
    "read_study_config",
    "rewrite_study",
    "study_names",
]

MAX_TRIALS: Final = 9_999
MAX_AT_ONCE: Final = 64
SAMPLERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tpe": "tries more of what is like the best so far; the first ten are random",
        "random": "tries anything, whatever came before",
        "grid": "tries every combination of the listed values once",
        "cma-es": "moves a cloud of trials towards the best ones; numbers only, two settings or more",
    }
)
_RESERVED: Final = ("list", "show", "settings", "pause", "continue", "stop")  # commands that stand where a name does
_PLAIN: Final = {
    "name": str, "preset": str, "n_trials": int, "n_at_once": int, "objective": str, "sampler": str, "seed": int,
    "prunes": bool, "started": str, "command": str,
}  # fmt: skip
_CONFIG: Final = "study.json"
_FORMAT_VERSION: Final = 1
_LONGEST_NAME: Final = 64 - len("-0001")
_FEWEST_TO_PRUNE: Final = 3  # evaluations of a trial, so that pruning saves anything


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """One study; ``check`` holds it against the rules.

    >>> study = StudyConfig.of_preset("first", "quick", ranges=(Range.of("n_steps", values=(1, 2)),), n_trials=2)
    >>> study.run_name(0), study.configs({"n_steps": 2})[1].n_steps
    ('first-0001', 2)
    """

    name: str
    preset: str
    env_config: EnvConfig
    training_config: TrainingConfig
    ranges: tuple[Range, ...]
    n_trials: int = 20
    n_at_once: int = 1
    objective: str = "lines"
    sampler: str = "tpe"
    seed: int = 0
    prunes: bool = False
    started: str = ""  # ISO 8601
    command: str = ""
    range_of: Mapping[str, Range] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "range_of", {item.name: item for item in self.ranges})

    @classmethod
    def of_preset(cls, name: str, preset: str, **others: Any) -> "StudyConfig":
        """A study whose trials share a preset's configs."""
        base = find_preset(preset)
        return cls(name=name, preset=preset, env_config=base.env_config, training_config=base.training_config, **others)

    def run_name(self, number: int) -> str:
        """What the run of a trial is called, trial 0 first."""
        return f"{self.name}-{number + 1:04d}"

    def configs(self, params: Mapping[str, Any]) -> tuple[EnvConfig, TrainingConfig]:
        """The configs of a trial.

        Raises:
            ConfigError: if these values do not go together.
        """
        game = {name: value for name, value in params.items() if name in GAME_SETTINGS}
        training = {name: value for name, value in params.items() if name not in GAME_SETTINGS}
        env_config = self.env_config.with_changes(**game)
        env_config.rules()
        return env_config, self.training_config.with_changes(**training)

    @property
    def n_combinations(self) -> int | None:
        """How many trials there can be without trying anything twice; None where a range has no listed values."""
        product = 1
        for item in self.ranges:
            if not item.values:
                return None
            product *= len(item.values)
        return product

    def check(self) -> None:
        """Refuses a study that could not be carried out.

        Raises:
            ConfigError: if it breaks a rule.
        """
        _check_numbers(self)
        if not self.ranges:
            raise ConfigError(
                "A study varies a setting or more; got none. Add --vary learning_rate=1e-4..1e-2:log, say."
            )
        names = [item.name for item in self.ranges]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"A setting is varied once; got {name} twice. Leave one out.")
        algorithms = self.range_of["algorithm"].values if "algorithm" in names else (self.training_config.algorithm,)
        for name in names:
            require_of_use(name, algorithms)
        check_objective(self.objective, self.training_config)
        _check_sampler(self)
        _check_pruning(self)
        for place in (0, -1):  # not every combination, but the ends of all ranges at once
            self.configs({item.name: item.examples[place] for item in self.ranges})

    def with_trials(self, n_trials: int | None, n_at_once: int | None) -> "StudyConfig":
        """The same with more trials, or others at once: all that may change of a study.

        Raises:
            ConfigError: if that breaks a rule.
        """
        changed = replace(
            self,
            n_trials=self.n_trials if n_trials is None else n_trials,
            n_at_once=self.n_at_once if n_at_once is None else n_at_once,
        )
        if changed.n_trials < self.n_trials:
            raise ConfigError(
                f"A study goes on, never back, and {self.name!r} has {self.n_trials:,} trials; got {n_trials:,}. "
                "Ask for more, or begin another study."
            )
        changed.check()
        return changed

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "name": self.name,
            "preset": self.preset,
            "env_config": self.env_config.to_dict(),
            "training_config": self.training_config.to_dict(),
            "ranges": {item.name: item.to_dict() for item in self.ranges},
            "n_trials": self.n_trials,
            "n_at_once": self.n_at_once,
            "objective": self.objective,
            "sampler": self.sampler,
            "seed": self.seed,
            "prunes": self.prunes,
            "started": self.started,
            "command": self.command,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StudyConfig":
        """Makes one of what ``to_dict`` gave.

        Raises:
            ConfigError, KeyError, TypeError: if it is something else.
        """
        plain = {name: values[name] for name in _PLAIN}
        for name, kind in _PLAIN.items():
            if type(plain[name]) is not kind:
                raise TypeError(f"{name} is not what it should be")
        if plain["objective"] not in OBJECTIVES or plain["sampler"] not in SAMPLERS:
            raise ConfigError("its objective or its sampler is none that this version knows")
        return cls(
            env_config=EnvConfig.from_dict(values["env_config"]),
            training_config=TrainingConfig.from_dict(values["training_config"]),
            ranges=tuple(Range.from_dict(name, item) for name, item in values["ranges"].items()),
            **plain,
        )


def _check_numbers(study: StudyConfig) -> None:
    for name, value, low, high in (
        ("trials", study.n_trials, 1, MAX_TRIALS),
        ("at-once", study.n_at_once, 1, MAX_AT_ONCE),
        ("seed", study.seed, 0, 2**32 - 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(
                f"--{name} takes a whole number from {low:,} to {high:,}; got {value!r}. Choose one in that range."
            )


def _check_sampler(study: StudyConfig) -> None:
    if study.sampler not in SAMPLERS:
        raise ConfigError(
            f"A sampler is one of {', '.join(SAMPLERS)}; got {study.sampler!r}.{suggestion(study.sampler, SAMPLERS)}"
        )
    listed = [item.name for item in study.ranges if item.values]
    between = [item.name for item in study.ranges if not item.values]
    if study.sampler == "grid":
        if between:
            raise ConfigError(
                f"A grid is made of listed values, and {between[0]} has a low and a high one. "
                f"Write {study.range_of[between[0]].to_text()}:5 for five values between them."
            )
        n = study.n_combinations
        if n is not None and study.n_trials > n:
            raise ConfigError(
                f"This grid has {n:,} combinations, each tried once; got {study.n_trials:,} trials. Add --trials {n}."
            )
    if study.sampler == "cma-es" and (listed or len(between) < 2):
        raise ConfigError(
            "cma-es varies two numbers or more, each from a low to a high one; got "
            f"{', '.join(item.to_text() for item in study.ranges)}. Choose --sampler tpe, or other ranges."
        )


def _check_pruning(study: StudyConfig) -> None:
    config = study.training_config
    if study.prunes and config.total_timesteps // config.evaluate_every <= _FEWEST_TO_PRUNE:
        raise ConfigError(
            "Pruning compares trials at their evaluations on the way, more than "
            f"{_FEWEST_TO_PRUNE} of them; got one every {config.evaluate_every:,} of {config.total_timesteps:,} "
            f"placements. Add --set evaluate_every={max(1, config.total_timesteps // 10)}."
        )


def create_study(home: Home, study: StudyConfig) -> StudyConfig:
    """Makes the folder of a new study.

    Raises:
        ConfigError: if it could not be carried out.
        HomeError: if the name is taken or not allowed, or the home cannot be written.
    """
    study.check()
    folder = home.study_folder(study.name)
    if study.name in _RESERVED or len(study.name) > _LONGEST_NAME:
        raise ConfigError(
            f"A study has a name of at most {_LONGEST_NAME} characters that is no command; got {study.name!r}. "
            "Choose another name."
        )
    taken = _run_in_the_way(home, study.name)
    if taken is not None:
        raise HomeError(
            f"Trials of {study.name!r} are the runs {study.run_name(0)} and so on, and {taken!r} is a run already. "
            "Choose another name."
        )
    begun = replace(
        study, started=datetime.now().astimezone().isoformat(timespec="seconds"), command=shlex.join(sys.argv)
    )
    home.secret()
    try:
        create_directory(folder, lambda hidden: _write(hidden, begun))
    except FileExistsError:
        raise HomeError(
            f"A new study needs a new name, and {study.name!r} is taken. "
            f"Go on with it by `tetrarium tune {study.name}`, or choose another name."
        ) from None
    except OSError as error:
        raise HomeError(
            f"The home {str(home.root)!r} cannot be used: {error.strerror}. "
            "Choose another home with --home or TETRARIUM_HOME."
        ) from error
    return begun


def rewrite_study(home: Home, study: StudyConfig) -> None:
    """Replaces what a study is by one with more trials.

    Raises:
        OSError: if it cannot be written; what was there before stays.
    """
    write_file(home.study_folder(study.name) / _CONFIG, _described(study))


def _write(folder: Path, study: StudyConfig) -> None:
    (folder / _CONFIG).write_bytes(_described(study))


def _described(study: StudyConfig) -> bytes:
    return (json.dumps({"format_version": _FORMAT_VERSION, **study.to_dict()}, indent=2) + "\n").encode()


def _run_in_the_way(home: Home, name: str) -> str | None:
    pattern = re.compile(re.escape(name) + r"-[0-9]{4}")
    found = home.runs.iterdir() if home.runs.is_dir() else ()
    return min((folder.name for folder in found if pattern.fullmatch(folder.name)), default=None)


def has_study(home: Home, name: str) -> bool:
    """Whether there is a study of that name."""
    return (home.study_folder(name) / _CONFIG).is_file()


def read_study_config(home: Home, name: str) -> StudyConfig:
    """Reads what a study is.

    Raises:
        HomeError: if there is none of that name, or it cannot be read.
    """
    path = home.study_folder(name) / _CONFIG
    try:
        return replace(StudyConfig.from_dict(read_object(path)), name=name)
    except (FileNotFoundError, NotADirectoryError):
        raise HomeError(
            f"There is no study {name!r} in {str(home.root)!r}. Begin one by `tetrarium tune {name} --vary …`."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HomeError(f"The study's {str(path)!r} cannot be read ({error}). Restore it from a copy.") from error


def study_names(home: Home) -> list[str]:
    """Names of all studies of a home."""
    found = home.studies.iterdir() if home.studies.is_dir() else ()
    return sorted(folder.name for folder in found if folder.name[0] != "." and (folder / _CONFIG).is_file())
