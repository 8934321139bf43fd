"""What goes in and out of the API, as OpenAPI shows it.

What comes in is strict: no unknown keys, no text where a number belongs. Whether a setting's value is allowed is the
configs' own matter.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "NAME_PATTERN",
    "WHAT_PATTERN",
    "About",
    "Answer",
    "Failure",
    "Mode",
    "Order",
    "Player",
    "PolicyEntry",
    "PresetEntry",
    "Run",
    "RunDetail",
    "RunState",
    "SettingField",
    "SettingGroup",
    "SettingGroups",
    "StartPlayer",
    "StartRun",
]

NAME_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"  # of runs, as the home has it
WHAT_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}(@(best|[0-9]{1,15}))?$"

What = Annotated[str, Field(pattern=WHAT_PATTERN)]
Mode = Literal["headless", "live", "every-move"]


class Answer(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True)


class Order(BaseModel):
    """What comes in."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Failure(Answer):
    """Why something was not done."""

    model_config = ConfigDict(
        frozen=True, json_schema_extra={"examples": [{"error": "width is a whole number from 4 to 16; got 3. …",
                                                      "field": "width"}]}
    )  # fmt: skip
    error: str = Field(description="The rule, the value that broke it, and the remedy, in one line.")
    field: str | None = Field(default=None, description="The setting at fault, where it is one.")


class About(Answer):
    """The dashboard itself."""

    version: str = Field(description="Of tetrarium.", examples=["0.1.0"])
    home: str = Field(description="Folder in which runs are kept.", examples=["/home/ada/.local/share/tetrarium"])
    token_needed: bool = Field(description="Whether requests need a token, because others can reach this server.")


class PresetEntry(Answer):
    """A named way of training."""

    name: str = Field(description="As a run takes it.", examples=["quick"])
    meaning: str = Field(description="One line for people.", examples=["the default game in a quarter of the time"])
    env_config: dict[str, Any] = Field(description="Every setting of the game.", examples=[{"width": 10, "height": 20}])
    training_config: dict[str, Any] = Field(description="Every setting of training.", examples=[{"gamma": 0.9}])


class SettingField(Answer):
    """One setting, as a form needs it."""

    config: Literal["env", "training"] = Field(description="Whose it is: the game's or the training's.")
    name: str = Field(description="As a run takes it.", examples=["learning_rate"])
    help: str = Field(description="One line for people.", examples=["step size of Adam at the start"])
    type: Literal["bool", "int", "float", "str", "list"] = Field(description="What its values are.")
    items: Literal["int", "str"] | None = Field(description="Of what a list is.", examples=["int"])
    default: Any = Field(description="What it is if it is left out and no preset says otherwise.", examples=[0.003])
    low: float | None = Field(description="Smallest number allowed.", examples=[1e-12])
    high: float | None = Field(description="Largest number allowed.", examples=[10.0])
    choices: list[str] = Field(
        description="Words allowed, in a list too; empty where any are.", examples=[["relu", "tanh"]]
    )
    nullable: bool = Field(description="Whether it may be left empty.")


class SettingGroup(Answer):
    """Settings that belong together."""

    name: str = Field(description="A word for people.", examples=["learning"])
    fields: list[SettingField] = Field(description="In the order of a form.")


class SettingGroups(Answer):
    """All settings of a run."""

    groups: list[SettingGroup] = Field(description="In the order of a form.")


class PolicyEntry(Answer):
    """Something that can play."""

    name: str = Field(description="As a player takes it.", examples=["run-1@best"])
    kind: Literal["run", "best", "controller", "champion", "model"] = Field(
        description="A run's latest checkpoint, the weights of a run that did best, a published controller, "
        "a model that comes with the package, or a saved one."
    )


