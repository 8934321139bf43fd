"""Training on workers, for ``train --on`` and ``resume --on``."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from tetrarium.cli.evaluations import evaluate_run
from tetrarium.cli.seeded_runs import SeededRun
from tetrarium.cli.tables.report_tables import seeds_lines
from tetrarium.cli.terminal.log_lines import PlainDisplay
from tetrarium.cli.terminal.run_display import make_display
from tetrarium.environment import EnvConfig
from tetrarium.errors import ExecutorError, HomeError, TetrariumError
from tetrarium.registry.files.atomic import remove_directory
from tetrarium.registry.run_labels import change_labels
from tetrarium.signals import EXIT_CODES, received_stop_signals
from tetrarium.training import TrainingConfig

if TYPE_CHECKING:
    from tetrarium.workers.processes.remote_runs import RemotePlace

_SEEDS_S: Final = 30.0  # between two lines of progress of one of several runs
_JOIN_S: Final = 0.2


def train_on(place: "RemotePlace", name: str | None, configs: tuple[EnvConfig, TrainingConfig], **new: Any) -> int:
    """Trains a new run; one that is refused is deleted again, one that can be resumed is kept.

    ``new``: as for ``create_run``.
    """
    from tetrarium.training.runs.storage.folder import checkpoint_steps
    from tetrarium.training.runs.storage.run_config import create_run

    with make_display(sys.stdout) as display:
        created = create_run(place.home, name, *configs, **new).name
        try:
            return resume_on(place, created, display)
        except (ExecutorError, HomeError):  # their remedies name the run
            raise
        except TetrariumError:
            folder = place.home.run_folder(created)
            if not checkpoint_steps(folder):
                remove_directory(folder)
            raise


def resume_on(
    place: "RemotePlace",
    name: str,
    display: Any,
    *,
    changes: Mapping[str, Any] | None = None,
    trust: bool = False,
    any_cpu: bool = False,
) -> int:
    """Trains an existing run; Ctrl-C and its like stop it after the present piece, and a second one at once."""
    from tetrarium.workers.processes.remote_runs import RemoteRun, RunOptions

    run = RemoteRun(place, name, display.handle, RunOptions(changes=changes or {}, trust=trust, any_cpu=any_cpu))
    with received_stop_signals(place.stopper([run])) as received:
        run.execute()
    return EXIT_CODES[received[0]] if received else 0


def train_seeds_on(
    place: "RemotePlace",
    asked: list[SeededRun],
    configs: tuple[EnvConfig, TrainingConfig],
    where: dict[str, Any],
    *,
    group: str | None,
    **new: Any,
) -> int:
    """Trains all runs at once, evaluates them in the same place, and compares them.

    Args:
        place: Where.
        asked: The runs.
        configs: Their settings, but for the seed.
        where: The place as arguments of ``evaluate_in``.
        group: Name of their group; by default that of the first run, and "-seeds".
        **new: As for ``create_run``.
    """
    from tetrarium.training.runs.storage.run_config import create_run

    with ExitStack() as displays:
        runs = []
        for one in asked:
            name = one.name
            if name is None or not one.is_begun:
                seeded = configs[1].with_changes(seed=one.seed)
                name = create_run(place.home, name, configs[0], seeded, group=group, **new).name
            if group is None:
                group = f"{name}-seeds"
                change_labels(place.home.run_folder(name), group=group)
            lines = displays.enter_context(PlainDisplay(sys.stdout, interval_s=_SEEDS_S, prefix=f"{name}: "))
            runs.append(place.start(name, lines.handle))
        with received_stop_signals(place.stopper(runs)) as received:
            while not place.join(_JOIN_S):
                pass
    place.check()
    reports = []
    for one, run in zip(asked, runs, strict=True):
        if run.error is not None:
            raise run.error
        if not received:
            with make_display(sys.stdout) as display:
                reports.append((run.name, one.seed, evaluate_run(run.folder, display, where)))
    for line in seeds_lines(reports) if reports else ():
        print(line)
    return EXIT_CODES[received[0]] if received else 0
