"""``tune NAME``, which tries settings out, and ``tune list``, ``show``, ``settings``, ``pause`` and the like."""

import json as json_library
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from types import FrameType
from typing import Annotated, Any, Final

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from tetrarium.cli.completing import study_names
from tetrarium.cli.configuration import read_configs
from tetrarium.cli.study_display import showing_study
from tetrarium.cli.study_tables import ending_lines, progress_text, studies_table, trials_table
from tetrarium.cli.training import HomeOption
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.tuning import (
    OBJECTIVES,
    SAMPLERS,
    StudyConfig,
    Tuner,
    carry_out,
    create_study,
    extend_study,
    has_study,
    list_studies,
    parse_range,
    read_study,
    read_study_config,
    variable_settings,
)
from tetrarium.tuning.ranges import setting_meaning
from tetrarium.workers.client import WorkerClient

__all__ = ["app"]

_STOPPED: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}  # the last: the terminal was closed
_WIDTH: Final = 160  # of tables that go to a pipe or a file
_OF_THE_STUDY: Final = ("preset", "env_config", "training_config", "ranges", "objective", "sampler", "seed", "prunes")

StudyName = Annotated[
    str, Parameter(help="The study's name; its trials are the runs NAME-0001 and so on.", completer=study_names)
]
Json = Annotated[bool, Parameter(negative="", help="Print JSON.")]

app = App(
    name="tune",
    help="Try settings out, a run for each, and see which mattered. The same name again goes on where it stopped.",
)


