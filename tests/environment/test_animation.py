"""Animations: their frames and durations, and that GIF and MP4 show them."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tetrarium.engine import Games, Move
from tetrarium.environment import EnvConfig
from tetrarium.environment.board_snapshot import make_snapshot
from tetrarium.environment.pictures.animation import Frame, animation_frames, write_gif, write_mp4
from tetrarium.environment.pictures.colors import PIECE_COLORS, THEMES
from tetrarium.environment.pictures.rendering import render_rgb
from tetrarium.errors import ConfigError

SQUARE = 1
NARROW = EnvConfig(width=4, height=4, randomizer="O")
CELL = 8
TEXT = THEMES["dark"].text


def squares(n_pieces: int) -> list[Move]:
    """Squares left and right in turn: every second one clears two rows."""
    games = Games(NARROW.rules(), seed=0, numbers=[0])
    return [games.move(0, 8 * (number % 2)) for number in range(n_pieces)]


def frames(n_pieces: int, **changes: Any) -> list[Frame]:
    looks = {"width": 4, "height": 4, "cell_px": CELL, **changes}
    return list(animation_frames(squares(n_pieces), **looks))


def seconds(made: Sequence[Frame]) -> list[float]:
    return [round(frame.seconds, 9) for frame in made]


def share(picture: npt.NDArray[np.uint8], color: tuple[int, int, int]) -> int:
    """Returns the area of a color, in cells."""
    return int((picture == color).all(axis=2).sum() / CELL**2 + 0.5)


# Frames


def test_each_piece_is_shown_before_it_drops_and_full_rows_flash() -> None:
    made = frames(2, speed=4)
    assert seconds(made) == [0.25, 0.13, 0.12, 2.0]
    first = squares(2)[0].state_t
    np.testing.assert_array_equal(
        made[0].picture,
        render_rgb(
            make_snapshot(columns=first.columns, height=4, queue=first.queue, lines=0, pieces=0, action=0), cell_px=CELL
        ),
    )
    assert [share(frame.picture, TEXT) >= 8 for frame in made] == [False, False, True, False]
    assert share(made[1].picture, PIECE_COLORS[SQUARE]) > share(made[3].picture, PIECE_COLORS[SQUARE])


def test_cells_on_the_board_keep_their_colors() -> None:
    made = frames(3)
    assert all(share(frame.picture, THEMES["dark"].filled) == 0 for frame in made)


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (10, [0.1, 0.05, 0.05, 0.1, 0.05, 0.05, 2.0]),
        (20, [0.05] * 4 + [2.0]),  # too fast for a flash
        (100, [0.04, 2.0]),  # every fourth piece
        (0.5, [2.0, 1.88, 0.12, 2.0, 1.88, 0.12, 2.0]),
    ],
)
def test_an_animation_lasts_according_to_its_speed(speed: float, expected: list[float]) -> None:
    assert seconds(frames(4, speed=speed)) == expected


def test_a_lost_game_ends_with_its_last_piece_above_the_board() -> None:
    tower = EnvConfig(width=4, height=4, randomizer="I")
    games = Games(tower.rules(), seed=0, numbers=[0])
    moves = []
    while not games.terminated[0]:
        moves.append(games.move(0, 1))  # upright, at the left wall
    *_, last = animation_frames(moves, width=4, height=4, cell_px=CELL)
    assert len(moves) == 2
    top = len(last.picture) - CELL - 7 * CELL - CELL // 2  # the middle of row 7, over a floor one cell high
    assert (last.picture[top, CELL + CELL // 2] == PIECE_COLORS[0]).all()
    assert (last.picture[top, CELL + CELL + CELL // 2] != PIECE_COLORS[0]).any()


def test_no_moves_give_no_frames() -> None:
    assert list(animation_frames([], width=4, height=4)) == []


@pytest.mark.parametrize("speed", [0, 0.09, 1001, float("nan")])
def test_a_speed_out_of_range_is_refused_at_the_call(speed: float) -> None:
    with pytest.raises(
        ConfigError, match=r"^speed is 0\.1 to 1,000 pieces per second; got .*\. Choose one in that range"
    ):
        animation_frames([], width=4, height=4, speed=speed)


# Files


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_a_gif_shows_every_frame_for_its_time(theme: str) -> None:
    made = frames(5, speed=8, theme=theme)
    target = BytesIO()
    write_gif(made, target)
    with Image.open(target) as gif:
        assert (gif.n_frames, gif.info["loop"]) == (len(made), 0)
        lasting = []
        for number, frame in enumerate(made):
            gif.seek(number)
            lasting.append(gif.info["duration"])
            shown = np.asarray(gif.convert("RGB")).astype(np.int64)
            differing = np.abs(shown - frame.picture).max(axis=2)
            assert differing.max() <= 16  # letters alone: their shades are fewer
            assert (differing > 0).mean() < 0.05
    assert sum(lasting) == pytest.approx(1_000 * sum(seconds(made)), abs=10)
    assert lasting[-1] == 2_000


def test_a_gif_keeps_time_where_a_frame_is_no_whole_number_of_its_units() -> None:
    picture = frames(1)[0].picture
    target = BytesIO()
    write_gif([Frame(picture=picture, seconds=1 / 30)] * 60, target)
    with Image.open(target) as gif:
        lasting = [gif.seek(number) or gif.info["duration"] for number in range(gif.n_frames)]
    assert (sum(lasting), set(lasting)) == (2_000, {30, 40})


def test_a_gif_of_a_game_is_small() -> None:
    made = frames(200, cell_px=24)
    target = BytesIO()
    write_gif(made, target)
    assert len(target.getvalue()) < 1_500 * len(made)


def test_an_mp4_shows_every_frame_at_its_time() -> None:
    made = frames(5, speed=8, cell_px=24)
    target = BytesIO()
    write_mp4(made, target)
    target.seek(0)
    with av.open(target) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        assert container.duration == pytest.approx(1e6 * sum(seconds(made)), abs=50_000)
    starts = np.cumsum([0.0, *seconds(made)])
    assert len(shown) == len(made) + 1  # the last one once more, so that it stays
    for (time_s, picture), frame, start in zip(shown, made, starts, strict=False):
        assert time_s == pytest.approx(start, abs=0.002)
        assert picture.shape == frame.picture.shape
        assert np.abs(picture.astype(np.int64) - frame.picture).mean() < 3
