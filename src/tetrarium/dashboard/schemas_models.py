"""What goes in and out of the API about saved models, the leaderboard, and the work on them."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from tetrarium.dashboard.schemas import NAME_PATTERN, WHAT_PATTERN, Answer, Order

__all__ = [
    "ChangeVersion",
    "Job",
    "LeaderboardAnswer",
    "LeaderboardRow",
    "ModelAnswer",
    "ModelEntry",
    "ModelScore",
    "ModelVersionAnswer",
    "ProtocolEntry",
    "Restore",
    "SaveModel",
    "ScoreAnswer",
    "StartJob",
]

TAG_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$"
SPEC_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}(@[1-9][0-9]{0,8})?$"
_MOST_TAGS: Final = 32
_MOST_NOTE: Final = 10_000

What = Annotated[str, Field(pattern=WHAT_PATTERN)]
Tag = Annotated[str, Field(pattern=TAG_PATTERN)]
Protocol = Annotated[str, Field(max_length=64, description="A name of GET /api/protocols.", examples=["default"])]


class ProtocolEntry(Answer):
    """A named way of measuring: the same game, pieces and cut for everybody."""

    name: str = Field(description="As other requests take it.", examples=["default"])
    meaning: str = Field(description="One line for people.", examples=["the default game, 100 games of up to 10,000"])
    width: int = Field(description="Columns of the board.", examples=[10])
    height: int = Field(description="Visible rows.", examples=[20])
    randomizer: str = Field(description="How pieces come.", examples=["7-bag"])
    n_games: int = Field(description="Games that are played.", examples=[100])
    max_pieces: int = Field(description="Where a game is cut off.", examples=[10_000])
    seed: int = Field(description="Which games.", examples=[20_000])


class ScoreAnswer(Answer):
    """What an evaluation found; nothing here was computed from anything else."""

    measured_s: float = Field(description="When, in seconds since 1970.", examples=[1_795_381_200.0])
    mean_lines: float | None = Field(description="Lines a game; null where no game ended.", examples=[1_204.3])
    low: float = Field(description="Lower end of the mean's interval.", examples=[1_144.0])
    high: float | None = Field(description="Upper end; null where no game ended.", examples=[1_264.0])
    interval_kind: str = Field(description="chi-square, bootstrap or lower bound.", examples=["bootstrap"])
    confidence: float = Field(description="Of the interval.", examples=[0.95])
    median_lines: float = Field(description="Of games as played, up to the cut.", examples=[980.0])
    n_games: int = Field(description="That were played.", examples=[100])
    n_cut_off: int = Field(description="That were still running at the cut.", examples=[3])
    share_cut_off: float = Field(description="Of all games.", examples=[0.03])
    max_pieces: int = Field(description="Where games were cut off.", examples=[10_000])
    lines_per_game: float = Field(description="As played: all lines by all games.", examples=[1_190.2])
    pieces_per_second: float = Field(description="While it was measured, on that machine.", examples=[210_000.0])


class LeaderboardRow(Answer):
    """One who plays: a saved model, one that comes with the package, a controller, or a score whose model is gone."""

    player: str = Field(description="As it can be named.", examples=["first@2"])
    kind: Literal["model", "champion", "controller", "gone"] = Field(description="What it is.")
    model: str | None = Field(description="The model's name, where it is one.", examples=["first"])
    version: int | None = Field(description="Which version of it.", examples=[2])
    n_versions: int | None = Field(description="How many versions there are.", examples=[3])
    is_promoted: bool = Field(description="Whether it was chosen to stand for the model's name.")
    algorithm: str | None = Field(description="How it was trained.", examples=["dqn"])
    step: int | None = Field(description="Placements that it learnt from.", examples=[400_000])
    tags: list[str] = Field(description="Short words to find it by.")
    note: str = Field(description="First line of its note.", examples=["the one from Tuesday"])
    score: ScoreAnswer | None = Field(description="Null until it is measured under this protocol.", examples=[None])


class LeaderboardAnswer(Answer):
    """Everybody under one protocol, the best first, those without a score last."""

    protocol: ProtocolEntry = Field(description="How scores were measured.")
    rows: list[LeaderboardRow] = Field(description="The best first.")


class ModelVersionAnswer(Answer):
    """One version of a model."""

    spec: str = Field(description="What names it.", examples=["first@2"])
    name: str = Field(description="The model's.", examples=["first"])
    number: int = Field(description="Versions count from 1.", examples=[2])
    saved_s: float = Field(description="When, in seconds since 1970.", examples=[1_795_381_200.0])
    algorithm: str = Field(description="How it was trained.", examples=["dqn"])
    step: int = Field(description="Placements that it learnt from.", examples=[400_000])
    seed: int | None = Field(description="Of its training.", examples=[1])
    training_config: dict[str, Any] = Field(description="As it was trained.", examples=[{"gamma": 0.9}])
    env_config: dict[str, Any] = Field(description="The game that it was trained for.", examples=[{"width": 10}])
    about: dict[str, str | int | float] = Field(description="Where it comes from.", examples=[{"run": "first"}])
    note: str = Field(description="What there is to say about it.", examples=["the one from Tuesday"])
    tags: list[str] = Field(description="Short words to find it by.")
    n_bytes: int = Field(description="Of its file.", examples=[120_000])
    sha256: str = Field(description="Of its weights.", examples=["9f3a…"])
    is_promoted: bool = Field(description="Whether it was chosen to stand for the model's name.")
    is_there: bool = Field(description="False where somebody removed the file.")
    trashed_s: float | None = Field(description="When it was deleted; null outside of the trash.", examples=[None])
    is_in_box: bool = Field(description="Whether it comes with the package, and so is not to be changed.")


class ModelEntry(Answer):
    """A model in the list of all."""

    name: str = Field(description="A slot's name.", examples=["first"])
    n_versions: int = Field(description="How many versions there are; none is overwritten.", examples=[3])
    current: ModelVersionAnswer = Field(description="What the name alone stands for.")


class ModelScore(ScoreAnswer):
    """A score of one version."""

    number: int = Field(description="Whose.", examples=[2])
    protocol: str = Field(description="How it was measured.", examples=["default"])


class ModelAnswer(Answer):
    """A model with all of its versions."""

    name: str = Field(description="A slot's name.", examples=["first"])
    current: int = Field(description="Number of the version that the name alone stands for.", examples=[2])
    is_in_box: bool = Field(description="Whether it comes with the package, and so is not to be changed.")
    versions: list[ModelVersionAnswer] = Field(description="Oldest first.")
    scores: list[ModelScore] = Field(description="Whatever was measured of any version.")


class SaveModel(Order):
    """What to save as a version of a model."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid",
        json_schema_extra={"examples": [{"what": "first", "name": "mine", "note": "plays for ever", "fresh": True}]},
    )  # fmt: skip
    what: What = Field(description="A run, NAME@best, NAME@STEP, or a model, of which a copy is made.")
    name: str = Field(pattern=NAME_PATTERN, description="The model's; it is made if there is none.")
    note: str = Field(default="", max_length=_MOST_NOTE, description="What there is to say about it.")
    tags: list[Tag] = Field(default=[], max_length=_MOST_TAGS, description="Short words to find it by.")
    fresh: bool = Field(
        default=False, description="Whether a run under way saves a checkpoint first, so that what it has learnt by "
        "now is saved, and not its latest checkpoint."
    )  # fmt: skip