class StartRun(Order):
    """A run to begin."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"preset": "quick", "settings": {"gamma": 0.8}, "name": "first", "seed": 1}]},
    )
    preset: str = Field(default="default", max_length=64, description="What the settings change.")
    settings: Annotated[dict[str, Any], Field(max_length=200)] = Field(
        default={},
        description="Settings of game and training that differ from the preset's, by name; what is wrong with one is "
        "told as the setting itself has it.",
    )
    name: str | None = Field(default=None, pattern=NAME_PATTERN, description="Numbered without one.")
    seed: int | None = Field(default=None, description="Same seed, same result.")
    target_lines: int | None = Field(default=None, description="Stop once a single game has so many lines.")
    start_from: str | None = Field(
        default=None, pattern=WHAT_PATTERN, description="Whose weights it begins with: a run, NAME@best or NAME@STEP."
    )
    mode: Mode = Field(default="live", description="How it is watched.")


RunState = Literal["starting", "running", "paused", "stopping", "stopped", "finished", "failed", "dead"]
_STATE_HELP: Final = "`dead`: its process ended without a word; it can be resumed."


class Run(Answer):
    """A training run, as it stands."""

    name: str = Field(description="Its folder's name in the home.", examples=["first"])
    state: RunState = Field(description=_STATE_HELP, examples=["running"])
    step: int = Field(description="Placements learnt from so far, of all games together.", examples=[41_200])
    total_steps: int = Field(description="Placements asked for.", examples=[400_000])
    error: str = Field(description="Why it failed, or empty.", examples=[""])
    message: str = Field(
        description="The latest word for people.", examples=["Paused at step 41,200. Nothing is lost."]
    )
    algorithm: str = Field(description="How it learns.", examples=["dqn"])
    preset: str | None = Field(description="What its settings were made of, where it is known.", examples=["quick"])
    seed: int = Field(description="Same seed, same result.", examples=[1])
    started: str | None = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    seconds: float = Field(description="Of training, pauses left out.", examples=[41.3])
    mean_lines_game: float | None = Field(description="Of the latest games, running ones included.", examples=[1_204.5])
    best_lines_game: int | None = Field(description="Most lines in one game.", examples=[3_998])
    games_ended: int | None = Field(description="So far.", examples=[512])
    steps_per_second: float | None = Field(description="Placements learnt from.", examples=[5_310.2])
    command: str = Field(description="What started it.", examples=["tetrarium train --preset quick"])
    checkpoints: list[int] = Field(description="Steps at which checkpoints lie in its folder.", examples=[[100_000]])
    has_best: bool = Field(description="Whether the weights that did best are kept, as NAME@best.")
    is_alive: bool = Field(description="Whether a worker trains it now.")


class RunDetail(Run):
    """A run and what it was started with."""

    config: dict[str, Any] = Field(
        description="As its config.json has it.",
        examples=[{"env_config": {"width": 10}, "training_config": {"gamma": 0.9}, "start_from": None}],
    )


class StartPlayer(Order):
    """A demonstration to begin: of one who plays alone, or of up to nine at a table."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"what": "first@best", "seed": 0, "pieces_per_second": 10},
                {"seats": ["first@best", "dellacherie"], "together": True, "protocol": "default"},
            ],
        },
    )
    what: What | None = Field(
        default=None, description="Who plays alone: a run, NAME@best, NAME@STEP, a model, or a controller's name."
    )
    seats: list[What] | None = Field(
        default=None, min_length=1, max_length=9, description="Who plays at a table, each as `what`; may repeat."
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Which games.")
    pieces_per_second: float = Field(default=10, ge=1, le=1000, strict=False, description="The pace at first.")
    protocol: str | None = Field(
        default=None, max_length=64, description="Whose game all play; without it each plays the one it was made for."
    )
    same_pieces: bool = Field(default=True, description="Whether game k has the same pieces at every seat of a table.")
    together: bool = Field(
        default=False, description="Whether each game begins at all seats at once; who has lost waits for the others."
    )


class Player(Answer):
    """A player, as it stands."""

    id: str = Field(description="Its folder's name in the home.", examples=["9f3a01c2"])
    what: str = Field(description="Who plays; at a table, with commas between them.", examples=["first@best"])
    env_config: dict[str, Any] | None = Field(
        description="The game; null for the one it was trained for.", examples=[None]
    )
    seed: int = Field(description="Which games.", examples=[0])
    pieces_per_second: float = Field(description="At its start.", examples=[10.0])
    started: str = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    seats: list[str] = Field(description="Who plays at a table; empty where one plays alone.")
    same_pieces: bool = Field(description="Whether game k has the same pieces at every seat.")
    together: bool = Field(description="Whether each game begins at all seats at once.")
    state: RunState = Field(description=_STATE_HELP, examples=["running"])
    message: str = Field(description="The latest word for people.", examples=["Playing."])
    error: str = Field(description="Why it failed, or empty.", examples=[""])
    is_alive: bool = Field(description="Whether its process lives.")