def _choices(words: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {meaning}" for name, meaning in words.items()) + "."


@app.default
def tune(
    name: StudyName,
    *,
    vary: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="A setting and its values: learning_rate=1e-4..1e-2:log, batch_size=64..512:log:4 (four values), "
            "n_steps=1,2,3, net_arch=[32],[64,64]. May be given several times.",
        ),
    ] = None,
    preset: Annotated[str | None, Parameter(help="What all trials share, as for train. [default: default]")] = None,
    assignments: Annotated[
        list[str] | None, Parameter(name="--set", negative="", help="A setting that all trials share, as key=value.")
    ] = None,
    trials: Annotated[int | None, Parameter(help="How many; more later, by the same name. [default: 20]")] = None,
    at_once: Annotated[int | None, Parameter(help="How many side by side. [default: 1]")] = None,
    steps: Annotated[int | None, Parameter(help="Placements that a trial learns from.")] = None,
    objective: Annotated[str | None, Parameter(help=f"{_choices(OBJECTIVES)} [default: lines]")] = None,
    sampler: Annotated[str | None, Parameter(help=f"{_choices(SAMPLERS)} [default: tpe]")] = None,
    seed: Annotated[int | None, Parameter(help="Of what is drawn; same seed, same trials. [default: 0]")] = None,
    prune: Annotated[
        bool | None, Parameter(negative="", help="Stop trials early that are below the median of the others.")
    ] = None,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Try settings out. Each trial is an ordinary run, judged by its own evaluation on games that are always the same.

    Ctrl-C stops, with checkpoints; the same name again goes on, also after a crash.
    """
    located = Home.locate(home)
    given: dict[str, Any] = {"objective": objective, "sampler": sampler, "seed": seed, "prunes": prune}
    is_described = any(value is not None for value in (vary, preset, assignments, steps, *given.values()))
    if is_described or not has_study(located, name):
        configs = read_configs(preset or "default", None, assignments or [], {"total_timesteps": steps})
        asked = StudyConfig(
            name=name,
            preset=preset or "default",
            env_config=configs[0],
            training_config=configs[1],
            ranges=tuple(parse_range(text) for text in vary or ()),
            **{key: value for key, value in given.items() if value is not None},
        )
        _begin(located, asked, trials, at_once)
    extend_study(located, name, n_trials=trials, n_at_once=at_once)
    return _carry_out(located, name, json=json)


def _begin(home: Home, asked: StudyConfig, n_trials: int | None, n_at_once: int | None) -> None:
    """Makes a new study, or holds what is asked for against the one that is there."""
    if not has_study(home, asked.name):
        n_default = min(asked.n_trials, asked.n_combinations or asked.n_trials)
        n_default = n_default if asked.sampler == "grid" else asked.n_trials
        create_study(home, replace(asked, n_trials=n_trials or n_default, n_at_once=n_at_once or asked.n_at_once))
        return
    there = read_study_config(home, asked.name)
    for part in _OF_THE_STUDY:
        if getattr(there, part) != getattr(asked, part):
            raise ConfigError(
                f"A study goes on with what it began with, and {asked.name!r} has another {part.replace('_', ' ')}. "
                f"Go on by `tetrarium tune {asked.name}`, or begin a study of another name."
            )


def _carry_out(home: Home, name: str, *, json: bool) -> int:
    control = Control()
    with _stopping(control) as (received, tuners), showing_study(home, name, sys.stderr if json else sys.stdout):
        carry_out(home, name, control, begun=tuners.append)
    _print_study(home, name, json=json)
    return _STOPPED[received[0]] if received else 0


@contextmanager
def _stopping(control: Control) -> Iterator[tuple[list[signal.Signals], list[Tuner]]]:
    """A signal stops the trials, with checkpoints; a second one leaves them to themselves."""
    received: list[signal.Signals] = []
    tuners: list[Tuner] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        control.ask_to_stop()
        if len(received) > 1:
            for tuner in tuners:
                tuner.leave()

    previous = {number: signal.signal(number, stop) for number in _STOPPED}
    try:
        yield received, tuners
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@app.command(name="list")
def list_(*, json: Json = False, home: HomeOption = None) -> int:
    """List all studies, those that were begun last first."""
    views = list_studies(Home.locate(home))
    if json:
        print(json_library.dumps([asdict(view) for view in views], indent=2))
    elif not views:
        print("There is no study yet. Begin one by `tetrarium tune NAME --vary learning_rate=1e-4..1e-2:log`.")
    else:
        _console().print(studies_table(views))
    return 0


@app.command
def show(name: StudyName, *, json: Json = False, home: HomeOption = None) -> int:
    """Show one study: its trials, the best settings, and which settings mattered."""
    _print_study(Home.locate(home), name, json=json)
    return 0


@app.command
def settings() -> int:
    """List the settings that may be varied, what each takes, and what it means."""
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "takes", "meaning"):
        table.add_column(column, no_wrap=column != "meaning")
    for name in variable_settings():
        table.add_row(name, *setting_meaning(name))
    _console().print(table)
    return 0


@app.command
def pause(name: StudyName, *, home: HomeOption = None) -> int:
    """Pause a study that is under way, and its trials with it."""
    return _say(name, "pause", home)


@app.command(name="continue")
def continue_(name: StudyName, *, home: HomeOption = None) -> int:
    """Let a paused study go on. One whose process has ended goes on by `tetrarium tune NAME`."""
    return _say(name, "resume", home)


@app.command
def stop(name: StudyName, *, home: HomeOption = None) -> int:
    """Stop a study that is under way; its trials stop with checkpoints."""
    return _say(name, "stop", home)


def _say(name: str, command: str, home: HomeOption) -> int:
    located = Home.locate(home)
    read_study_config(located, name)
    with WorkerClient.connect(located.study_folder(name)) as worker:
        answer = worker.order(command)
    print(f"{name}: {answer['message']}")
    return 0


def _print_study(home: Home, name: str, *, json: bool) -> None:
    detail, study = read_study(home, name), read_study_config(home, name)
    if json:
        print(json_library.dumps(asdict(detail), indent=2))
        return
    view = detail.view
    print(f"{name}: {view.state}, {progress_text(detail)}. {view.message}")
    if detail.trials:
        _console().print(trials_table(detail))
    for line in ending_lines(detail, study):
        print(line)


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
