"""Commands about runs: all of ``tetrarium runs``.

They also control runs that another terminal or the dashboard started. Heavy imports stay inside the commands, because
shell completion loads this module.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter
from cyclopts.validators import Number

from tetrarium.cli import options
from tetrarium.cli.formatting import (
    durations_text,
    estimated_text,
    lines_text,
    losses_text,
    print_json,
    sample_text,
    times_text,
)
from tetrarium.cli.tables.model_tables import date_text, print_table
from tetrarium.errors import ConfigError, WorkerError
from tetrarium.registry.home import Home
from tetrarium.registry.run_trash import TrashedRun, remove_trashed, restore_run, trashed_runs
from tetrarium.workers.protocol.status_files import DAMAGED, ProcessState

if TYPE_CHECKING:
    from tetrarium.workers.directories.run_status import RunView

RunArgument = Annotated[str, Parameter(help="The run's name.", completer=options.run_names)]

_WAIT_S: Final = 60.0  # for the end of a round; a generation of CMA-ES may take seconds
_POLL_S: Final = 0.1
_MAX_VALUES: Final = 4  # of a setting in a group

app = App(name="runs", help="List, inspect, label, compare, control, delete and restore runs.")
app.command(
    "tetrarium.cli.commands.plot:plot_runs", name="plot", help="Plot learning curves in the terminal or to a file."
)


@app.command(name="list")
def list_(
    *,
    search: Annotated[
        str,
        Parameter(
            help="Terms that all match: words of name, labels, algorithm, preset, seed or command; tag:NAME; "
            "group:NAME; comparisons such as 'gamma<0.9'."
        ),
    ] = "",
    state: Annotated[
        list[ProcessState] | None, Parameter(negative="", help="Only runs in this state; repeatable.")
    ] = None,
    limit: Annotated[int | None, Parameter(help="Maximum number of runs.", validator=Number(gte=1))] = None,
    skip: Annotated[int, Parameter(help="Number of runs to skip.", validator=Number(gte=0))] = 0,
    trash: Annotated[bool, Parameter(negative="", help="List deleted runs, which can be restored.")] = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """List runs, newest first."""
    from tetrarium.workers.directories.run_views import find_runs

    located = Home.locate(home)
    if trash:
        return _print_trash(trashed_runs(located), json=json)
    page = find_runs(located, search=search, states=state or (), limit=limit, offset=skip)
    if json:
        print_json([asdict(view) for view in page.runs])
        return 0
    if not page.n_runs:
        is_unfiltered = not (search or state)
        empty = (
            f"There are no runs yet in {str(located.root)!r}. Start one: {options.suggested('tetrarium train', home)}"
        )
        print(empty if is_unfiltered else "No matching runs.")
        return 0
    rows = []
    has_groups = any(view.group for view in page.runs)
    for view in page.runs:
        mean = "" if view.training_mean is None else lines_text(view.training_mean)
        best = "" if view.best_lines_game is None else f"{view.best_lines_game:,}"
        step = f"{view.step:,} of {view.total_steps:,}"
        group = (view.group or "",) if has_groups else ()
        rows.append((view.name, *group, view.state, step, mean, best, view.algorithm))
    heads = ("group",) if has_groups else ()
    print_table(("run", *heads, "state", "step", "training mean", "best game", "algorithm"), rows)
    for view in page.runs:
        if view.state == DAMAGED:
            print(view.error)
    shown = skip + len(page.runs)
    if shown < page.n_runs:
        print(f"{len(page.runs):,} of {page.n_runs:,} runs; --skip {shown} shows more.")
    return 0


@app.command
def show(name: RunArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Show one run: state, progress and results."""
    from tetrarium.workers.directories.run_views import read_run

    view = read_run(Home.locate(home), name)
    if json:
        print_json(asdict(view))
        return 0
    rows = _rows(view)
    widest = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"{label:<{widest}}  {value}")
    return 0


