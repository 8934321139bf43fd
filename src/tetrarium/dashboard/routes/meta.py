"""Facts about the server and its version: ``/api/about``, ``/api/meta``, ``/api/presets``, ``/api/settings``."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from pydantic import Field, create_model

import tetrarium
from tetrarium.dashboard.http.access import Access
from tetrarium.dashboard.http.guard import MAX_BODY_BYTES
from tetrarium.dashboard.routes.history import MAX_RUNS, MAX_SEARCH_LENGTH, SORT_KEYS
from tetrarium.dashboard.routes.jobs import MAX_COMPARED_GAMES, MAX_COMPARED_PIECES, MAX_RECORDED_PIECES
from tetrarium.dashboard.routes.models import MAX_NOTE_LENGTH
from tetrarium.dashboard.routes.runs import MAX_POINTS
from tetrarium.dashboard.schemas import Choice, JsonRoute, ResponseModel
from tetrarium.dashboard.settings_form import SettingGroup, setting_groups
from tetrarium.engine.pieces import PIECES, orientation_cells
from tetrarium.environment.pictures.colors import PIECE_COLORS
from tetrarium.errors import error_classes
from tetrarium.evaluation import PROTOCOLS
from tetrarium.events import EVENT_CLASSES
from tetrarium.registry.bundles import MAX_BYTES_BUNDLE
from tetrarium.registry.files.safe_files import clean_text
from tetrarium.registry.home import NAME_RULE, TAG_RULE, Home, NameRule
from tetrarium.registry.run_tables import EPISODES, EVALUATIONS, PROGRESS, RunTable
from tetrarium.training.config import ALGORITHMS
from tetrarium.training.presets import PRESETS
from tetrarium.training.runs.control import MAX_SPEED, MIN_SPEED, MODES
from tetrarium.tuning import OBJECTIVES, SAMPLERS
from tetrarium.tuning.study import MAX_AT_ONCE, MAX_TRIALS, STUDY_NAME_RULE
from tetrarium.workers.human_play import human_game_control
from tetrarium.workers.human_play.input import PRESSES
from tetrarium.workers.processes.launcher import MAX_DEMOS, MAX_HUMAN_GAMES, MAX_SEATS
from tetrarium.workers.protocol.commands import MAX_BOARDS_PER_SECOND
from tetrarium.workers.protocol.status_files import PROCESS_STATES


class NameRuleResponse(ResponseModel):
    """Rule for a kind of name."""

    pattern: str = Field(
        description="Regular expression without anchors.", examples=["[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"]
    )
    max_length: int = Field(description="Largest number of characters.", examples=[64])
    text: str = Field(
        description="The rule as the end of a sentence.", examples=["has 1 to 64 letters from A to Z, digits, …"]
    )


class NamesResponse(ResponseModel):
    """Rules for all kinds of names."""

    entry: NameRuleResponse = Field(description="Names of runs and models.")
    study: NameRuleResponse = Field(description="Names of studies, shorter for the numbers of their trials.")
    tag: NameRuleResponse = Field(description="Tags of models.")


_LIMITS: Final[dict[str, tuple[float, str]]] = {
    "max_demos": (MAX_DEMOS, "Demos that run at once."),
    "max_seats": (MAX_SEATS, "Agents at a demo table."),
    "max_human_games": (MAX_HUMAN_GAMES, "Human games that run at once."),
    "max_level": (human_game_control.MAX_LEVEL, "Highest first level of a human game."),
    "max_seed": (human_game_control.MAX_SEED, "Largest seed of a demo, human game or job."),
    "min_speed": (MIN_SPEED, "Slowest pace of a run or demo in pieces per second."),
    "max_speed": (MAX_SPEED, "Fastest pace of a run or demo in pieces per second."),
    "min_opponent_speed": (human_game_control.MIN_PACE, "Slowest opponent in pieces per second."),
    "max_opponent_speed": (human_game_control.MAX_PACE, "Fastest opponent in pieces per second."),
    "max_boards_per_second": (MAX_BOARDS_PER_SECOND, "Highest rate of boards on the WebSocket."),
    "max_points": (MAX_POINTS, "Most rows of a run's table in one response."),
    "max_runs": (MAX_RUNS, "Most runs in one response of GET /api/history."),
    "max_search_length": (MAX_SEARCH_LENGTH, "Characters of a search in GET /api/history."),
    "max_note_length": (MAX_NOTE_LENGTH, "Characters of a version's note."),
    "max_compared_games": (MAX_COMPARED_GAMES, "Games of a comparison."),
    "max_compared_pieces": (MAX_COMPARED_PIECES, "Pieces of each game of a comparison."),
    "max_recorded_pieces": (MAX_RECORDED_PIECES, "Pieces of a recorded game."),
    "max_trials": (MAX_TRIALS, "Trials of a study."),
    "max_trials_at_once": (MAX_AT_ONCE, "Trials of a study that run in parallel."),
    "max_body_bytes": (MAX_BODY_BYTES, "Size of a request body."),
    "max_upload_bytes": (MAX_BYTES_BUNDLE, "Size of an imported model file."),
}
_LIMIT_FIELDS: Final[dict[str, Any]] = {
    name: (type(value), Field(description=meaning, examples=[value])) for name, (value, meaning) in _LIMITS.items()
}
LimitsResponse = create_model(
    "LimitsResponse",
    __base__=ResponseModel,
    __doc__="Largest and smallest values that the server accepts.",
    **_LIMIT_FIELDS,
)


class ColumnsResponse(ResponseModel):
    """Columns of a run's tables, in order."""

    progress: list[Choice] = Field(description="Columns of `progress.csv`.")
    episodes: list[Choice] = Field(description="Columns of `episodes.csv`.")
    evaluations: list[Choice] = Field(description="Columns of `evaluations.csv`.")


