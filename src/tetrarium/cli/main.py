"""The commands by name, and what their endings mean to a shell.

Commands are imported when they are called, so that ``--help`` answers at once. Exit codes: 0 done, 1 failed, 2 wrong
usage, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError

import tetrarium
from tetrarium.errors import ConfigError, TetrariumError

__all__ = ["main"]

_FAILED: Final = 1
_WRONG_USAGE: Final = 2
_INTERRUPTED: Final = 130

_COMMANDS: Final = {
    "run": ("tetrarium.cli.serving:run", "Train with the defaults, and watch it learn in a browser."),
    "train": ("tetrarium.cli.training:train", "Train an agent."),
    "resume": ("tetrarium.cli.training:resume", "Go on with a run that was stopped."),
    "evaluate": ("tetrarium.cli.playing:evaluate", "Measure how well an agent or a known controller plays."),
    "watch": ("tetrarium.cli.playing:watch", "Watch an agent, a known controller or a replay in the terminal."),
    "play": ("tetrarium.cli.play:play", "Play yourself, in the terminal."),
    "record": ("tetrarium.cli.recording:record", "Make a GIF, a video or a replay of a game."),
    "runs": ("tetrarium.cli.runs:app", "List runs; pause, continue and stop those that train."),
    "tune": ("tetrarium.cli.tuning:app", "Try settings out, a run for each, and see which mattered."),
    "serve": ("tetrarium.cli.serving:serve", "Serve the dashboard, where runs are watched and controlled."),
    "bench": ("tetrarium.cli.bench:bench", "Measure how fast this machine plays and learns."),
    "doctor": ("tetrarium.cli.doctor:doctor", "Check that everything tetrarium needs is there and works."),
}

_MODELS: Final = {
    "list": ("models:list_models", "List saved models, or the versions of one."),
    "save": ("models:save_model", "Save what a run or a checkpoint has learnt as a version of a model."),
    "show": ("models:show_model", "Tell all about one version of a model."),
    "note": ("models:note_model", "Write down what there is to say about a version."),
    "tag": ("models:tag_model", "Add tags to a version, or take them away."),
    "promote": ("models:promote_model", "Let the model's name stand for this version."),
    "export": ("models:export_model", "Write a model to a file that others can import."),
    "import": ("models:import_model", "Take in somebody's bundle or model.zip; nothing in it is run."),
    "delete": ("models:delete_model", "Move a version, or a whole model, to the trash."),
    "measure": ("leaderboard:measure_models", "Measure models under a protocol, for the leaderboard."),
    "leaderboard": ("leaderboard:show_leaderboard", "Show what was measured under a protocol, the best first."),
    "compare": ("leaderboard:compare_models", "Let two play the same pieces, and say whether one is better."),
    "restore": ("models:restore_model", "Take a version, or a whole model, back from the trash."),
}

app = App(
    name="tetrarium",
    help="Train an AI to play Tetris, and watch it learn. `tetrarium run` is where to begin.",
    version=tetrarium.__version__,
)
for _name, (_target, _summary) in _COMMANDS.items():
    app.command(_target, name=_name, help=_summary)
models = App(name="models", help="Keep, tell, share and compare trained models.")
for _name, (_target, _summary) in _MODELS.items():
    models.command(f"tetrarium.cli.{_target}", name=_name, help=_summary)
app.command(models)
app.register_install_completion_command(help="Let your shell complete commands, options, runs and models.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and leaves the process with its exit code."""
    sys.exit(_exit_code(sys.argv[1:] if arguments is None else list(arguments)))


def _exit_code(arguments: list[str]) -> int:
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return _WRONG_USAGE
    except TetrariumError as error:
        print(f"tetrarium: {error}", file=sys.stderr)
        return _WRONG_USAGE if isinstance(error, ConfigError) else _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return _FAILED
    except OSError as error:
        place = f" {error.filename!r}" if error.filename is not None else ""
        print(f"tetrarium: The system refused{place}: {error.strerror or error}. Make room or choose another place.",
              file=sys.stderr)  # fmt: skip
        return _FAILED
    return result if isinstance(result, int) else 0
