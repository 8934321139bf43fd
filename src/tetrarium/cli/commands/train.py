"""Commands that train: ``train`` and ``resume``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from cyclopts import Parameter
from rich.console import Console

from tetrarium.cli import options
from tetrarium.cli.commands.runs import send_command
from tetrarium.cli.configuration import read_assignments, read_configs, settings_table
from tetrarium.cli.evaluations import evaluate_run
from tetrarium.cli.places import InsecureOption, PieceOption, TrainOnOption, WorkersOption, open_place
from tetrarium.cli.remote_training import resume_on, train_on, train_seeds_on
from tetrarium.cli.seeded_runs import SeededRun, seeded_runs
from tetrarium.cli.tables.report_tables import seeds_lines
from tetrarium.cli.terminal.run_display import make_display
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.events import WarningGiven
from tetrarium.registry.files.atomic import removed_on_error
from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import change_labels
from tetrarium.signals import EXIT_CODES, received_stop_signals
from tetrarium.training import TrainingConfig
from tetrarium.training.agent_reference import resolve_checkpoint
from tetrarium.training.presets import PRESETS
from tetrarium.training.requirements import require_trainable

_SCHEDULE_KEPT: Final = (
    "Exploration and learning rate end after {:,} steps, as before; --stretch spreads them over the new total."
)


def _setting(name: str) -> Parameter:
    """Returns a flag for a training setting, with the setting's own meaning and default."""
    item = next(item for item in fields(TrainingConfig) if item.name == name)
    default = f"{item.default:,}" if isinstance(item.default, int) else str(item.default).lower()
    meaning = item.metadata["help"]
    return Parameter(help=f"{meaning[0].upper()}{meaning[1:]}. [default: {default}]")


_PRESETS: Final = "; ".join(f"{name}: {preset.meaning}" for name, preset in PRESETS.items()) + "."
StepsOption = Annotated[int | None, _setting("total_timesteps")]
SeedOption = Annotated[int | None, _setting("seed")]
RunNameOption = Annotated[str | None, Parameter(help="Name of the run. [default: run-N]")]


