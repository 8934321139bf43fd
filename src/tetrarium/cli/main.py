"""Entry point of the command line: the table of commands and their exit codes.

Commands are imported when they are called, so that ``--help`` answers at once. Exit codes: 0 success, 1 failure, 2
wrong usage, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

import contextlib
import errno
import os
import re
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, CycloptsError, Parameter

import tetrarium
from tetrarium.cli.options import convert_option, suggested
from tetrarium.errors import ConfigError, TetrariumError, describe_os_error
from tetrarium.workers.processes.fork_server import prepare_processes

_FAILED: Final = 1
_WRONG_USAGE: Final = 2
_INTERRUPTED: Final = 130
_format_foreign: Final = warnings.formatwarning
_OUTPUT_ERRORS: Final = (errno.EPIPE, errno.ENOSPC, errno.EIO)  # without a path: files name theirs
_HELP_FLAGS: Final = frozenset({"--help", "-h"})

_COMMANDS: Final = {
    "run": ("tetrarium.cli.commands.serve:run", "Train with the default settings and watch it learn in a browser."),
    "train": ("tetrarium.cli.commands.train:train", "Train an agent."),
    "resume": ("tetrarium.cli.commands.train:resume", "Resume a stopped or paused run."),
    "evaluate": ("tetrarium.cli.commands.agents:evaluate", "Evaluate an agent or a controller on fixed seeds."),
    "watch": ("tetrarium.cli.commands.agents:watch", "Watch an agent, a controller or a replay in the terminal."),
    "analyze": ("tetrarium.cli.commands.analyze:analyze", "Analyze a recorded game by an agent: find the mistakes."),
    "play": ("tetrarium.cli.commands.play:play", "Play yourself, in the terminal."),
    "record": ("tetrarium.cli.commands.record:record", "Record a game as GIF, video or replay."),
    "runs": ("tetrarium.cli.commands.runs:app", "List, inspect, label, compare, control, delete and restore runs."),
    "tune": ("tetrarium.cli.commands.tune:app", "Run a study: vary settings and see which matter."),
    "serve": ("tetrarium.cli.commands.serve:serve", "Serve the dashboard for all runs."),
    "bench": ("tetrarium.cli.commands.bench:bench", "Measure how fast this machine plays and learns."),
    "doctor": ("tetrarium.cli.commands.doctor:doctor", "Check that the installation works."),
}

_MODELS: Final = {
    "list": ("models:list_models", "List saved models, or the versions of one."),
    "save": ("models:save_model", "Save the weights of a run or checkpoint as a model version."),
    "show": ("models:show_model", "Show one version of a model."),
    "note": ("models:note_model", "Set the note of a version."),
    "tag": ("models:tag_model", "Add tags to a version or remove them."),
    "promote": ("models:promote_model", "Make this version the default."),
    "export": ("models:export_model", "Export a model to a bundle file."),
    "import": ("models:import_model", "Import a bundle, or the weights of an SB3 model.zip."),
    "delete": ("models:delete_model", "Move a version or a whole model to the trash."),
    "evaluate": ("leaderboard:evaluate_models", "Evaluate models under a protocol, for the leaderboard."),
    "leaderboard": ("leaderboard:show_leaderboard", "Show all results under a protocol, best first."),
    "compare": ("leaderboard:compare_models", "Compare two agents on the same pieces."),
    "restore": ("models:restore_model", "Restore a version or a whole model from the trash."),
}

app = App(
    name="tetrarium",
    help="Train an AI to play Tetris and watch it learn. Start with `tetrarium run`.",
    version=tetrarium.__version__,
    default_parameter=Parameter(converter=convert_option),
)
for _name, (_target, _summary) in _COMMANDS.items():
    app.command(_target, name=_name, help=_summary)
models = App(name="models", help="Save, inspect, share and compare trained models.")
for _name, (_target, _summary) in _MODELS.items():
    models.command(f"tetrarium.cli.commands.{_target}", name=_name, help=_summary)
app.command(models)
app.command(
    "tetrarium.cli.main:install_completion",
    name="--install-completion",
    help="Install shell completion of commands, options, runs and models.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits the process with its exit code."""
    warnings.formatwarning = _format_warning
    _open_standard_streams()
    sys.exit(_exit_code(sys.argv[1:] if arguments is None else list(arguments)))


