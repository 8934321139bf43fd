"""What goes in and out of the API about finished and running runs alike: their history, checkpoints and replays."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tetrarium.dashboard.schemas import NAME_PATTERN, Answer, Mode, Order, Run

__all__ = [
    "REPLAY_PATTERN",
    "Branch",
    "Checkpoint",
    "Checkpoints",
    "History",
    "Prunable",
    "Prune",
    "Pruned",
    "Removed",
    "ReplayBoards",
    "ReplayEntry",
    "SortKey",
]

REPLAY_PATTERN = r"^(first|best-[0-9]{2}|last-[0-9]{2})$"
SortKey = Literal[
    "started", "name", "state", "step", "mean_lines_game", "best_lines_game", "steps_per_second", "algorithm", "seed"
]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class History(Answer):
    """Some of the runs, in the order that was asked for."""

    runs: list[Run] = Field(description="Those from the offset on, as many as the limit allows.")
    n_found: int = Field(description="How many the search and the states leave.", examples=[12])
    n_runs: int = Field(description="How many there are at all.", examples=[1_000])
    n_alive: int = Field(description="How many of all are under way.", examples=[1])
    n_by_state: dict[str, int] = Field(
        description="How many of those that the search leaves are in each state.", examples=[{"running": 1, "dead": 2}]
    )


class Checkpoint(Answer):
    """A checkpoint of a run."""

    step: int = Field(description="Placements learnt from when it was saved.", examples=[41_200])
    n_bytes: int = Field(description="Of its files.", examples=[9_400_000])
    saved: str = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    is_latest: bool = Field(description="Whether the run goes on from it.")
    is_best: bool = Field(description="Whether its weights did best in evaluation.")


class Checkpoints(Answer):
    """What a run keeps on the disk."""

    checkpoints: list[Checkpoint] = Field(description="In the order of their steps.")
    best_step: int | None = Field(
        description="Step of the weights that did best, kept as NAME@best; null before an evaluation.",
        examples=[30_000],
    )
    n_bytes: int = Field(description="Of the run as a whole.", examples=[24_000_000])


class Branch(Order):
    """A new run that begins as an exact copy of a checkpoint."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", json_schema_extra={"examples": [{"step": 41_200, "name": "second"}]}
    )
    step: int = Field(ge=0, description="Of the checkpoint.")
    name: str | None = Field(default=None, pattern=NAME_PATTERN, description="NAME-at-STEP without one.")
    mode: Mode = Field(default="live", description="How it is watched.")


class Removed(Answer):
    """What was removed."""

    name: str = Field(description="The run.", examples=["first"])
    n_bytes: int = Field(description="Freed.", examples=[24_000_000])


class Prune(Order):
    """Which checkpoints are to go."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", json_schema_extra={"examples": [{"names": ["first"], "keep": 1}]}
    )
    names: list[Name] | None = Field(default=None, max_length=1_000, description="Of which runs; of all without it.")
    keep: int = Field(default=1, ge=1, le=1_000, description="How many of a run's latest checkpoints stay.")


class Prunable(Answer):
    """What can go of one run."""

    name: str = Field(description="The run.", examples=["first"])
    steps: list[int] = Field(description="Of the checkpoints that go.", examples=[[10_000, 20_000]])
    n_bytes: int = Field(description="That this frees.", examples=[18_800_000])


class Pruned(Answer):
    """What went, or would go."""

    runs: list[Prunable] = Field(description="Those of which something goes.")
    n_bytes: int = Field(description="Of all together.", examples=[18_800_000])


class ReplayEntry(Answer):
    """A game of a run that was kept."""

    name: str = Field(description="`first`, `best-01` the best, `last-01` the latest.", examples=["best-01"])
    lines: int = Field(description="Rows that it cleared.", examples=[3_998])
    pieces: int = Field(description="Pieces that it placed.", examples=[10_000])
    is_over: bool = Field(description="Whether it ended by the rules; else it was cut off, or went on.")
    step: int | None = Field(description="Step of the run at which it ended, if it did.", examples=[41_200])
    seed: int = Field(description="Of its pieces, with `game`.", examples=[1])
    game: int = Field(description="Which game of the seed.", examples=[7])


class ReplayBoards(Answer):
    """Boards of a game, one after each of some pieces, as columns of equal length."""

    width: int = Field(description="Columns of the board.", examples=[10])
    height: int = Field(description="Visible rows.", examples=[20])
    first: int = Field(description="Pieces placed on the first of these boards.", examples=[200])
    n_pieces: int = Field(description="Of the whole game.", examples=[10_000])
    cells: list[str] = Field(
        description="As in `board-shown`, without the empty cells at the end.",
        examples=[["IIII..", "IIII..OO........OO"]],
    )
    queue: list[list[int]] = Field(description="The pieces in view, the current one first.", examples=[[[1, 4]]])
    held: list[int | None] = Field(description="The held piece, where there is one.", examples=[[None]])
    lines: list[int] = Field(description="Rows cleared so far.", examples=[[0]])
    score: list[int] = Field(description="Points so far.", examples=[[0]])
    placed: list[list[int]] = Field(
        description="Cells that the latest piece filled, before rows went.", examples=[[[0, 1, 2, 3]]]
    )
    cleared: list[list[int]] = Field(description="Rows that went with it.", examples=[[[]]])
    ghost: list[list[int]] = Field(
        description="Cells that the next piece is going to fill.", examples=[[[4, 5, 14, 15]]]
    )
