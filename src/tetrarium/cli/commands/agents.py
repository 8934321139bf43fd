"""Commands that play: ``evaluate`` and ``watch``, and the options that choose an agent and a game."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from tetrarium.cli.evaluations import FreshOption, evaluate_in
from tetrarium.cli.options import HomeOption, evaluable_names
from tetrarium.cli.places import InsecureOption, OnOption, WorkersOption
from tetrarium.engine import RANDOMIZERS
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, naming_file
from tetrarium.events import EvaluationFinished
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import resolve_policy, resolve_replay

if TYPE_CHECKING:
    from tetrarium.evaluation import Move

Rules = Literal["default", "guideline", "literature"]
AgentArgument = Annotated[
    str,
    Parameter(
        completer=evaluable_names,
        help="A run, a model such as 'champion', a bundle, a checkpoint folder, or 'random', 'dellacherie', 'du', "
        "'dt-10'.",
    ),
]
AgentOrReplay = Annotated[
    str,
    Parameter(
        completer=evaluable_names,
        help="A run, a model such as 'champion', a bundle, a checkpoint folder, 'random', 'dellacherie', 'du', "
        "'dt-10', or a replay.",
    ),
]
RulesOption = Annotated[Rules | None, Parameter(help="Rules of the game. [default: those of the agent's training]")]
HeightOption = Annotated[int | None, Parameter(help="Visible rows of the board.")]
RandomizerOption = Annotated[
    str | None,
    Parameter(
        completer=lambda _: RANDOMIZERS,
        help="'7-bag', 'uniform', 'uniform:SZ', or a repeated piece sequence such as 'IOT'.",
    ),
]

_SPEED: Final = 10.0  # pieces per second


def evaluate(
    agent: AgentArgument,
    *,
    rules: RulesOption = None,
    height: HeightOption = None,
    randomizer: RandomizerOption = None,
    games: Annotated[int, Parameter(help="Number of games.")] = 100,
    seed: Annotated[int, Parameter(help="Seed; game k of a seed always has the same pieces.")] = 0,
    max_pieces: Annotated[int | None, Parameter(help="Truncate a game after this many pieces.")] = None,
    json: Annotated[bool, Parameter(negative="", help="Print the report as JSON.")] = False,
    csv: Annotated[Path | None, Parameter(help="Write every game's result to this file.")] = None,
    on: OnOption = None,
    workers: WorkersOption = None,
    insecure: InsecureOption = False,
    fresh: FreshOption = False,
    home: HomeOption = None,
) -> int:
    """Evaluate an agent or a controller on fixed seeds; the report has the number of games and a 95 % interval.

    An evaluation of more than 10 seconds stores its results in the home. After Ctrl-C or a crash, the same command
    continues; with more --games, it extends the evaluation.
    """
    from tetrarium.cli.tables.report_tables import report_lines
    from tetrarium.cli.terminal.run_display import is_capable, make_display

    located = Home.locate(home)
    policy, trained_for = resolve_policy(agent, located)
    config = resolve_game(rules, height, randomizer, trained_for)
    if csv is not None and (csv.is_dir() or not csv.absolute().parent.is_dir()):
        raise ConfigError(
            f"--csv is a file in an existing folder; got {str(csv)!r}. Create the folder first.", field="csv"
        )
    with make_display(sys.stderr if json else sys.stdout) as display:
        report = evaluate_in(
            display, policy, config, games, seed,
            max_pieces=max_pieces, home=located, on=on, workers=workers, insecure=insecure, fresh=fresh,
        )  # fmt: skip
        if not json and is_capable(sys.stdout):
            display.handle(EvaluationFinished(report=report.to_dict(with_games=False)))
    if csv is not None:
        with naming_file(csv):
            report.write_csv(csv)
    if json:
        print(report.to_json())
    elif not is_capable(sys.stdout):
        print("\n".join(report_lines(report.to_dict(with_games=False))))
    return 0


def watch(
    agent: AgentOrReplay,
    *,
    rules: RulesOption = None,
    height: HeightOption = None,
    randomizer: RandomizerOption = None,
    seed: Annotated[int, Parameter(help="Seed of the games.")] = 0,
    speed: Annotated[
        float | None, Parameter(help="Pieces per second, 1 to 1,000. [default: 10; a replay by keys: as recorded]")
    ] = None,
    games: Annotated[int | None, Parameter(help="Number of games. [default: until you quit]")] = None,
    home: HomeOption = None,
) -> int:
    """Watch an agent, a controller or a replay. Keys: space pauses, + and - change the speed, q quits."""
    replay = resolve_replay(agent, Home.locate(home))
    if replay is not None:
        reject_game_options(agent, rules=rules, height=height, randomizer=randomizer, seed=seed or None)
        return _watch_replay(replay, speed, title=str(replay.about.get("agent", Path(agent).name)))
    policy, trained_for = resolve_policy(agent, Home.locate(home))
    game = resolve_game(rules, height, randomizer, trained_for)
    return _watch(policy, game, seed, playback_speed(None, speed), games)


def reject_game_options(replay: str, **options: object) -> None:
    """Rejects options that choose a game, given together with a replay, which is one game.

    Raises:
        ConfigError: if an option is given.
    """
    for name, value in options.items():
        if value is not None:
            raise ConfigError(
                f"A replay is one game; got --{name} {value} for {replay!r}. Remove --{name}.", field=name
            )


def resolve_game(
    rules: Rules | None, height: int | None, randomizer: str | None, trained_for: EnvConfig | None
) -> EnvConfig:
    """Returns the game that the options describe.

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


def playback_speed(replay: Replay | None, speed: float | None) -> float:
    """Returns the speed in pieces per second (default 10), of a replay by keys in key steps (default: as recorded)."""
    if speed is None and replay is not None and replay.env_config.actions == "keys":
        return float(replay.env_config.key_rate)
    return _SPEED if speed is None else speed


def _watch(policy: Any, config: EnvConfig, seed: int, speed: float, games: int | None) -> int:
    from tetrarium.cli.terminal.agent_player import watch as show
    from tetrarium.evaluation import play_moves

    def game_moves() -> "Iterator[Iterator[Move]]":
        for number in count():
            yield play_moves(policy, config, seed, number)

    show(game_moves(), config, speed=speed, n_games=games, title=policy.name)
    return 0


def _watch_replay(replay: Replay, speed: float | None, title: str) -> int:
    from tetrarium.cli.terminal.agent_player import watch as show

    show([replay.play()], replay.env_config, speed=playback_speed(replay, speed), title=title)
    return 0