def _open_standard_streams() -> None:
    """Opens closed standard streams, whose numbers the next files would get, and lets the others write any text."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115 for good
        elif isinstance(stream, TextIOWrapper) and stream.writable():
            stream.reconfigure(errors="replace")


def install_completion(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish", "powershell"] | None, Parameter(help="The shell. [default: the current one]")
    ] = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Write the script to this file and change no other.")
    ] = None,
) -> None:
    """Install shell completion of commands, options, runs and models.

    The script is written where the shell looks for it, and the shell's start-up file loads it.
    """
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError as error:
        raise ConfigError("The current shell is unknown. Add, for example, --shell bash.", field="shell") from error
    remedy = "Start a new shell to use it." if output is None else "Load it in the shell's start-up file to use it."
    print(f"Wrote the completion script to {path}. {remedy}")


def _format_warning(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
    """Formats warnings of this package as one line, and others as Python does."""
    if category.__module__.startswith("tetrarium."):
        return f"tetrarium: {message}\n"
    return _format_foreign(message, category, *place, **line)


def _use_docstring(arguments: list[str]) -> None:
    """Makes ``COMMAND --help`` print the whole docstring; lists of commands contain only the summary."""
    *_, command = app.parse_commands(arguments)[1]
    if command.default_command is not None:
        command.help = None


def _prepare_run() -> None:
    """Announces a run, and loads what its worker needs in a process of its own."""
    print("Starting the dashboard and a training run.", flush=True)
    prepare_processes("tetrarium.workers.processes.trainer")


def _exit_code(arguments: list[str]) -> int:
    if not _HELP_FLAGS.isdisjoint(arguments):
        _use_docstring([word for word in arguments if word not in _HELP_FLAGS])
    home = _home_flag(arguments)
    _note_new_home(home)
    try:
        if arguments[:1] == ["run"] and _HELP_FLAGS.isdisjoint(arguments):
            _prepare_run()
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError:
        return _WRONG_USAGE
    except TetrariumError as error:
        print(f"tetrarium: {_with_home(str(error), home)}", file=sys.stderr)
        return _WRONG_USAGE if isinstance(error, ConfigError) else _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        if not _is_output_lost(error):
            print(f"tetrarium: {describe_os_error(error)}", file=sys.stderr)
        elif not isinstance(error, BrokenPipeError):  # a reader that closed the pipe expects no message
            print(
                f"tetrarium: Standard output cannot be written: {error.strerror}. Redirect it elsewhere.",
                file=sys.stderr,
            )
        return _FAILED
    except MemoryError as error:
        reason = str(error).partition("\n")[0] or "no more can be allocated"
        print(f"tetrarium: There is too little memory: {reason}. Close other programs.", file=sys.stderr)
        return _FAILED
    return result if isinstance(result, int) else 0


def _home_flag(arguments: Sequence[str]) -> str | None:
    """Returns the home that the command line names."""
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        if word == "--home":
            return following
        if word.startswith("--home="):
            return word.removeprefix("--home=")
    return None


def _note_new_home(flag: str | None) -> None:
    """Reports a home that does not exist yet, which may be mistyped."""
    named = flag or os.environ.get("TETRARIUM_HOME")
    if named and not os.path.lexists(os.path.expanduser(named)):  # noqa: PTH111 keeps "~" where there is no home
        print(f"tetrarium: The home {named!r} does not exist yet. Check --home if it should.", file=sys.stderr)


def _with_home(message: str, home: str | None) -> str:
    """Adds the ``--home`` of this command to the commands that a message suggests."""
    return re.sub(r"(?<=`)tetrarium [^`]*(?=`)", lambda found: suggested(found[0], home), message)


def _is_output_lost(error: OSError) -> bool:
    """Returns whether an error is about standard output; then nothing more is written there."""
    is_lost = error.filename is None and error.errno in _OUTPUT_ERRORS
    try:
        sys.stdout.flush()
    except OSError:
        is_lost = True
    if is_lost:
        with contextlib.suppress(OSError):  # for the flush at the exit of Python
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return is_lost
