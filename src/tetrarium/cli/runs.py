"""The commands about runs: ``runs list``, ``show``, ``plot``, ``pause``, ``continue``, ``stop``, ``prune``, ``delete``.

They read what is known of runs, and talk to the processes that train them, wherever those were started. What takes long
to load is loaded by the commands that use it, because a shell that completes a name loads this module.
"""

import json as json_library
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from tetrarium.cli.completing import run_names
from tetrarium.cli.model_tables import print_table
from tetrarium.cli.words import duration_text, lines_text
from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.workers.directory import RunView

__all__ = ["app"]

State = Literal["starting", "running", "paused", "stopping", "stopped", "finished", "failed", "dead"]
RunName = Annotated[str, Parameter(help="The run's name.", completer=run_names)]
HomeOption = Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things; else TETRARIUM_HOME.")]
Json = Annotated[bool, Parameter(negative="", help="Print JSON.")]

_WAIT_S: Final = 60.0  # for a round to end; a generation of the search may take seconds
_LOOK_EVERY_S: Final = 0.1

app = App(name="runs", help="List runs and see how they stand; pause and stop those that train.")
app.command("tetrarium.cli.plotting:plot", name="plot", help="Draw learning curves, in the terminal or to a file.")


@app.command(name="list")
def list_(
    *,
    search: Annotated[str, Parameter(help="Words of its name, algorithm, preset, seed or command.")] = "",
    state: Annotated[list[State] | None, Parameter(negative="", help="What it does; may be given again.")] = None,
    limit: Annotated[int | None, Parameter(help="How many at most.", validator=Number(gte=1))] = None,
    skip: Annotated[int, Parameter(help="How many of the first to leave out.", validator=Number(gte=0))] = 0,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """List runs, those that were started last first."""
    from tetrarium.workers.directory import find_runs

    page = find_runs(Home.locate(home), search=search, states=state or (), limit=limit, offset=skip)
    if json:
        _print_json([asdict(view) for view in page.runs])
        return 0
    if not page.n_runs:
        is_any = not (search or state)
        print("There is no run yet. Start one by `tetrarium train`." if is_any else "There is no run of that kind.")
        return 0
    rows = []
    for view in page.runs:
        mean = "" if view.mean_lines_game is None else lines_text(view.mean_lines_game)
        best = "" if view.best_lines_game is None else f"{view.best_lines_game:,}"
        step = f"{view.step:,} of {view.total_steps:,}"
        rows.append((view.name, view.state, step, mean, best, view.algorithm))
    print_table(("run", "state", "step", "lines a game", "best game", "learns by"), rows)
    shown = skip + len(page.runs)
    if shown < page.n_runs:
        print(f"{len(page.runs):,} of {page.n_runs:,} runs; --skip {shown} shows further ones.")
    return 0


@app.command
def show(name: RunName, *, json: Json = False, home: HomeOption = None) -> int:
    """Show one run: what it does, how far it is, and what it has come to."""
    from tetrarium.workers.directory import read_run

    view = read_run(Home.locate(home), name)
    if json:
        _print_json(asdict(view))
        return 0
    rows = _rows(view)
    widest = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"{label:<{widest}}  {value}")
    return 0


@app.command
def pause(name: RunName, *, json: Json = False, home: HomeOption = None) -> int:
    """Pause a run that trains: no step happens until it is continued. Returns once it is paused."""
    return _ask("pause", name, frozenset({"paused"}), home, json=json)


@app.command(name="continue")
def continue_(name: RunName, *, json: Json = False, home: HomeOption = None) -> int:
    """Let a paused run go on. One whose process has ended goes on by `tetrarium resume`."""
    return _ask("resume", name, frozenset({"running", "starting"}), home, json=json)


@app.command
def stop(name: RunName, *, json: Json = False, home: HomeOption = None) -> int:
    """Stop a run that trains, with a checkpoint. Returns once it has stopped."""
    return _ask("stop", name, frozenset(), home, json=json)


