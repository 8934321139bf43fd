"""Commands about studies: ``tune NAME``, which runs one, and ``tune list``, ``show``, ``delete`` and so on."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Final

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from tetrarium import tuning
from tetrarium.cli import options
from tetrarium.cli.commands.train import StepsOption
from tetrarium.cli.configuration import read_assignments, read_configs
from tetrarium.cli.formatting import counted, print_json
from tetrarium.cli.places import InsecureOption, PieceOption, TrainOnOption, WorkersOption, open_place
from tetrarium.cli.terminal.study_display import display_study, ending_lines, progress_text, studies_table, trials_table
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.signals import EXIT_CODES, received_stop_signals
from tetrarium.training.runs.control import Control
from tetrarium.tuning.search_space import require_varied_once, setting_meaning
from tetrarium.tuning.study import require_study, trial_runs
from tetrarium.workers.processes.places import LAUNCHER, Place
from tetrarium.workers.protocol.client import WorkerClient
from tetrarium.workers.protocol.status_files import DAMAGED

_WIDTH: Final = 160  # of tables in a pipe or a file
_FIXED_PARTS: Final = (
    "first",
    "preset",
    "env_config",
    "training_config",
    "ranges",
    "objective",
    "sampler",
    "seed",
    "prunes",
)

StudyArgument = Annotated[
    str,
    Parameter(help="Name of the study; its trials are the runs NAME-0001, NAME-0002, …", completer=options.study_names),
]

app = App(name="tune", help="Run a study: vary settings and see which matter. The same name again resumes it.")


def _choices(meanings: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {meaning}" for name, meaning in meanings.items()) + "."


@app.default
def tune(
    name: StudyArgument,
    *,
    vary: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            completer=options.varied_setting_words,
            help="A setting and its values: learning_rate=1e-4..1e-2:log, batch_size=64..512:log:4 (four values), "
            "n_steps=1,2,3, net_arch=[32],[64,64]. Repeatable.",
        ),
    ] = None,
    preset: Annotated[
        str | None, Parameter(completer=options.preset_names, help="Preset of all trials. [default: default]")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        Parameter(
            name="--set", negative="", completer=options.setting_words, help="A setting of all trials, as key=value."
        ),
    ] = None,
    start_from: Annotated[
        str | None,
        Parameter(
            completer=options.run_names,
            help="Run whose settings all trials share, in place of a preset; the first trial tries its values.",
        ),
    ] = None,
    trials: Annotated[int | None, Parameter(help="Number of trials; can be raised later. [default: 20]")] = None,
    at_once: Annotated[int | None, Parameter(help="Number of trials in parallel. [default: 1]")] = None,
    steps: StepsOption = None,
    objective: Annotated[
        str | None, Parameter(completer=options.objective_names, help=f"{_choices(tuning.OBJECTIVES)} [default: lines]")
    ] = None,
    sampler: Annotated[
        str | None, Parameter(completer=options.sampler_names, help=f"{_choices(tuning.SAMPLERS)} [default: tpe]")
    ] = None,
    seed: Annotated[int | None, Parameter(help="Seed of the sampler; same seed, same trials. [default: 0]")] = None,
    prune: Annotated[
        bool | None, Parameter(negative="", help="Stop trials early that are below the median of the others.")
    ] = None,
    on: TrainOnOption = None,
    workers: WorkersOption = None,
    insecure: InsecureOption = False,
    piece_s: PieceOption = None,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Run a study. Each trial is an ordinary run, scored by an evaluation on the same games.

    Ctrl-C stops the study and saves checkpoints of its trials; the same name again resumes it, also after a crash. With
    --on, workers train the trials, in pieces from checkpoint to checkpoint.
    """
    located = Home.locate(home)
    given: dict[str, Any] = {"objective": objective, "sampler": sampler, "seed": seed, "prunes": prune}
    is_described = any(value is not None for value in (vary, preset, start_from, assignments, steps, *given.values()))
    asked = None
    if is_described or not tuning.has_study(located, name):
        flags = {"total_timesteps": steps}
        ranges = tuple(tuning.parse_range(text) for text in vary or ())
        fixed = read_assignments(assignments or [], flags)
        require_varied_once(ranges, fixed)
        if start_from is None:
            configs = read_configs(preset or "default", None, assignments or [], flags)
        elif preset is None:
            preset, configs, given["first"] = tuning.settings_of_run(located, start_from, ranges, fixed)
        else:
            raise ConfigError(
                f"--start-from takes the place of a preset; got --preset {preset}, too. Omit one of them.",
                field="preset",
            )
        asked = tuning.StudyConfig(
            name=name,
            preset=preset or "default",
            env_config=configs[0],
            training_config=configs[1],
            ranges=ranges,
            **{key: value for key, value in given.items() if value is not None},
        )
    with open_place(located, on, workers, insecure=insecure, piece_s=piece_s) as place:
        if asked is not None:
            _create_or_check(located, asked, trials, at_once)
        tuning.extend_study(located, name, n_trials=trials, n_at_once=at_once)
        return _run(located, name, json=json, place=place or LAUNCHER)


