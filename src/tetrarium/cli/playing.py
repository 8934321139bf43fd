"""The commands that play: ``evaluate`` and ``watch``, and what WHAT can name, replays among it."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from tetrarium.cli.compiling import told_of_compiling
from tetrarium.cli.completing import policies
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError
from tetrarium.events import EvaluationFinished, EvaluationProgress, KernelsCompiling
from tetrarium.registry.home import Home
from tetrarium.training.finding import find_policy, find_replay

if TYPE_CHECKING:
    from tetrarium.evaluation import Move

__all__ = [
    "Rules",
    "WhatOrReplay",
    "evaluate",
    "find_game",
    "pace",
    "refuse_other_game",
    "watch",
]

Rules = Literal["default", "guideline", "literature"]
What = Annotated[
    str,
    Parameter(
        completer=policies,
        help="A run, a model such as 'champion', a bundle, a checkpoint folder, or 'random', 'dellacherie', 'du', "
        "'dt-10'.",
    ),
]
WhatOrReplay = Annotated[
    str,
    Parameter(
        completer=policies,
        help="A run, a model such as 'champion', a bundle, a checkpoint folder, 'random', 'dellacherie', 'du', "
        "'dt-10', or a replay.",
    ),
]

_SPEED: Final = 10.0  # pieces a second


def evaluate(
    what: What,
    *,
    rules: Annotated[Rules | None, Parameter(help="Whose rules; those an agent was trained for if left out.")] = None,
    height: Annotated[int | None, Parameter(help="Visible rows of the board.")] = None,
    randomizer: Annotated[str | None, Parameter(help="'7-bag', 'uniform', or piece letters that repeat.")] = None,
    games: Annotated[int, Parameter(help="How many games.")] = 100,
    seed: Annotated[int, Parameter(help="Game k of a seed has the same pieces for everybody.")] = 0,
    max_pieces: Annotated[int | None, Parameter(help="Cut a game after so many pieces.")] = None,
    json: Annotated[bool, Parameter(negative="", help="Print the report as JSON.")] = False,
    csv: Annotated[Path | None, Parameter(help="Write every game's result to this file.")] = None,
    home: Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things.")] = None,
) -> int:
    """Measure how well an agent or a known controller plays, on fixed seeds, with an interval."""
    from tetrarium.cli.display import make_display
    from tetrarium.evaluation import evaluate as play_games

    policy, trained_for = find_policy(what, Home.locate(home))
    config = find_game(rules, height, randomizer, trained_for)
    if csv is not None and (csv.is_dir() or not csv.absolute().parent.is_dir()):
        raise ConfigError(f"--csv names a file in a folder that is there; got {str(csv)!r}. Make the folder first.")
    with make_display(sys.stderr if json else sys.stdout) as display:

        def on_progress(pieces_total: int, games_done: int) -> None:
            display.handle(EvaluationProgress(games_done=games_done, n_games=games, pieces_total=pieces_total))

        with told_of_compiling(lambda: display.handle(KernelsCompiling())):
            report = play_games(policy, config, games, seed, max_pieces=max_pieces, on_progress=on_progress)
        if not json:
            display.handle(EvaluationFinished(report=report.to_dict()))
    if json:
        print(report.to_json())
    if csv is not None:
        report.write_csv(csv)
    return 0


def watch(
    what: WhatOrReplay,
    *,
    rules: Annotated[Rules | None, Parameter(help="Whose rules; those an agent was trained for if left out.")] = None,
    height: Annotated[int | None, Parameter(help="Visible rows of the board.")] = None,
    randomizer: Annotated[str | None, Parameter(help="'7-bag', 'uniform', or piece letters that repeat.")] = None,
    seed: Annotated[int, Parameter(help="Which games.")] = 0,
    speed: Annotated[float | None, Parameter(help="Pieces a second, 1 to 1,000; 10, or keys as they came.")] = None,
    games: Annotated[int | None, Parameter(help="How many games; until you leave if left out.")] = None,
    home: Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things.")] = None,
) -> int:
    """Watch an agent, a known controller or a replay. Keys: space pauses, + and - change the speed, q leaves."""
    replay = find_replay(what)
    if replay is not None:
        refuse_other_game(what, rules=rules, height=height, randomizer=randomizer, seed=seed or None)
        return _watch_replay(replay, speed, title=str(replay.about.get("agent", Path(what).name)))
    policy, trained_for = find_policy(what, Home.locate(home))
    return _watch(policy, find_game(rules, height, randomizer, trained_for), seed, pace(None, speed), games)


def refuse_other_game(what: str, **choices: object) -> None:
    """Refuses options that choose a game where WHAT is one.

    Raises:
        ConfigError: if one is given.
    """
    for name, value in choices.items():
        if value is not None:
            raise ConfigError(f"A replay is one game; got --{name} {value} for {what!r}. Leave --{name} out.")


def find_game(
    rules: Rules | None, height: int | None, randomizer: str | None, trained_for: EnvConfig | None
) -> EnvConfig:
    """The game that options ask for: whose rules, with what changed.

    Raises:
        ConfigError: if there is no such game.
    """
    if rules is None:
        config = trained_for or EnvConfig()
    elif rules == "literature":
        config = EnvConfig.literature()
    else:
        config = EnvConfig.guideline() if rules == "guideline" else EnvConfig()
    if height is not None:
        config = config.with_changes(height=height)
    if randomizer is not None:
        config = config.with_changes(randomizer=randomizer)
    config.rules()
    return config


def pace(replay: Replay | None, speed: float | None) -> float:
    """Pieces a second that were asked for, else 10; of a game by keys, key steps, else as they came."""
    if speed is None and replay is not None and replay.env_config.actions == "keys":
        return float(replay.env_config.key_rate)
    return _SPEED if speed is None else speed


def _watch(policy: Any, config: EnvConfig, seed: int, speed: float, games: int | None) -> int:
    from tetrarium.cli.watching import watch as show
    from tetrarium.evaluation import play_moves

    def game_moves() -> "Iterator[Iterator[Move]]":
        for number in count():
            yield play_moves(policy, config, seed, number)

    show(game_moves(), config, speed=speed, n_games=games, title=policy.name)
    return 0


def _watch_replay(replay: Replay, speed: float | None, title: str) -> int:
    from tetrarium.cli.watching import watch as show

    show([replay.play()], replay.env_config, speed=pace(replay, speed), title=title)
    return 0