def train(
    *,
    preset: Annotated[str, Parameter(completer=options.preset_names, help=_PRESETS)] = "default",
    config: Annotated[Path | None, Parameter(help="A TOML file with settings.")] = None,
    assignments: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            negative="",
            completer=options.setting_words,
            help="A setting, as key=value; --settings lists them.",
        ),
    ] = None,
    settings: Annotated[bool, Parameter(negative="", help="List all settings and exit.")] = False,
    start_from: Annotated[
        str | None,
        Parameter(
            name="--from",
            completer=options.agent_names,
            help="Agent whose weights training starts from: a run, NAME@best, NAME@STEP, a model or a file.",
        ),
    ] = None,
    steps: StepsOption = None,
    seed: SeedOption = None,
    target_lines: Annotated[int | Literal["none"] | None, _setting("target_lines")] = None,
    checkpoint_every: Annotated[int | None, _setting("checkpoint_every")] = None,
    device: Annotated[str | None, _setting("device")] = None,
    name: RunNameOption = None,
    group: Annotated[
        str | None, Parameter(help="Group of the run. [default: none; with --seeds, the name of the run]")
    ] = None,
    track: Annotated[
        list[Literal["wandb", "mlflow", "trackio"]] | None,
        Parameter(negative="", help="Also log to a tracker, an extra to install; repeatable. A resume continues it."),
    ] = None,
    seeds: Annotated[
        int | None,
        Parameter(
            help="Train this many runs with consecutive seeds and report their median. The same command resumes them."
        ),
    ] = None,
    on: TrainOnOption = None,
    workers: WorkersOption = None,
    insecure: InsecureOption = False,
    piece_s: PieceOption = None,
    home: options.HomeOption = None,
) -> int:
    """Train an agent with live progress. Ctrl-C stops the run and saves a checkpoint.

    Every setting can be given by --set (such as --set gamma=0.8), by an environment variable (TETRARIUM_GAMMA=0.8) or
    in a TOML file, in this order of precedence; all others come from the preset. With --on, workers train the run, or
    all runs of --seeds at once, in pieces from checkpoint to checkpoint.
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
    start_checkpoint = None if start_from is None else resolve_checkpoint(start_from, Home.locate(home))
    trackers = tuple(dict.fromkeys(track or ()))
    if on is not None and trackers:
        raise ConfigError(
            f"A tracker logs a run that is trained here; got --track {trackers[0]} with --on. Omit one of them.",
            field="track",
        )
    located = Home.locate(home)
    runs = [] if seeds is None else seeded_runs(located, name, configs, start_checkpoint, seeds)
    with open_place(located, on, workers, insecure=insecure, piece_s=piece_s) as place:
        if place is not None:
            new: dict[str, Any] = {"start_from": start_checkpoint, "preset": preset}
            if seeds is None:
                return train_on(place, name, configs, **new, group=group)
            where = {"on": on, "workers": workers, "insecure": insecure}
            return train_seeds_on(place, runs, configs, where, **new, group=group or name)
        if seeds is not None:
            return _train_seeds(home, runs, configs, start_checkpoint, preset, group or name, trackers)
        return _train_one(
            home, name, configs, start_from=start_checkpoint, preset=preset, group=group, track=trackers
        ).code


def resume(
    name: Annotated[str, Parameter(completer=options.run_names, help="The run's name.")],
    /,
    *,
    at: Annotated[
        int | None, Parameter(help="Resume from the checkpoint of this step, as a new run; the old run is unchanged.")
    ] = None,
    new_name: Annotated[
        str | None, Parameter(name="--name", help="Name of the new run. [default: NAME-at-STEP]")
    ] = None,
    steps: Annotated[int | None, Parameter(help="New total number of steps.")] = None,
    stretch: Annotated[
        bool,
        Parameter(
            negative="",
            help="Spread exploration and learning rate over the new total; by default they end where they did.",
        ),
    ] = False,
    assignments: Annotated[
        list[str] | None,
        Parameter(
            name="--set", negative="", completer=options.changeable_setting_words, help="A training setting to change."
        ),
    ] = None,
    trust: Annotated[
        bool, Parameter(negative="", help="Load a checkpoint of another origin. It can run code: be sure who made it.")
    ] = False,
    any_cpu: Annotated[
        bool, Parameter(negative="", help="Load a checkpoint of a processor that computes other numbers.")
    ] = False,
    on: TrainOnOption = None,
    workers: WorkersOption = None,
    insecure: InsecureOption = False,
    piece_s: PieceOption = None,
    home: options.HomeOption = None,
) -> int:
    """Resume a stopped or a paused run.

    Settings are unchanged; --set can change total_timesteps, the targets, how checkpoints are kept, device and
    torch_threads. With --at, a new run starts as an exact copy of an earlier checkpoint.
    """
    changes = read_assignments(assignments or [], {"total_timesteps": steps})
    if stretch and "schedule_steps" in changes:
        raise ConfigError(
            f"--stretch sets schedule_steps, which --set sets to {changes['schedule_steps']}, too. Omit one of them.",
            field="schedule_steps",
        )
    if stretch:
        changes["schedule_steps"] = None
    if at is None and new_name is not None:
        raise ConfigError(
            f"--name needs --at STEP, which starts a new run; got --name {new_name!r} alone. Add --at.", field="name"
        )
    if at is None and not changes and _is_paused(home, name):
        return send_command("resume", name, frozenset({"running", "starting"}), home, json=False)
    located = Home.locate(home)
    with (
        open_place(located, on, workers, insecure=insecure, piece_s=piece_s) as place,
        make_display(sys.stdout) as display,
    ):
        from tetrarium.training.runs.run import TrainingRun, require_changeable
        from tetrarium.training.runs.storage.folder import checkpoint_steps

        if at is not None:
            require_changeable(name, changes)  # before branching: the message names the run that remains
        with _branched(located, name, at, new_name) as run_name:
            opened = TrainingRun.open(
                located,
                run_name,
                display.handle,
                changes=changes,
                shows_board=display.shows_board,
                trust=trust,
                any_cpu=any_cpu,
                any_device=place is not None,
            )
        if place is not None and opened.config.track:
            raise ConfigError(
                f"A tracker logs a run that is trained here; {run_name!r} has {opened.config.track[0]}. Omit --on.",
                field="track",
            )
        n_steps, n_scheduled = (
            opened.config.training_config.total_timesteps,
            opened.config.training_config.schedule_steps,
        )
        if n_scheduled is not None:
            display.handle(WarningGiven(step=n_scheduled, message=_SCHEDULE_KEPT.format(n_scheduled)))
        was_finished = max(checkpoint_steps(opened.folder), default=0) >= n_steps
        if place is None:
            code = _execute(opened)
        else:
            code = resume_on(place, opened.config.name, display, changes=changes, trust=trust, any_cpu=any_cpu)
    if was_finished and code == 0:
        print(
            "The run had already finished. To train longer: "
            + options.suggested(f"tetrarium resume {opened.config.name} --steps {2 * n_steps}", home)
        )
    return code


def _is_paused(home: Path | None, name: str) -> bool:
    from tetrarium.workers.directories.run_views import read_run

    located = Home.locate(home)
    return located.run_folder(name).is_dir() and read_run(located, name).state == "paused"


@contextmanager
def _branched(home: Home, name: str, at: int | None, new_name: str | None) -> Iterator[str]:
    """Yields the name of the run to resume; a new branch is deleted again if it cannot be resumed as asked."""
    if at is None:
        yield name
        return
    from tetrarium.training.runs.storage.branching import branch_run

    branch = branch_run(home, name, at, new_name).name
    with removed_on_error(home.run_folder(branch)):
        yield branch


def _train_seeds(
    home: Path | None,
    runs: list[SeededRun],
    configs: tuple[EnvConfig, TrainingConfig],
    start_from: Path | None,
    preset: str,
    group: str | None,
    track: tuple[str, ...],
) -> int:
    """Trains one run per seed and compares them; after a stop, those that were evaluated are compared.

    They are a group, by default named after the first of them. Runs of these names and settings are resumed.
    """
    reports, code = [], 0
    for run in runs:
        trained = _train_one(
            home,
            run.name,
            (configs[0], configs[1].with_changes(seed=run.seed)),
            start_from=start_from,
            preset=preset,
            group=group,
            track=track,
            evaluates=True,
            resumes=run.is_begun,
        )
        code = trained.code
        if group is None:
            group = f"{trained.name}-seeds"
            change_labels(Home.locate(home).run_folder(trained.name), group=group)
        if trained.report is not None:
            reports.append((trained.name, run.seed, trained.report))
        if code != 0:
            break
    for line in seeds_lines(reports) if reports else ():
        print(line)
    return code


class _Trained(NamedTuple):
    """Result of a training."""

    code: int  # exit code
    name: str  # of the run
    report: dict[str, Any] | None  # None where it was not evaluated


def _train_one(
    home: Path | None,
    name: str | None,
    configs: tuple[EnvConfig, TrainingConfig],
    *,
    start_from: Path | None = None,
    preset: str | None = None,
    group: str | None = None,
    track: tuple[str, ...] = (),
    evaluates: bool = False,
    resumes: bool = False,
) -> "_Trained":
    env_config, training_config = configs
    require_trainable(env_config, training_config)
    with make_display(sys.stdout) as display:
        from tetrarium.training.runs.run import TrainingRun

        created = (
            TrainingRun.open(Home.locate(home), name, display.handle, shows_board=display.shows_board)
            if name is not None and resumes
            else TrainingRun.create(
                Home.locate(home),
                name,
                env_config,
                training_config,
                display.handle,
                start_from=start_from,
                preset=preset,
                group=group,
                track=track,
                shows_board=display.shows_board,
            )
        )
        code = _execute(created)
        report = evaluate_run(created.folder, display) if code == 0 and evaluates else None
        return _Trained(code, created.config.name, report)


def _execute(training: Any) -> int:
    """Trains; Ctrl-C, SIGTERM and SIGHUP stop after the current round and save a checkpoint."""
    from tetrarium.workers.processes.worker_host import hosted

    with received_stop_signals(training.request_stop) as received:
        training.execute(hosted)
    return EXIT_CODES[received[0]] if received else 0