@app.command
def prune(
    names: Annotated[
        list[str] | None, Parameter(negative="", completer=run_names, help="Which runs; all without a name.")
    ] = None,
    *,
    keep: Annotated[int, Parameter(help="How many of a run's latest checkpoints stay.")] = 1,
    yes: Annotated[bool, Parameter(negative="", help="Do it; without, only say what would go.")] = False,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Free space: remove checkpoints that runs do not need to be resumed. Runs that train are left alone."""
    from tetrarium.training.runs import pruning

    located = Home.locate(home)
    found = pruning.find_prunable(located, names or (), keep)
    n_bytes = sum(one.n_bytes for one in found)
    if not json:
        for one in found:
            print(f"{one.name}: {len(one.steps):,} of its checkpoints, {_size(one.n_bytes)}")
    if yes:
        pruning.prune(located, found)
    if json:
        _print_json({"runs": [asdict(one) for one in found], "n_bytes": n_bytes, "is_done": yes})
    elif not found:
        print("There is nothing to free.")
    else:
        print(f"Freed {_size(n_bytes)}." if yes else f"This would free {_size(n_bytes)}. Do it: add --yes")
    return 0


@app.command
def delete(
    name: RunName,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Do it; without, only say what would go.")] = False,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Remove a run with its checkpoints, records and replays. Models that it led to stay."""
    from tetrarium.training.runs import pruning
    from tetrarium.workers.directory import read_run

    located = Home.locate(home)
    read_run(located, name)
    n_bytes = pruning.folder_bytes(located.run_folder(name))
    if yes:
        pruning.delete_run(located, name)
    if json:
        _print_json({"name": name, "n_bytes": n_bytes, "is_done": yes})
    elif yes:
        print(f"Deleted {name}, {_size(n_bytes)}.")
    else:
        print(f"This would delete {name}, {_size(n_bytes)}, for ever. Do it: add --yes")
    return 0


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def _ask(command: str, name: str, wanted: frozenset[str], home: Path | None, *, json: bool) -> int:
    """Sends a command and waits until it has come about; without wanted states until the process has ended."""
    from tetrarium.workers.client import WorkerClient
    from tetrarium.workers.directory import read_run

    located = Home.locate(home)
    read_run(located, name)
    folder = located.run_folder(name)
    with WorkerClient.connect(folder) as worker:
        worker.order(command)
        deadline_s = time.monotonic() + _WAIT_S
        while (view := read_run(located, name)).is_alive and view.state not in wanted:
            if time.monotonic() > deadline_s:
                raise WorkerError(
                    f"A run answers between rounds; {name!r} has not within {_WAIT_S:g} s, and still does when its "
                    "round is over. See `tetrarium runs show`."
                )
            time.sleep(_LOOK_EVERY_S)
    if json:
        _print_json(asdict(view))
    else:
        print(f"{name}: {view.message or view.state}")
    return 0 if not wanted or view.state in wanted else 1


def _rows(view: "RunView") -> list[tuple[str, str]]:
    rows = [
        ("run", view.name),
        ("state", view.state),
        ("", view.message),
        ("error", view.error),
        ("step", f"{view.step:,} of {view.total_steps:,}"),
        ("trained for", duration_text(view.seconds)),
        ("lines a game", "none yet" if view.mean_lines_game is None else lines_text(view.mean_lines_game)),
        ("best game", "" if view.best_lines_game is None else f"{view.best_lines_game:,} lines"),
        ("games ended", "" if view.games_ended is None else f"{view.games_ended:,}"),
        ("speed", _speed(view)),
        ("learns by", view.algorithm + (f", preset {view.preset}" if view.preset else "")),
        ("seed", str(view.seed)),
        ("started", view.started or ""),
        ("command", view.command),
        ("checkpoints", ", ".join(f"{step:,}" for step in view.checkpoints) or "none yet"),
        ("best weights", f"{view.name}@best" if view.has_best else "none yet"),
    ]
    return [(label, value) for label, value in rows if value]


def _speed(view: "RunView") -> str:
    from tetrarium.workers.files import UNDER_WAY

    is_known = view.state in UNDER_WAY and view.steps_per_second is not None
    return f"{view.steps_per_second:,.0f} steps/s" if is_known else ""


def _print_json(value: Any) -> None:
    print(json_library.dumps(value, indent=2))