class ChangeVersion(Order):
    """What is to be different about a version; what is left out stays."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid",
        json_schema_extra={"examples": [{"note": "the one from Tuesday", "tags": ["good"], "promoted": True}]},
    )  # fmt: skip
    note: str | None = Field(default=None, max_length=_MOST_NOTE, description="In place of what was said.")
    tags: list[Tag] | None = Field(default=None, max_length=_MOST_TAGS, description="In place of those it has.")
    promoted: Literal[True] | None = Field(default=None, description="The name alone stands for it from now on.")


class Restore(Order):
    """What comes back from the trash."""

    spec: str = Field(
        pattern=SPEC_PATTERN, description="NAME@VERSION, or NAME for all of its versions.", examples=["first@2"]
    )


class Measure(Order):
    """Evaluate under a protocol, for the leaderboard."""

    kind: Literal["measure"] = Field(description="Which one.")
    what: str = Field(pattern=SPEC_PATTERN, description="A model, or a controller's name.", examples=["first@2"])
    protocol: Protocol = "default"


class Compare(Order):
    """Let two play the same pieces, and say whether one is better."""

    kind: Literal["compare"] = Field(description="Which one.")
    one: What = Field(description="A model, a run or a controller.", examples=["first@2"])
    other: What = Field(description="Another one.", examples=["dellacherie"])
    protocol: Protocol = "default"
    games: int | None = Field(
        default=None, ge=1, le=10_000, description="How many; the protocol's if left out.", examples=[1_000]
    )
    max_pieces: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Where games are cut off; the protocol's if left out.",
        examples=[10_000],
    )


class Record(Order):
    """Draw a game as a GIF."""

    kind: Literal["record"] = Field(description="Which one.")
    what: What = Field(description="A model, a run or a controller.", examples=["first@2"])
    protocol: str | None = Field(
        default=None,
        max_length=64,
        description="Whose game; the one it was trained for if left out.",
        examples=["default"],
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Which games.")
    game: int = Field(default=0, ge=0, lt=10**6, description="Which one of them.")
    max_pieces: int = Field(default=200, ge=1, le=1_000, description="Where it stops.")
    speed: float = Field(default=10, ge=1, le=50, strict=False, description="Pieces a second.")
    scale: int = Field(default=16, ge=4, le=32, description="Pixels of a cell.")


StartJob = Annotated[Measure | Compare | Record, Field(discriminator="kind")]


class Job(Answer):
    """A piece of work on models, as it stands."""

    id: str = Field(description="Its folder's name in the home.", examples=["9f3a01c2"])
    kind: str = Field(description="measure, compare, record, save or import.", examples=["measure"])
    values: dict[str, Any] = Field(description="What was asked for.", examples=[{"what": "first@2"}])
    started: str = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    state: Literal["starting", "running", "finished", "failed", "cancelled", "dead"] = Field(
        description="`dead`: its process ended without a word."
    )
    message: str = Field(description="The latest word for people.", examples=["first@2 plays."])
    error: str = Field(description="Why it failed, or empty.", examples=[""])
    share_done: float | None = Field(description="From 0 to 1; null where it cannot be told.", examples=[0.4])
    games_done: int | None = Field(description="Games that have ended or were cut off.", examples=[40])
    n_games: int | None = Field(description="Games that are played.", examples=[100])
    pieces_total: int | None = Field(description="Pieces placed so far.", examples=[41_200])
    result: dict[str, Any] | None = Field(description="What it came to, once it has finished.", examples=[None])
    has_file: bool = Field(description="Whether it left a file to fetch.")
    is_alive: bool = Field(description="Whether its process lives.")