class PieceResponse(ResponseModel):
    """A piece; its index in the list is its number in events."""

    letter: str = Field(description="Its letter.", examples=["T"])
    spawn_cells: list[tuple[int, int]] = Field(
        description="Column and row of each cell in spawn orientation, from the leftmost column and the lowest row."
    )
    color: str = Field(description="Its color in pictures.", examples=["#a45cd6"])


class HumanGameModeResponse(ResponseModel):
    """A mode of human games."""

    name: str = Field(description="Its name in requests.", examples=["sprint"])
    lines: int | None = Field(description="Lines that end the game; null for an endless one.", examples=[40])
    meaning: str = Field(description="One sentence for people.", examples=["40 lines against the clock."])


class MetaResponse(ResponseModel):
    """Facts about this version; they do not change while the server runs."""

    names: NamesResponse = Field(description="Rules for names.")
    limits: LimitsResponse = Field(description="Limits of requests.")  # type: ignore[valid-type]
    columns: ColumnsResponse = Field(description="Columns of a run's tables.")
    pieces: list[PieceResponse] = Field(description="The seven pieces.")
    keys: list[str] = Field(description="Keys of a human game.")
    human_game_modes: list[HumanGameModeResponse] = Field(description="Modes of human games.")
    display_modes: list[str] = Field(description="Ways to watch a run.")
    run_states: list[str] = Field(description="States of runs, demos, human games and studies.")
    sort_keys: list[str] = Field(description="Fields by which GET /api/history sorts, besides settings.")
    event_kinds: list[str] = Field(description="Kinds of events on the WebSocket.")
    error_codes: list[str] = Field(description="Codes of errors, those of HTTP itself excepted.")
    algorithms: list[str] = Field(description="Learning algorithms.")
    presets: list[Choice] = Field(description="Named settings of a run.")
    protocols: list[Choice] = Field(description="Named ways to evaluate.")
    objectives: list[Choice] = Field(description="Objectives of studies; the first one is the default.")
    samplers: list[Choice] = Field(description="Samplers of studies; the first one is the default.")


class AboutResponse(ResponseModel):
    """The server."""

    version: str = Field(description="Version of tetrarium.", examples=["0.1.0"])
    home: str = Field(description="Home folder.", examples=["/home/ada/.local/share/tetrarium"])
    token_needed: bool = Field(
        description="Whether requests need a token, because other machines can reach the server."
    )


