"""The commands that train: ``train`` and ``resume``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, NamedTuple

from cyclopts import Parameter
from rich.console import Console

from tetrarium.cli.completing import run_names
from tetrarium.cli.configuration import read_assignments, read_configs, settings_table
from tetrarium.cli.display import make_display
from tetrarium.cli.tables import seeds_lines
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.events import EvaluationFinished, EvaluationProgress
from tetrarium.registry.atomic import remove_directory
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.finding import find_checkpoint
from tetrarium.training.presets import PRESETS

__all__ = ["HomeOption", "RunName", "Seed", "Steps", "resume", "train"]

_STOPPED: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}  # the last: the terminal was closed
_N_EVALUATION_GAMES: Final = 100
_EVALUATION_SEED: Final = 0


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
        str | None,
        Parameter(
            name="--from",
            help="Whose weights the agent begins with: a run, NAME@best, NAME@STEP, a model, NAME@VERSION, a file.",
        ),
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    target_lines: Annotated[int | None, _setting("target_lines")] = None,
    checkpoint_every: Annotated[int | None, _setting("checkpoint_every")] = None,
    device: Annotated[str | None, _setting("device")] = None,
    name: RunName = None,
    seeds: Annotated[
        int | None, Parameter(help="Train so many runs, one after the other, each of the next seed, and compare them.")
    ] = None,
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
    if seeds is not None:
        return _train_seeds(home, name, configs, begin, seeds, preset)
    return _train_new(home, name, configs, start_from=begin, preset=preset).code


def resume(
    name: Annotated[str, Parameter(completer=run_names, help="The run's name.")],
    /,
    *,
    at: Annotated[
        int | None,
        Parameter(help="Go on from the checkpoint of this step, as a new run; the old one stays as it is."),
    ] = None,
    new_name: Annotated[
        str | None, Parameter(name="--name", help="Name of the new run. [default: NAME-at-STEP]")
    ] = None,
    steps: Annotated[int | None, Parameter(help="Go on to so many steps instead.")] = None,
    assignments: Annotated[
        list[str] | None, Parameter(name="--set", negative="", help="A setting of training that may change.")
    ] = None,
    trust: Annotated[
        bool, Parameter(negative="", help="Load a checkpoint made elsewhere, which can run code; know who made it.")
    ] = False,
    home: HomeOption = None,
) -> int:
    """Go on with a run to the number of steps first asked for.

    What training began with stays; --set takes total_timesteps, the targets, how checkpoints are kept, device and
    torch_threads. With --at, a new run begins as an exact copy of an earlier checkpoint and goes on from there.
    """
    changes = read_assignments(assignments or [])
    if steps is not None:
        changes["total_timesteps"] = steps
    if at is None and new_name is not None:
        raise ConfigError(f"--name names the run that begins at --at STEP; got {new_name!r} alone. Add --at.")
    with make_display(sys.stdout) as display:
        from tetrarium.training.runs.folder import checkpoint_steps
        from tetrarium.training.runs.run import TrainingRun

        located = Home.locate(home)
        with _branched(located, name, at, new_name) as run_name:
            opened = TrainingRun.open(
                located, run_name, display.handle, changes=changes, shows_board=display.shows_board, trust=trust
            )
        n_steps = opened.config.training_config.total_timesteps
        was_at_its_end = max(checkpoint_steps(opened.folder), default=0) >= n_steps
        code = _execute(opened)
    if was_at_its_end and code == 0:
        print(
            f"It had all its steps before; train on by `tetrarium resume {opened.config.name} --steps {2 * n_steps}`."
        )
    return code


@contextmanager
def _branched(home: Home, name: str, at: int | None, new_name: str | None) -> Iterator[str]:
    """Gives the name of the run to go on with; a new one goes again where it cannot go on as it was asked to."""
    if at is None:
        yield name
        return
    from tetrarium.training.runs.branching import branch_run

    branch = branch_run(home, name, at, new_name).name
    try:
        yield branch
    except TetrariumError:
        remove_directory(home.run_folder(branch))
        raise


def _train_seeds(
    home: Path | None,
    name: str | None,
    configs: tuple[EnvConfig, TrainingConfig],
    start_from: Path | None,
    n: int,
    preset: str,
) -> int:
    """Trains one run for each seed, and compares them; a stop ends all of it but for comparing what there is."""
    if n < 1:
        raise ConfigError(f"--seeds takes 1 or more; got {n}. Say how many runs to train.")
    env_config, training_config = configs
    first = training_config.seed
    training_config.with_changes(seed=first + n - 1)  # refused now, not after hours
    names = {seed: None if name is None else f"{name}-{seed}" for seed in range(first, first + n)}
    for asked in filter(None, names.values()):
        Home.locate(home).require_free(asked)
    reports = []
    for seed, run_name in names.items():
        seeded = (env_config, training_config.with_changes(seed=seed))
        trained = _train_new(home, run_name, seeded, start_from=start_from, preset=preset, evaluates=True)
        if trained.report is not None:
            reports.append((trained.name, seed, trained.report))
        if trained.code != 0:
            break
    for line in seeds_lines(reports) if reports else ():
        print(line)
    return trained.code


class _Trained(NamedTuple):
    """What became of a training."""

    code: int  # for the shell
    name: str  # the run's
    report: dict[str, Any] | None  # where it was evaluated


def _train_new(
    home: Path | None,
    name: str | None,
    configs: tuple[EnvConfig, TrainingConfig],
    *,
    start_from: Path | None = None,
    preset: str | None = None,
    evaluates: bool = False,
) -> "_Trained":
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
            preset=preset,
            shows_board=display.shows_board,
        )
        code = _execute(created)
        report = _evaluate(created, display) if code == 0 and evaluates else None
        return _Trained(code, created.config.name, report)


def _execute(training: Any) -> int:
    """Trains; Ctrl-C, SIGTERM and a closed terminal end it after the round under way, with a checkpoint."""
    from tetrarium.workers.hosting import hosted

    with _stopping(training) as received:
        training.execute(hosted)
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


def _evaluate(trained: Any, display: Any) -> dict[str, Any]:
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

    report = evaluate(policy, env_config, _N_EVALUATION_GAMES, _EVALUATION_SEED, on_progress=on_progress).to_dict()
    display.handle(EvaluationFinished(report=report))
    return report