def _create_or_check(home: Home, asked: tuning.StudyConfig, n_trials: int | None, n_at_once: int | None) -> None:
    """Creates a new study, or checks that the options match the existing one.

    Raises:
        ConfigError: if they differ.
    """
    if not tuning.has_study(home, asked.name):
        n_default = min(asked.n_trials, asked.n_combinations or asked.n_trials)
        n_default = n_default if asked.sampler == "grid" else asked.n_trials
        n_at_once = asked.n_at_once if n_at_once is None else n_at_once
        n_trials = n_default if n_trials is None else n_trials
        tuning.create_study(home, replace(asked, n_trials=n_trials, n_at_once=n_at_once))
        return
    existing = tuning.read_study_config(home, asked.name)
    for part in _FIXED_PARTS:
        if getattr(existing, part) != getattr(asked, part):
            raise ConfigError(
                f"A study keeps the options it was created with, and {asked.name!r} has another "
                f"{part.replace('_', ' ')}. Resume it by `tetrarium tune {asked.name}`, or choose another name.",
                field=part,
            )


def _run(home: Home, name: str, *, json: bool, place: Place = LAUNCHER) -> int:
    """Runs a study; the first signal stops its trials with checkpoints, a second one exits while they still stop."""
    control = Control()
    tuners: list[tuning.Tuner] = []

    def stop() -> None:
        if control.is_stop_requested:
            for tuner in tuners:
                tuner.detach()
        control.request_stop()

    with received_stop_signals(stop) as received, display_study(home, name, sys.stderr if json else sys.stdout):
        tuning.run_study(home, name, control, on_start=tuners.append, place=place)
    _print_study(home, name, json=json)
    return EXIT_CODES[received[0]] if received else 0


@app.command(name="list")
def list_(*, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """List all studies, newest first."""
    located = Home.locate(home)
    views = tuning.list_studies(located)
    if json:
        print_json([asdict(view) for view in views])
    elif not views:
        command = options.suggested("tetrarium tune NAME --vary learning_rate=1e-4..1e-2:log", home)
        print(f"There are no studies yet in {str(located.root)!r}. Start one: {command}")
    else:
        _console().print(studies_table(views))
        for view in views:
            if view.state == DAMAGED:
                print(view.error)
    return 0


@app.command
def show(name: StudyArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Show one study: its trials, the best settings and the importance of each setting."""
    _print_study(Home.locate(home), name, json=json)
    return 0


@app.command
def settings() -> int:
    """List the settings that can be varied, with their values and meaning."""
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "values", "meaning"):
        table.add_column(column, no_wrap=column != "meaning")
    for name in tuning.variable_settings():
        table.add_row(name, *setting_meaning(name))
    _console().print(table)
    return 0


@app.command
def pause(name: StudyArgument, *, home: options.HomeOption = None) -> int:
    """Pause an active study and its trials."""
    return _send_command(name, "pause", home)


@app.command
def resume(name: StudyArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Resume a paused or a stopped study."""
    located = Home.locate(home)
    if not tuning.read_study(located, name).view.is_alive:
        return _run(located, name, json=json)
    return _send_command(name, "resume", home)


@app.command
def stop(name: StudyArgument, *, home: options.HomeOption = None) -> int:
    """Stop an active study; its trials save checkpoints."""
    return _send_command(name, "stop", home)


@app.command
def delete(
    name: StudyArgument,
    *,
    trial: Annotated[int | None, Parameter(help="Delete only the trial of this number, which has ended.")] = None,
    runs: Annotated[bool, Parameter(negative="", help="Move the runs of its trials to the trash, too.")] = False,
    yes: options.YesOption = False,
    home: options.HomeOption = None,
) -> int:
    """Delete a study with its trials, or one trial. Runs are kept unless --runs is given; models are always kept."""
    located = Home.locate(home)
    require_study(located, name)
    if trial is not None:
        run = tuning.ended_trial_run(located, name, trial)
        if yes:
            tuning.delete_trial(located, name, trial, with_run=runs)
        rest = f"trial {trial} of {name} (run {run} {'to the trash' if runs else 'kept'})"
        print(f"Deleted {rest}." if yes else f"This would permanently delete {rest}. To confirm, add --yes")
        return 0
    names = trial_runs(located, name)
    if yes:
        tuning.delete_study(located, name, with_runs=runs)
    rest = f" ({counted(len(names), 'run')} {'to the trash' if runs else 'kept'})" if names else ""
    print(f"Deleted {name}{rest}." if yes else f"This would permanently delete {name}{rest}. To confirm, add --yes")
    return 0


def _send_command(name: str, command: str, home: options.HomeOption) -> int:
    located = Home.locate(home)
    tuning.read_study_config(located, name)
    with WorkerClient.connect(located.study_folder(name)) as worker:
        answer = worker.execute(command)
    print(f"{name}: {answer['message']}")
    return 0


def _print_study(home: Home, name: str, *, json: bool) -> None:
    detail, study = tuning.read_study(home, name), tuning.read_study_config(home, name)
    if json:
        print_json(asdict(detail))
        return
    view = detail.view
    print(f"{name}: {view.state}, {progress_text(detail)}. {view.message}")
    if detail.trials:
        _console().print(trials_table(detail))
    for line in ending_lines(detail, study):
        print(line)


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
