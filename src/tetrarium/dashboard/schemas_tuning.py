"""What goes in and out of the API about studies, as OpenAPI shows it."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from tetrarium.dashboard.schemas import NAME_PATTERN, Answer, Order, RunState, SettingGroup
from tetrarium.tuning.ranges import MAX_VALUES
from tetrarium.tuning.studies import MAX_AT_ONCE, MAX_TRIALS

__all__ = [
    "Choice",
    "ExtendStudy",
    "RangeOrder",
    "SettingShare",
    "StartStudy",
    "Study",
    "StudyCommand",
    "StudyDetails",
    "Trial",
    "TuningCatalogue",
]

Objective = Literal["lines", "evaluation", "placements-to-goal"]
Sampler = Literal["tpe", "random", "grid", "cma-es"]
Value = bool | int | float | str | list[int | str]
_STATE_HELP: Final = "Of its tuner. `dead`: its process ended without a word; it can go on."


class Choice(Answer):
    """One of several ways."""

    name: str = Field(description="As a study takes it.", examples=["tpe"])
    meaning: str = Field(description="One line for people.", examples=["tries anything, whatever came before"])


class TuningCatalogue(Answer):
    """What a study can be made of."""

    groups: list[SettingGroup] = Field(description="Settings that may be varied, in the order of a form.")
    objectives: list[Choice] = Field(description="By what trials are judged; the first is taken without a word.")
    samplers: list[Choice] = Field(description="How trials are drawn; the first is taken without a word.")
    most_trials: int = Field(description="Of a study.", examples=[MAX_TRIALS])
    most_at_once: int = Field(description="Trials side by side.", examples=[MAX_AT_ONCE])


class RangeOrder(Order):
    """Over what a setting varies: listed values, or all from a low to a high one."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"low": 1e-4, "high": 1e-2, "log": True}]},
    )
    values: Annotated[list[Value], Field(max_length=MAX_VALUES)] = Field(default=[], description="Those it takes.")
    low: int | float | None = Field(default=None, description="The smallest, where none are listed.")
    high: int | float | None = Field(default=None, description="The largest.")
    log: bool = Field(default=False, description="Whether orders of magnitude count alike.")
    n_values: int | None = Field(default=None, description="How many, evenly spread; any without it.")


class StartStudy(Order):
    """A study to begin."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "rates",
                    "preset": "quick",
                    "vary": {"n_steps": {"values": [1, 2, 3]}, "gamma": {"low": 0.8, "high": 0.98}},
                    "n_trials": 12,
                }
            ]
        },
    )  # fmt: skip
    name: str = Field(pattern=NAME_PATTERN, description="Its trials are the runs NAME-0001 and so on.")
    preset: str = Field(default="default", max_length=64, description="What all trials share, but for")
    settings: Annotated[dict[str, Any], Field(max_length=200)] = Field(
        default={}, description="settings that are others in all of them, by name."
    )
    vary: Annotated[dict[str, RangeOrder], Field(max_length=200)] = Field(description="What differs, by name.")
    n_trials: int = Field(default=20, description="How many; more later.")
    n_at_once: int = Field(default=1, description="How many side by side.")
    objective: Objective = Field(default="lines", description="By what they are judged.")
    sampler: Sampler = Field(default="tpe", description="How they are drawn.")
    seed: int = Field(default=0, description="Of what is drawn: same seed, same trials.")
    prunes: bool = Field(default=False, description="Whether trials below the median of the others are stopped early.")


class ExtendStudy(Order):
    """How a study goes on."""

    n_trials: int | None = Field(default=None, description="How many by then; no fewer than before.", examples=[40])
    n_at_once: int | None = Field(default=None, description="How many side by side from now on.", examples=[2])


class StudyCommand(Order):
    """What its tuner is told."""

    command: Literal["status", "pause", "resume", "stop"] = Field(
        description="`stop` stops its trials with checkpoints."
    )


class Study(Answer):
    """A study, as it stands."""

    name: str = Field(description="Its folder's name in the home.", examples=["rates"])
    state: RunState = Field(description=_STATE_HELP, examples=["running"])
    message: str = Field(description="The latest word for people.", examples=["rates-0003 is done."])
    error: str = Field(description="Why it failed, or empty.", examples=[""])
    is_alive: bool = Field(description="Whether a process carries it out now.")
    preset: str = Field(description="What its trials share.", examples=["quick"])
    objective: Objective = Field(description="By what trials are judged.")
    sampler: Sampler = Field(description="How trials are drawn.")
    seed: int = Field(description="Of what is drawn.", examples=[0])
    prunes: bool = Field(description="Whether trials below the median of the others are stopped early.")
    n_trials: int = Field(description="Asked for.", examples=[20])
    n_at_once: int = Field(description="Side by side.", examples=[1])
    n_done: int = Field(description="Trials trained to their end and judged.", examples=[7])
    n_pruned: int = Field(description="Trials stopped early.", examples=[0])
    n_failed: int = Field(description="Trials that failed.", examples=[0])
    n_open: int = Field(description="Trials begun that have come to nothing yet.", examples=[1])
    best: int | None = Field(description="Number of the best trial.", examples=[4])
    best_value: float | None = Field(description="What it came to.", examples=[812.5])
    started: str = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    command: str = Field(description="What began it.", examples=["tetrarium tune rates --vary n_steps=1,2,3"])
    ranges: dict[str, dict[str, Any]] = Field(
        description="What varies, by name: `values`, or `low`, `high` and `log`.",
        examples=[{"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}],
    )


class Trial(Answer):
    """One trial."""

    number: int = Field(description="From 1.", examples=[4])
    run: str = Field(description="The run that trains it.", examples=["rates-0004"])
    has_run: bool = Field(description="Whether that run is still there.")
    state: Literal["done", "pruned", "failed", "waiting"] | RunState = Field(
        description="What it came to, or what its run does.", examples=["done"]
    )
    params: dict[str, Any] = Field(description="What it tries.", examples=[{"learning_rate": 0.0012, "n_steps": 3}])
    value: float | None = Field(description="By the study's objective.", examples=[812.5])
    is_reached: bool = Field(description="Whether its goal was, where there is one.")
    lines: float | None = Field(description="A game, in the evaluation that decided.", examples=[812.5])
    n_games: int | None = Field(description="Of that evaluation.", examples=[20])
    n_cut_off: int | None = Field(description="Games of it that were still running at the cut.", examples=[3])
    step: int = Field(description="How far its training is.", examples=[41_200])
    total_steps: int = Field(description="How far it goes.", examples=[100_000])
    seconds: float = Field(description="Of training.", examples=[21.4])
    note: str = Field(description="Why it failed, say.", examples=[""])


class SettingShare(Answer):
    """How much a setting mattered."""

    name: str = Field(description="The setting.", examples=["learning_rate"])
    share: float = Field(description="Of all; the shares add up to 1.", examples=[0.7])


class StudyDetails(Study):
    """A study with its trials."""

    trials: list[Trial] = Field(description="By number.")
    seconds_left: float | None = Field(
        description="At the pace so far; null before that can be told.", examples=[340.0]
    )
    importances: list[SettingShare] = Field(description="The largest first; empty where nothing can be told.")
    importances_words: str = Field(
        description="How they were estimated and from how many trials, or why not.",
        examples=["Which settings mattered is told from 10 complete trials on; there are 4."],
    )
    best_command: str | None = Field(
        description="What trains the best trial again.", examples=["tetrarium train --preset quick --set n_steps=3"]
    )
