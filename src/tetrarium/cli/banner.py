"""Two lines in the terminal while the page shows the rest: how the run stands, and where to look."""

from rich.console import Group, RenderableType
from rich.text import Text

from tetrarium.cli.display import Draw
from tetrarium.cli.frames import ACCENT, Room, one_line
from tetrarium.cli.story import COMPILING, Story, ending_sentences
from tetrarium.cli.words import duration_text, lines_text, percent_text

__all__ = ["make_banner"]


def make_banner(name: str, url: str) -> Draw:
    """Makes what draws the two lines.

    Args:
        name: The run's.
        url: The page's.
    """

    def draw(story: Story, room: Room, now: float, *, last: bool) -> RenderableType:
        del room
        address = one_line(("Watch it at", "dim"), (url, f"bold {ACCENT}"))
        return Group(*_state_lines(name, story, now), *(() if last else (address,)))  # by then nothing answers there

    return draw


def _state_lines(name: str, story: Story, now: float) -> list[Text]:
    if story.ended is not None:
        return [Text(sentence, overflow="fold") for sentence in ending_sentences(story.ended, name) if sentence]
    if story.compiling_since is not None:
        return [Text(f"{COMPILING} … {duration_text(now - story.compiling_since)}", overflow="fold")]
    progress = story.progress
    if progress is None:
        return [one_line((name, "bold"), ("starting" if story.started is None else _word(story), ACCENT))]
    mean, left = progress.mean_lines_game, progress.seconds_left
    return [
        one_line(
            (name, "bold"),
            (_word(story), ACCENT),
            (percent_text(min(1.0, progress.step / max(1, progress.total_steps))), ""),
            (f"{progress.steps_per_second:,.0f} steps/s", "dim"),
            ("" if mean is None else f"{lines_text(mean)} lines a game", "bold"),
            ("" if left is None else f"{duration_text(left)} left", "dim"),
        )
    ]


def _word(story: Story) -> str:
    """What it does; pauses and stops may be asked for on the page."""
    return story.told.state if story.told is not None and story.told.state in {"paused", "stopping"} else "training"
