"""Configuration of a study: its search space, and the game, budget and objective that its trials share.

It is stored in ``tuning/NAME/study.json`` in the home. The folder is created together with the file, so a name is
either free or a study. A random id distinguishes it from earlier studies of the same name. Trials are stored in
``tuning.db`` (see ``trial_storage``) and are runs called ``NAME-0001`` and so on.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tetrarium.engine.rules import require_instance
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, EntryNotFoundError, HomeError, suggestion
from tetrarium.registry import NAME_RULE, Home, NameRule
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.files.safe_files import read_object
from tetrarium.registry.home import natural_key
from tetrarium.training import TrainingConfig
from tetrarium.training.devices import require_device
from tetrarium.training.presets import ENV_SETTINGS, find_preset
from tetrarium.training.requirements import require_trainable
from tetrarium.tuning.objectives import OBJECTIVES, check_objective
from tetrarium.tuning.search_space import Range, require_used_by

MAX_TRIALS: Final = 9_999
MAX_AT_ONCE: Final = 64
SAMPLERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tpe": "Tree-structured Parzen estimator; the first ten trials are random",
        "random": "independent random values",
        "grid": "every combination of the listed values once",
        "cma-es": "covariance matrix adaptation; two or more numeric settings with bounds",
    }
)
# Names of commands and of API paths.
RESERVED_NAMES: Final = ("list", "show", "settings", "pause", "resume", "continue", "stop", "delete", "options")
# Fields that JSON holds as they are, with their types.
PLAIN_FIELDS: Final = {
    "name": str, "preset": str, "n_trials": int, "n_at_once": int, "objective": str, "sampler": str, "seed": int,
    "prunes": bool, "started": str, "command": str,
}  # fmt: skip
STUDY_CONFIG: Final = "study.json"
_FORMAT_VERSION: Final = 1
STUDY_NAME_RULE: Final = NameRule(NAME_RULE.max_length - len("-0001"))
_MIN_EVALUATIONS_TO_PRUNE: Final = 3  # with fewer, pruning saves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """One study; ``check`` validates it.

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
    first: Mapping[str, Any] = field(default_factory=dict)  # values of the first trial, as JSON holds them
    started: str = ""  # ISO 8601
    command: str = ""
    id: str = field(default="", compare=False)  # assigned when it is created; empty in studies of earlier versions
    range_of: Mapping[str, Range] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_instance("ranges", self.ranges, tuple)
        for item in self.ranges:
            require_instance("ranges", item, Range)
        require_instance("prunes", self.prunes, bool)
        object.__setattr__(self, "range_of", {item.name: item for item in self.ranges})

    @classmethod
    def of_preset(cls, name: str, preset: str, **others: Any) -> "StudyConfig":
        """Makes a study whose trials share the configs of a preset."""
        base = find_preset(preset)
        return cls(name=name, preset=preset, env_config=base.env_config, training_config=base.training_config, **others)

    def run_name(self, number: int) -> str:
        """Returns the name of the run of a trial; the first has number 0."""
        return f"{self.name}-{number + 1:04d}"

    def configs(self, params: Mapping[str, Any]) -> tuple[EnvConfig, TrainingConfig]:
        """Returns the configs of a trial.

        Raises:
            ConfigError: if these values are invalid together.
        """
        game = {name: value for name, value in params.items() if name in ENV_SETTINGS}
        training = {name: value for name, value in params.items() if name not in ENV_SETTINGS}
        env_config = self.env_config.with_changes(**game)
        env_config.rules()
        return env_config, self.training_config.with_changes(**training)

    @property
    def first_params(self) -> dict[str, Any]:
        """Parameters of the first trial as the configs take them; empty if they are sampled."""
        return {name: tuple(value) if isinstance(value, list) else value for name, value in self.first.items()}

    @property
    def n_combinations(self) -> int | None:
        """Number of combinations of listed values; None if a range has bounds instead."""
        product = 1
        for item in self.ranges:
            if not item.values:
                return None
            product *= len(item.values)
        return product

    def check(self) -> None:
        """Validates the study.

        Raises:
            ConfigError: if it breaks a rule.
        """
        _check_numbers(self)
        if not self.ranges:
            raise ConfigError(
                "A study varies at least one setting; got none. Add, for example, --vary learning_rate=1e-4..1e-2:log.",
                field="ranges",
            )
        names = [item.name for item in self.ranges]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"A setting is varied once; got {name} twice. Omit one.", field=name)
        algorithms = self.range_of["algorithm"].values if "algorithm" in names else (self.training_config.algorithm,)
        for name in names:
            require_used_by(name, algorithms)
        check_objective(self.objective, self.training_config)
        _check_sampler(self)
        _check_pruning(self)
        require_device(self.training_config.device)
        for place in (0, -1):  # the ends of all ranges at once, not every combination
            require_trainable(*self.configs({item.name: item.examples[place] for item in self.ranges}))

    def with_trials(self, n_trials: int | None, n_at_once: int | None) -> "StudyConfig":
        """Returns the study with more trials or another number of concurrent ones; nothing else may change.

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
                f"trials must be at least the {self.n_trials:,} that study {self.name!r} has; got {n_trials:,}. "
                "Choose more, or start another study.",
                field="n_trials",
            )
        changed.check()
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Returns the study as JSON can hold it."""
        return {
            **{name: getattr(self, name) for name in PLAIN_FIELDS},
            "id": self.id,
            "env_config": self.env_config.to_dict(),
            "training_config": self.training_config.to_dict(),
            "ranges": {item.name: item.to_dict() for item in self.ranges},
            "first": dict(self.first),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StudyConfig":
        """Makes a study of what ``to_dict`` returned.

        Raises:
            ConfigError: if ``values`` is malformed.
        """
        require_instance("study", values, Mapping)
        values = {"id": "", "first": {}, **values}
        kinds = {**PLAIN_FIELDS, "id": str, "first": dict, "env_config": dict, "training_config": dict, "ranges": dict}
        for name, kind in kinds.items():
            if type(values.get(name)) is not kind:
                raise ConfigError(f"its {name} is missing or has the wrong type", field=name)
        plain = {name: values[name] for name in (*PLAIN_FIELDS, "id", "first")}
        if plain["objective"] not in OBJECTIVES or plain["sampler"] not in SAMPLERS:
            raise ConfigError("its objective or its sampler is unknown to this version")
        return cls(
            env_config=EnvConfig.from_dict(values["env_config"]),
            training_config=TrainingConfig.from_dict(values["training_config"]),
            ranges=tuple(Range.from_dict(name, item) for name, item in values["ranges"].items()),
            **plain,
        )


def _check_numbers(study: StudyConfig) -> None:
    for option, name, low, high in (
        ("trials", "n_trials", 1, MAX_TRIALS),
        ("at-once", "n_at_once", 1, MAX_AT_ONCE),
        ("seed", "seed", 0, 2**32 - 1),
    ):
        value = getattr(study, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(
                f"--{option} takes a whole number from {low:,} to {high:,}; got {value!r}. Choose one in that range.",
                field=name,
            )


def _check_sampler(study: StudyConfig) -> None:
    if not isinstance(study.sampler, str) or study.sampler not in SAMPLERS:
        raise ConfigError(
            f"A sampler is one of {', '.join(SAMPLERS)}; got {study.sampler!r}.{suggestion(study.sampler, SAMPLERS)}",
            field="sampler",
        )
    listed = [item.name for item in study.ranges if item.values]
    between = [item.name for item in study.ranges if not item.values]
    if study.sampler == "grid":
        if between:
            raise ConfigError(
                f"A grid needs listed values, and {between[0]} has bounds. "
                f"Write {study.range_of[between[0]].to_text()}:5 for five values.",
                field=between[0],
            )
        n = study.n_combinations
        if n is not None and study.n_trials > n:
            raise ConfigError(
                f"This grid has {n:,} combinations; got {study.n_trials:,} trials. Add --trials {n}.", field="n_trials"
            )
    if study.sampler == "cma-es" and (listed or len(between) < 2):
        raise ConfigError(
            "cma-es needs two or more numeric settings with bounds; got "
            f"{', '.join(item.to_text() for item in study.ranges)}. Choose --sampler tpe, or other ranges.",
            field="sampler",
        )


def _check_pruning(study: StudyConfig) -> None:
    config = study.training_config
    if study.prunes and config.total_timesteps // config.evaluate_every <= _MIN_EVALUATIONS_TO_PRUNE:
        raise ConfigError(
            f"Pruning needs more than {_MIN_EVALUATIONS_TO_PRUNE} evaluations of a trial; got one every "
            f"{config.evaluate_every:,} of {config.total_timesteps:,} "
            f"placements. Add --set evaluate_every={max(1, config.total_timesteps // 10)}.",
            field="prunes",
        )


def rewrite_study(home: Home, study: StudyConfig) -> None:
    """Replaces the stored configuration of a study.

    Raises:
        OSError: if it cannot be written; the old one then remains.
    """
    write_file(home.study_folder(study.name) / STUDY_CONFIG, study_json(study))


def study_json(study: StudyConfig) -> bytes:
    return (json.dumps({"format_version": _FORMAT_VERSION, **study.to_dict()}, indent=2) + "\n").encode()


def trial_runs(home: Home, name: str) -> list[str]:
    """Returns the names of all runs that are named like trials of a study."""
    pattern = re.compile(re.escape(name) + r"-[0-9]{4}")
    return [run for run in home.run_names() if pattern.fullmatch(run)]


def has_study(home: Home, name: str) -> bool:
    """Returns whether there is a study of that name, whose configuration may be damaged or missing."""
    return Home.require(home).study_folder(name).is_dir()


def read_study_config(home: Home, name: str) -> StudyConfig:
    """Reads the configuration of a study.

    Raises:
        EntryNotFoundError: if there is no study of that name.
        HomeError: if it cannot be read.
    """
    folder = require_study(home, name)
    path = folder / STUDY_CONFIG
    try:
        return replace(StudyConfig.from_dict(read_object(path)), name=name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HomeError(
            f"The study's {str(path)!r} cannot be read ({error}). Restore it from a copy, or delete the study by "
            f"`tetrarium tune delete {name}`."
        ) from error


def require_study(home: Home, name: str) -> Path:
    """Returns the folder of a study.

    Raises:
        EntryNotFoundError: if there is no study of that name.
    """
    if not has_study(home, name):
        raise EntryNotFoundError(
            f"There is no study {name!r} in {str(home.root)!r}. Start one by `tetrarium tune {name} --vary …`."
        )
    return home.study_folder(name)


def study_names(home: Home) -> list[str]:
    """Returns the names of all studies of a home."""
    found = home.studies.iterdir() if Home.require(home).studies.is_dir() else ()
    names = (folder.name for folder in found if NAME_RULE.allows(folder.name) and folder.is_dir())
    return sorted(names, key=natural_key)