@app.command
def label(
    names: Annotated[list[str], Parameter(negative="", completer=options.run_names, help="Names of runs.")],
    *,
    group: Annotated[str | None, Parameter(help="New group; empty for none.")] = None,
    tag: Annotated[list[str] | None, Parameter(negative="", help="Tag to add; repeatable.")] = None,
    untag: Annotated[list[str] | None, Parameter(negative="", help="Tag to remove; repeatable.")] = None,
    note: Annotated[str | None, Parameter(help="New note; empty for none.")] = None,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Change group, tags or note of runs, running ones too."""
    from tetrarium.workers.directories.run_views import label_run, read_run

    located = Home.locate(home)
    for name in names:
        read_run(located, name)
    changes = {"group": group, "add_tags": tag or [], "remove_tags": untag or [], "note": note}
    views = [label_run(located, name, **changes) for name in names]
    if json:
        print_json([asdict(view) for view in views])
        return 0
    for view in views:
        print(f"{view.name}: {labels_text(view)}")
    return 0


@app.command
def rename(
    name: RunArgument, new_name: Annotated[str, Parameter(help="Its new name.")], *, home: options.HomeOption = None
) -> int:
    """Rename a run that is not running, also where runs and models name it as their origin."""
    from tetrarium.training.runs.storage.renaming import rename_run

    rename_run(Home.locate(home), name, new_name)
    print(f"Renamed: {name} is {new_name}.")
    return 0


@app.command
def diff(
    names: Annotated[
        list[str],
        Parameter(negative="", completer=options.run_names, help="Names of runs, two or more; group:NAME for a group."),
    ],
    *,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Show the settings in which runs differ."""
    from tetrarium.workers.directories.run_filter import differences
    from tetrarium.workers.directories.run_views import read_compared

    if len(set(names)) < 2 and not names[0].startswith("group:"):
        raise ConfigError(f"A difference is between two or more runs; got {' '.join(names)}. Name another run.")
    compared = read_compared(Home.locate(home), names)
    rows = differences(list(compared.values()))
    if json:
        print_json({"runs": list(compared), "settings": rows})
    elif rows:
        texts = [(name, *(values_text(values) for values in row)) for name, row in rows.items()]
        print_table(("setting", *compared), texts)
    else:
        print("The runs have the same settings.")
    return 0


@app.command
def pause(name: RunArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Pause a run until `tetrarium resume`. Returns once it is paused."""
    return send_command("pause", name, frozenset({"paused"}), home, json=json)


@app.command
def stop(name: RunArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Stop a run and save a checkpoint. Returns once it has stopped."""
    return send_command("stop", name, frozenset(), home, json=json)


@app.command
def prune(
    names: Annotated[
        list[str] | None, Parameter(negative="", completer=options.run_names, help="Names of runs. [default: all]")
    ] = None,
    *,
    keep: Annotated[int, Parameter(help="Number of latest checkpoints to keep per run.")] = 1,
    evaluations: Annotated[
        float | None,
        Parameter(
            help="Instead, delete the stored games of evaluations that were not continued for this number of days; "
            "reports and scores stay."
        ),
    ] = None,
    yes: options.YesOption = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Delete checkpoints that are not needed to resume a run. Active runs are skipped."""
    from tetrarium.evaluation.ledger import delete_ledgers, find_old_ledgers
    from tetrarium.training.runs.storage import checkpoint_cleanup

    located = Home.locate(home)
    old = [] if evaluations is None else find_old_ledgers(located.evaluations, evaluations)
    found = checkpoint_cleanup.find_prunable(located, names or (), keep) if evaluations is None else []
    n_bytes = sum(one.n_bytes for one in found) + sum(one.n_bytes for one in old)
    if not json:
        for one in found:
            print(f"{one.name}: {len(one.steps):,} of its checkpoints, {_size(one.n_bytes)}")
        for ledger in old:
            print(f"Evaluation {ledger.key}: {_size(ledger.n_bytes)}")
    if yes:
        checkpoint_cleanup.prune(located, found)
        delete_ledgers(located.evaluations, old)
    if json:
        print_json(
            {
                "runs": [asdict(one) for one in found],
                "evaluations": [asdict(one) for one in old],
                "n_bytes": n_bytes,
                "is_done": yes,
            }
        )
    elif not n_bytes:
        print("There is nothing to delete.")
    else:
        print(f"Freed {_size(n_bytes)}." if yes else f"This would free {_size(n_bytes)}. To confirm, add --yes")
    return 0


@app.command
def delete(
    name: Annotated[
        str, Parameter(help="The run's name; with --forever also its id in the trash.", completer=options.run_names)
    ],
    *,
    forever: Annotated[
        bool, Parameter(negative="", help="Delete permanently, also from the trash; needs --yes.")
    ] = False,
    yes: options.YesOption = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Move a run to the trash; `runs restore` restores it. Models saved from it are kept.

    With --forever, its checkpoints, records and replays are deleted permanently: those of a run of this name in the
    trash, else those of the run itself.
    """
    from tetrarium.training.runs.storage import checkpoint_cleanup
    from tetrarium.training.runs.storage.folder import require_run

    located = Home.locate(home)
    chosen = [run for run in trashed_runs(located) if name in (run.name, run.id)] if forever else []
    if chosen or yes or not forever:
        chosen = chosen or [checkpoint_cleanup.delete_run(located, name)]
        values = [checkpoint_cleanup.trashed_values(run) for run in chosen]
    else:
        n_bytes = checkpoint_cleanup.folder_bytes(require_run(located, name))
        values = [{"id": None, "name": name, "trashed_s": None, "n_bytes": n_bytes}]
    if forever and yes:
        remove_trashed(chosen)
    size = _size(sum(value["n_bytes"] for value in values))
    if json:
        print_json(values)
    elif not forever:
        undo = options.suggested(f"tetrarium runs restore {name}", home)
        print(f"Moved to the trash: {name}, {size}. Undo: {undo}")
    elif yes:
        print(f"Permanently deleted: {name}, {size}.")
    else:
        print(f"This would permanently delete {name}, {size}. To confirm, add --yes")
    return 0


@app.command
def restore(
    name: Annotated[
        str, Parameter(help="The run's name, or its id in the trash.", completer=options.trashed_run_names)
    ],
    *,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Restore a run from the trash; of several of one name, the latest deleted one."""
    restored = restore_run(Home.locate(home), name)
    if json:
        print_json({"name": restored.name})
    else:
        print(f"Restored: {restored.name}.")
    return 0


def _print_trash(runs: Sequence[TrashedRun], *, json: bool) -> int:
    from tetrarium.training.runs.storage.checkpoint_cleanup import trashed_values

    values = [trashed_values(run) for run in runs]
    if json:
        print_json(values)
    elif values:
        rows = [(value["id"], date_text(value["trashed_s"]), _size(value["n_bytes"])) for value in values]
        print_table(("run", "deleted", "size"), rows)
    else:
        print("The trash is empty.")
    return 0


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def send_command(command: str, name: str, wanted: frozenset[str], home: Path | None, *, json: bool) -> int:
    """Sends a command and waits until the run is in a wanted state; without any, until its process has ended."""
    from tetrarium.workers.directories.run_views import read_run
    from tetrarium.workers.protocol.client import WorkerClient

    located = Home.locate(home)
    read_run(located, name)
    folder = located.run_folder(name)
    with WorkerClient.connect(folder) as worker:
        worker.execute(command)
        deadline_s = time.monotonic() + _WAIT_S
        while (view := read_run(located, name)).is_alive and view.state not in wanted:
            if time.monotonic() > deadline_s:
                raise WorkerError(
                    f"A run executes commands between two rounds; {name!r} has not within {_WAIT_S:g} s and will after "
                    "its current round. See `tetrarium runs show`."
                )
            time.sleep(_POLL_S)
    if json:
        print_json(asdict(view))
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
        ("time", durations_text(view.seconds, view.evaluated_seconds)),
        ("time went to", times_text(view.times or {})),
        ("training mean", _training_mean(view)),
        ("losses", losses_text(view.losses_per_10000_pieces, view.last_loss_step)),
        *_evaluation_rows(view.evaluation),
        ("best game", "" if view.best_lines_game is None else f"{view.best_lines_game:,} lines"),
        ("games ended", "" if view.games_ended is None else f"{view.games_ended:,}"),
        ("speed", _speed(view)),
        ("group", view.group or ""),
        ("tags", ", ".join(view.tags)),
        ("note", view.note),
        ("algorithm", view.algorithm + (f", preset {view.preset}" if view.preset else "")),
        ("seed", str(view.seed)),
        ("started", view.started or ""),
        ("command", view.command),
        ("checkpoints", ", ".join(f"{step:,}" for step in view.checkpoints) or "none yet"),
        ("best weights", f"{view.name}@best" if view.has_best else "none yet"),
    ]
    return [(label, value) for label, value in rows if value]


def values_text(values: Sequence[Any]) -> str:
    """Returns the values of a setting in a run or a group, few of many."""
    from tetrarium.training.runs.storage.run_config import setting_text

    shown = [setting_text(value) for value in values[:_MAX_VALUES]]
    return " | ".join(shown) + (f" | … ({len(values)} values)" if len(values) > len(shown) else "")


def labels_text(view: "RunView") -> str:
    """Returns the labels of a run in one line."""
    group = f"group {view.group}" if view.group else "no group"
    parts = (group, f"tags {', '.join(view.tags)}" if view.tags else "no tags", view.note)
    return "; ".join(filter(None, parts))


def _training_mean(view: "RunView") -> str:
    if view.training_mean is None:
        return "none yet"
    sample = sample_text(view.training_n_ended, view.training_n_running)
    return f"{lines_text(view.training_mean)} lines" + (f" ({sample})" if sample else "")


def _evaluation_rows(row: dict[str, float | None] | None) -> list[tuple[str, str]]:
    """Returns the latest evaluation; files of an earlier version have only some of its numbers."""
    if row is None:
        return []
    values = [row.get(name) for name in ("survival", "n_games", "max_pieces", "lines_until_limit")]
    survival, n_games, max_pieces, lines = (value or 0 for value in values)
    rows = [
        ("survival", f"{survival:,.0f} of {n_games:,.0f} games at {max_pieces:,.0f} pieces"),
        ("lines until the limit", lines_text(lines)),
    ]
    for label, prefix in (("estimated lines per game", "estimated"), ("on the harder game", "harder")):
        if row.get(f"{prefix}_low") is not None:
            mean, low, high = (row.get(f"{prefix}_{name}") for name in ("lines", "low", "high"))
            rows.append((label, estimated_text(mean, low, high)))
    return rows


def _speed(view: "RunView") -> str:
    from tetrarium.workers.protocol.status_files import ACTIVE_STATES

    is_known = view.state in ACTIVE_STATES and view.steps_per_second is not None
    return f"{view.steps_per_second:,.0f} steps/s" if is_known else ""
