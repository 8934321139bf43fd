"""The commands that train: ``run``, ``train`` and ``resume``."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console

from tetrarium.cli.configuration import read_configs, settings_table
from tetrarium.cli.display import make_display
from tetrarium.cli.playing import find_checkpoint, watch_policy
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.events import EvaluationFinished, EvaluationProgress
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import PRESETS

__all__ = ["resume", "run", "train"]

_STOPPED: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}  # the last: the terminal was closed
_N_EVALUATION_GAMES: Final = 100
_EVALUATION_SEED: Final = 0
_READING_TIME_S: Final = 6  # between the report and the game, which takes the whole screen


def _setting(name: str) -> Parameter:
    """A flag for a setting of training: meaning and default are the setting's own."""
    item = next(item for item in fields(TrainingConfig) if item.name == name)
    default = f"{item.default:,}" if isinstance(item.default, int) else str(item.default).lower()
    meaning = item.metadata["help"]
    return Parameter(help=f"{meaning[0].upper()}{meaning[1:]}. [default: {default}]")


_PRESETS: Final = "; ".join(f"{name}: {preset.meaning}" for name, preset in PRESETS.items()) + "."
Steps = Annotated[int | None, _setting("total_timesteps")]
Seed = Annotated[int | None, _setting("seed")]
RunName = Annotated[str | None, Parameter(help="Name of the run; numbered without one.")]
HomeOption = Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things; else TETRARIUM_HOME.")]


def train(
    *,
    preset: Annotated[str, Parameter(help=_PRESETS)] = "default",
    config: Annotated[Path | None, Parameter(help="A TOML file with settings.")] = None,
    assignments: Annotated[
        list[str] | None, Parameter(name="--set", negative="", help="A setting, as key=value; --settings lists them.")
    ] = None,
    settings: Annotated[bool, Parameter(negative="", help="List all settings and leave.")] = False,
    start_from: Annotated[
        str | None, Parameter(name="--from", help="A run or a checkpoint folder whose weights the agent begins with.")
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    target_lines: Annotated[int | None, _setting("target_lines")] = None,
    checkpoint_every: Annotated[int | None, _setting("checkpoint_every")] = None,
    device: Annotated[str | None, _setting("device")] = None,
    name: RunName = None,
    home: HomeOption = None,
) -> int:
    """Train an agent, with live progress and checkpoints. Ctrl-C stops it with a checkpoint.

    Every setting of the game and of training can be given by --set gamma=0.8, say, by TETRARIUM_GAMMA=0.8 in the
    environment, or in a TOML file, in this order of precedence; what none of them gives is the preset's.
    """
    if settings:
        Console(file=sys.stdout).print(settings_table())
        return 0
    flags = {
        "total_timesteps": steps,
        "seed": seed,
        "target_lines": target_lines,
        "checkpoint_every": checkpoint_every,
        "device": device,
    }
    configs = read_configs(preset, config, assignments or [], flags)
    begin = None if start_from is None else find_checkpoint(start_from, Home.locate(home))
    code, _ = _train_new(home, name, configs, start_from=begin)
    return code


def resume(name: str, *, home: HomeOption = None) -> int:
    """Go on with a run to the number of steps first asked for.

    Args:
        name: The run's name.
        home: Folder in which tetrarium keeps things; else TETRARIUM_HOME.
    """
    with make_display(sys.stdout) as display:
        from tetrarium.training.runs.run import TrainingRun

        opened = TrainingRun.open(Home.locate(home), name, display.handle, shows_board=display.shows_board)
        return _execute(opened)


def run(
    *,
    steps: Steps = None,
    seed: Seed = None,
    name: RunName = None,
    home: HomeOption = None,
) -> int:
    """Train with the defaults, evaluate over 100 games, then watch the agent play (in a terminal)."""
    configs = read_configs("default", None, [], {"total_timesteps": steps, "seed": seed})
    code, run_name = _train_new(home, name, configs, evaluates=True)
    if code == 0 and sys.stdout.isatty() and sys.stdin.isatty():
        print(f"It plays for you in {_READING_TIME_S} seconds. Ctrl-C leaves.")
        time.sleep(_READING_TIME_S)
        return watch_policy(run_name, home)
    return code


def _train_new(
    home: Path | None,
    name: str | None,
    configs: tuple[EnvConfig, TrainingConfig],
    *,
    start_from: Path | None = None,
    evaluates: bool = False,
) -> tuple[int, str]:
    env_config, training_config = configs
    env_config.rules()
    with make_display(sys.stdout) as display:
        from tetrarium.training.runs.run import TrainingRun

        created = TrainingRun.create(
            Home.locate(home),
            name,
            env_config,
            training_config,
            display.handle,
            start_from=start_from,
            shows_board=display.shows_board,
        )
        code = _execute(created)
        if code == 0 and evaluates:
            _evaluate(created, display)
        return code, created.config.name


def _execute(training: Any) -> int:
    """Trains; Ctrl-C, SIGTERM and a closed terminal end it after the round under way, with a checkpoint."""
    with _stopping(training) as received:
        training.execute()
    return _STOPPED[received[0]] if received else 0


@contextmanager
def _stopping(training: Any) -> Iterator[list[signal.Signals]]:
    received: list[signal.Signals] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        training.ask_to_stop()

    previous = {number: signal.signal(number, stop) for number in _STOPPED}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if received else handler)  # once is enough: the process is leaving


def _evaluate(trained: Any, display: Any) -> None:
    from tetrarium.evaluation import evaluate
    from tetrarium.training import read_policy
    from tetrarium.training.runs.folder import latest_checkpoint

    checkpoint = latest_checkpoint(trained.folder)
    if checkpoint is None:
        raise ConfigError("Nothing was trained, so there is nothing to evaluate. Ask for more --steps.")
    policy, env_config = read_policy(checkpoint, trained.config.name)

    def on_progress(pieces_total: int, games_done: int) -> None:
        display.handle(
            EvaluationProgress(games_done=games_done, n_games=_N_EVALUATION_GAMES, pieces_total=pieces_total)
        )

    report = evaluate(policy, env_config, _N_EVALUATION_GAMES, _EVALUATION_SEED, on_progress=on_progress)
    display.handle(EvaluationFinished(report=report.to_dict()))
