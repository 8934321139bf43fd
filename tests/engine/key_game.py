"""Helpers for tests of games by keys: guideline rules, without gravity by default, and key presses."""

from tetrarium.engine import KeyGames, KeyRules, KeyState, parse_board

NOTHING, LEFT, RIGHT, CLOCKWISE, COUNTER, SOFT, HARD, HOLD = range(8)


def guideline(**changes: object) -> KeyRules:
    values: dict[str, object] = {
        "width": 10,
        "height": 20,
        "hidden_rows": 20,
        "randomizer": "7-bag",
        "preview": 5,
        "hold": True,
        "game_over": "guideline",
        "gravity": "none",
    }
    return KeyRules(**(values | changes))  # type: ignore[arg-type]


def game(script: str = "7-bag", board: str | None = None, **changes: object) -> KeyGames:
    games = KeyGames(guideline(randomizer=script, **changes), seed=0, numbers=[0])
    if board is not None:
        games.set_board(0, parse_board(board))
    return games


def press(games: KeyGames, *keys: int) -> KeyState:
    for key in keys:
        games.place(0, key)
    return games.state(0)