class PresetResponse(ResponseModel):
    """A named set of settings."""

    name: str = Field(description="Its name in requests.", examples=["quick"])
    meaning: str = Field(description="One line for people.", examples=["the default game in a quarter of the time"])
    env_config: dict[str, Any] = Field(
        description="Every setting of the environment.", examples=[{"width": 10, "height": 20}]
    )
    training_config: dict[str, Any] = Field(description="Every setting of training.", examples=[{"gamma": 0.9}])


class SettingsResponse(ResponseModel):
    """All settings of a run."""

    groups: list[SettingGroup] = Field(description="In the order of a form.")


def meta_routes(home: Home, access: Access) -> APIRouter:
    """Creates the routes; their responses do not change while the server runs."""
    routes = APIRouter(prefix="/api", tags=["meta"], route_class=JsonRoute)
    meta = _meta()
    groups = SettingsResponse(groups=setting_groups())
    presets = [
        PresetResponse(
            name=name,
            meaning=preset.meaning,
            env_config=preset.env_config.to_dict(),
            training_config=preset.training_config.to_dict(),
        )
        for name, preset in PRESETS.items()
    ]

    @routes.get("/about", summary="Show the server")
    async def about() -> AboutResponse:
        """Returns its version, its home folder, and whether it requires a token."""
        return AboutResponse(
            version=tetrarium.__version__, home=clean_text(str(home.root)), token_needed=access.token is not None
        )

    @routes.get("/meta", summary="Show name rules, limits, columns and enumerations")
    async def show_meta() -> MetaResponse:
        """Returns facts about this version, so that clients need not repeat them."""
        return meta

    @routes.get("/presets", summary="List presets")
    async def list_presets() -> list[PresetResponse]:
        """Returns each preset with every setting of its environment and its training."""
        return presets

    @routes.get("/settings", summary="List settings")
    async def list_settings() -> SettingsResponse:
        """Returns every setting with its meaning, bounds and default, in groups.

        A group that is named after an algorithm applies to that algorithm only.
        """
        return groups

    return routes


def _meta() -> MetaResponse:
    return MetaResponse(
        names=NamesResponse(entry=_rule(NAME_RULE), study=_rule(STUDY_NAME_RULE), tag=_rule(TAG_RULE)),
        limits=LimitsResponse(**{name: value for name, (value, _) in _LIMITS.items()}),
        columns=ColumnsResponse(
            progress=_columns(PROGRESS), episodes=_columns(EPISODES), evaluations=_columns(EVALUATIONS)
        ),
        pieces=[
            PieceResponse(
                letter=letter,
                spawn_cells=list(orientation_cells(piece, 0)),
                color="#{:02x}{:02x}{:02x}".format(*PIECE_COLORS[piece]),
            )
            for piece, letter in enumerate(PIECES)
        ],
        keys=list(PRESSES),
        human_game_modes=[
            HumanGameModeResponse(name=name, **mode._asdict()) for name, mode in human_game_control.MODES.items()
        ],
        display_modes=list(MODES),
        run_states=list(PROCESS_STATES),
        sort_keys=list(SORT_KEYS),
        event_kinds=list(EVENT_CLASSES),
        error_codes=sorted(error_classes()),
        algorithms=list(ALGORITHMS),
        presets=_choices({name: preset.meaning for name, preset in PRESETS.items()}),
        protocols=_choices({name: protocol.meaning for name, protocol in PROTOCOLS.items()}),
        objectives=_choices(OBJECTIVES),
        samplers=_choices(SAMPLERS),
    )


def _rule(rule: NameRule) -> NameRuleResponse:
    return NameRuleResponse(pattern=rule.pattern, max_length=rule.max_length, text=rule.text)


def _columns(table: RunTable) -> list[Choice]:
    return _choices({column.name: column.meaning for column in table.columns})


def _choices(meanings: Mapping[str, Any]) -> list[Choice]:
    return [Choice(name=name, meaning=meaning) for name, meaning in meanings.items()]
