"""Studies whose trials are written rather than trained."""

from collections.abc import Sequence
from typing import Any

from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.tuning import Range, StudyConfig, create_study
from tetrarium.tuning.search_space import parse_range
from tetrarium.tuning.trial_storage import SampledParams, Storage, Trials

TINY: dict[str, Any] = {
    "n_envs": 4, "total_timesteps": 1_200, "learning_starts": 40, "batch_size": 16, "net_arch": (8,),
    "buffer_size": 1_000, "checkpoint_every": 200, "keep_checkpoints": 100, "evaluate_every": 400,
    "evaluation_games": 2, "evaluation_pieces": 50,
}  # fmt: skip
RANGES = ("learning_rate=1e-4..1e-2:log", "n_steps=1,2,3")


def study(name: str = "first", *, ranges: Sequence[str] = RANGES, **others: Any) -> StudyConfig:
    """A study of tiny trials."""
    parsed: tuple[Range, ...] = tuple(parse_range(text) for text in ranges)
    training = TrainingConfig(**{**TINY, **others.pop("training", {})})
    asked = StudyConfig.of_preset(name, "default", ranges=parsed, **others)
    return StudyConfig(**{**{key: getattr(asked, key) for key in FIELDS}, "training_config": training})


RESULT = {"lines": 7.0, "n_games": 20, "n_cut_off": 3, "step": 1_200, "seconds": 12.0, "is_reached": True}
FIELDS = (
    "name", "preset", "env_config", "ranges", "n_trials", "n_at_once", "objective", "sampler", "seed", "prunes",
)  # fmt: skip


def created(home: Home, asked: StudyConfig) -> Trials:
    """Creates a study in a home; returns its trials."""
    return Trials(Storage(home), create_study(home, asked))


def rows(*lines: float, every: int = 400) -> list[dict[str, float | None]]:
    """Rows of ``evaluations.csv``."""
    return [
        {"decided_step": (place + 1) * every, "step": (place + 1) * every, "lines_until_limit": value, "n_games": 20,
         "survival": 3, "max_pieces": 2_000, "seed": 1_000, "is_best": 1}
        for place, value in enumerate(lines)
    ]  # fmt: skip


def complete(home: Home, asked: StudyConfig, values: Sequence[float], *, n_runs: int = 0) -> Trials:
    """Creates a study with complete trials of these values; the first ``n_runs`` have runs."""
    trials = created(home, asked)
    for value in values:
        params = trials.sample().params
        if len(trials.all()) < n_runs:
            env_config, training_config = asked.configs(params)
            create_run(home, asked.run_name(len(trials.all())), env_config, training_config, preset=asked.preset)
        running = trials.add(SampledParams(params=params))
        trials.finish(running, "complete", value, evaluations=rows(value / 2, value), about=RESULT)
    return trials
