"""The commands that play: ``evaluate`` and ``watch``, and what WHAT can name, replays among it."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import ConfigError, ReplayError, suggestion
from tetrarium.events import EvaluationFinished, EvaluationProgress
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation import Move

__all__ = [
    "Rules",
    "WhatOrReplay",
    "evaluate",
    "find_game",
    "find_policy",
    "find_replay",
    "refuse_other_game",
    "watch",
    "watch_policy",
]

Rules = Literal["default", "guideline", "literature"]
What = Annotated[str, Parameter(help="A run, a checkpoint folder, or 'random', 'dellacherie', 'du', 'dt-10'.")]
WhatOrReplay = Annotated[
    str, Parameter(help="A run, a checkpoint folder, 'random', 'dellacherie', 'du', 'dt-10', or a replay's file.")
]

_JSON_BYTES_ACTION: Final = 5  # an action in JSON is at most "511, "


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
    speed: Annotated[float, Parameter(help="Pieces a second, 1 to 1,000.")] = 10.0,
    games: Annotated[int | None, Parameter(help="How many games; until you leave if left out.")] = None,
    home: Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things.")] = None,
) -> int:
    """Watch an agent, a known controller or a replay. Keys: space pauses, + and - change the speed, q leaves."""
    replay = find_replay(what)
    if replay is not None:
        refuse_other_game(what, rules=rules, height=height, randomizer=randomizer, seed=seed or None)
        return _watch_replay(replay, speed, title=str(replay.about.get("agent", Path(what).name)))
    policy, trained_for = find_policy(what, Home.locate(home))
    return _watch(policy, find_game(rules, height, randomizer, trained_for), seed, speed, games)


def watch_policy(what: str, home: Path | None) -> int:
    """Watches the game that an agent was trained for."""
    policy, trained_for = find_policy(what, Home.locate(home))
    return _watch(policy, trained_for or EnvConfig(), seed=0, speed=10.0, games=None)


def find_policy(what: str, home: Home) -> tuple[Any, EnvConfig | None]:
    """Finds what WHAT names: a known controller, a checkpoint folder, or a run, whose latest checkpoint counts.

    Returns:
        The policy, and the game that it was trained for, if it was.

    Raises:
        ConfigError: if WHAT names nothing.
    """
    from tetrarium.evaluation import POLICY_NAMES, named_policy

    if what in POLICY_NAMES:
        return named_policy(what), None
    if Path(what).suffix == REPLAY_SUFFIX:
        raise ConfigError(
            f"A replay is one game that was played, and here an agent plays new ones; got {what!r}. "
            "Name a run, or show the replay by `tetrarium watch`."
        )
    from tetrarium.training import read_policy

    return read_policy(find_checkpoint(what, home, known=POLICY_NAMES), Path(what).name.partition("@")[0])


def find_replay(what: str) -> Replay | None:
    """Reads the replay that WHAT names by its file, ``.tetris-replay`` or ``.json``, if it names one.

    Raises:
        ConfigError: if there is no such file.
        ReplayError: if it holds no replay that this version reads.
    """
    path = Path(what)
    if path.suffix not in {REPLAY_SUFFIX, ".json"} or path.is_dir():
        return None
    if not path.is_file():
        raise ConfigError(f"A replay is a file; there is no {what!r}. Make one by `tetrarium record`.")
    is_json = path.suffix == ".json"
    limit = MAX_FILE_BYTES * _JSON_BYTES_ACTION if is_json else MAX_FILE_BYTES
    if path.stat().st_size > limit:
        raise ReplayError(
            f"A replay here has at most {limit:,} bytes; {what!r} has {path.stat().st_size:,}. Name a replay."
        )
    content = path.read_bytes()
    return Replay.from_json(content) if is_json else Replay.from_bytes(content)


def refuse_other_game(what: str, **choices: object) -> None:
    """Refuses options that choose a game where WHAT is one.

    Raises:
        ConfigError: if one is given.
    """
    for name, value in choices.items():
        if value is not None:
            raise ConfigError(f"A replay is one game; got --{name} {value} for {what!r}. Leave --{name} out.")


def find_checkpoint(what: str, home: Home, known: tuple[str, ...] = ()) -> Path:
    """Finds the checkpoint that a run or a folder stands for.

    Args:
        what: A run's name, whose latest checkpoint counts, ``NAME@best`` or ``NAME@STEP``, or a folder; a name that is
            both is the run's.
        home: Where runs are.
        known: What else could have been named, for the message.

    Raises:
        ConfigError: if there is none.
    """
    from tetrarium.training.runs.folder import latest_checkpoint

    what, at, which = what.partition("@") if not Path(what).is_dir() else (what, "", "")
    path = Path(what)
    folder = home.runs / what
    is_name = path.name == what and not what.startswith(".")
    if path.is_dir() and not (is_name and folder.is_dir()):
        return latest_checkpoint(path) or path
    if not is_name or not folder.is_dir():
        runs = sorted(path.name for path in home.runs.iterdir() if path.is_dir()) if home.runs.is_dir() else []
        choices = ", ".join(["a run", "NAME@best", "NAME@STEP", "a checkpoint folder", *known])
        raise ConfigError(
            f"What can be named is {choices}; there is no {what!r}."
            f"{suggestion(what, [*known, *runs]) or ' Train one by `tetrarium train`.'}"
        )
    if at:
        return _version(folder, which)
    found = latest_checkpoint(folder)
    if found is None:
        raise ConfigError(f"The run {what!r} has no checkpoint yet. Wait for its first one, or name another run.")
    return found


def _version(folder: Path, which: str) -> Path:
    """The best weights of a run, or its checkpoint of a step."""
    from tetrarium.training.runs.folder import BEST, checkpoint_steps

    path = folder / BEST if which == BEST else folder / "checkpoints" / which
    steps = checkpoint_steps(folder)
    if which != BEST and not (which.isdecimal() and int(which) in steps):
        there = ", ".join(map(str, steps)) or "none yet"
        raise ConfigError(
            f"After {folder.name}@ stands {BEST!r} or the step of a checkpoint, of which there are {there}; "
            f"got {which!r}. Name one of them."
        )
    if not path.is_dir():
        raise ConfigError(f"The run {folder.name!r} has evaluated nothing yet. Wait for that, or leave @{BEST} out.")
    return path


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


def _watch(policy: Any, config: EnvConfig, seed: int, speed: float, games: int | None) -> int:
    from tetrarium.cli.watching import watch as show
    from tetrarium.evaluation import play_moves

    def game_moves() -> "Iterator[Iterator[Move]]":
        for number in count():
            yield play_moves(policy, config, seed, number)

    show(game_moves(), config, speed=speed, n_games=games, title=policy.name)
    return 0


def _watch_replay(replay: Replay, speed: float, title: str) -> int:
    from tetrarium.cli.watching import watch as show

    show([replay.play()], replay.env_config, speed=speed, title=title)
    return 0
