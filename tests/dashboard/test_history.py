"""The history of runs over REST: found, put in order, pruned and removed; and the games that they kept."""

import os
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.dashboard.histories import STEPS, keep_replay, make_run
from tests.dashboard.servers import Server, dashboard
from tetrarium.dashboard.replaying import make_gif
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.environment.scene import ColourBoard
from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import take_lock

N_PIECES = 450


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("home")
    home = Home.locate(root)
    make_run(home, "slow", seed=1, mean=10.0)
    make_run(home, "good", seed=2, mean=2_000.0, preset="quick")
    make_run(home, "new", seed=3, state="stopped", rows=0, checkpoints=(), algorithm="qr-dqn")
    make_run(home, "old", seed=4, mean=50.0, state="failed", checkpoints=(100_000, 200_000, 300_000, STEPS))
    make_run(home, "kept", seed=5, checkpoints=(200_000, 300_000))
    keep_replay(home.run_folder("kept"), "last-01", N_PIECES)
    keep_replay(home.run_folder("kept"), "best-01", 60, seed=2)
    keep_replay(home.run_folder("kept"), "first", 40, seed=3)
    with dashboard(root) as served:
        yield served


@pytest.fixture
def asked(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def names(answer: httpx.Response) -> list[str]:
    return [run["name"] for run in answer.json()["runs"]]


def test_runs_are_searched_filtered_and_put_in_order(asked: httpx.Client) -> None:
    def found(**params: Any) -> list[str]:
        return names(asked.get("/api/history", params=params))

    assert found() == ["kept", "old", "new", "good", "slow"]
    assert found(sort="mean_lines_game") == ["good", "kept", "old", "slow", "new"], "without a value, last"
    assert found(sort="mean_lines_game", descending=False) == ["slow", "old", "kept", "good", "new"]
    assert found(sort="name", descending=False, limit=2, offset=1) == ["kept", "new"]
    assert found(search="QUICK") == ["good"]
    assert found(search="dqn seed 3") == ["new"]
    assert found(state=["failed", "stopped"]) == ["old", "new"]
    answer = asked.get("/api/history", params={"search": "default", "state": ["finished"], "limit": 1}).json()
    assert (answer["n_runs"], answer["n_found"], answer["n_alive"]) == (5, 2, 0)
    assert answer["n_by_state"] == {"finished": 2, "failed": 1, "stopped": 1}


def test_checkpoints_are_told_with_size_and_time(asked: httpx.Client) -> None:
    told = asked.get("/api/runs/kept/checkpoints").json()
    assert [(one["step"], one["n_bytes"], one["is_latest"]) for one in told["checkpoints"]] == [
        (200_000, 1_000, False),
        (300_000, 1_000, True),
    ]
    assert told["best_step"] is None and told["n_bytes"] > 2_000
    assert asked.get("/api/runs/new/checkpoints").json()["checkpoints"] == []
    assert asked.get("/api/runs/none/checkpoints").status_code == 404


def test_pruning_tells_before_what_it_does(asked: httpx.Client) -> None:
    wanted = {"name": "old", "steps": [100_000, 200_000], "n_bytes": 2_000}
    assert asked.get("/api/prunable", params={"name": "old", "keep": 2}).json() == {"runs": [wanted], "n_bytes": 2_000}
    told = asked.get("/api/prunable").json()
    assert [(run["name"], len(run["steps"])) for run in told["runs"]] == [("kept", 1), ("old", 3)]
    assert asked.post("/api/prune", json={"names": ["old"], "keep": 2}).json()["runs"] == [wanted]
    left = asked.get("/api/runs/old").json()["checkpoints"]
    assert left == [300_000, 400_000]
    answer = asked.post("/api/prune", json={"names": ["none"]})
    assert (answer.status_code, answer.json()["error"][:26]) == (409, "There is no run 'none' in ")


def test_a_run_is_removed_but_not_while_it_is_trained(asked: httpx.Client, server: Server) -> None:
    folder = make_run(Home.locate(server.home), "gone", seed=9)
    lock = take_lock(folder)
    answer = asked.delete("/api/runs/gone")
    assert answer.status_code == 409
    assert "'gone' is being trained by another. Stop that one first" in answer.json()["error"]
    os.close(lock)
    answer = asked.delete("/api/runs/gone")
    assert answer.json()["name"] == "gone" and answer.json()["n_bytes"] > 3_000
    assert not folder.exists()
    assert asked.delete("/api/runs/gone").status_code == 404


def test_a_branch_needs_a_checkpoint_and_a_free_name(asked: httpx.Client, server: Server) -> None:
    before = sorted(path.name for path in (server.home / "runs").iterdir())
    answer = asked.post("/api/runs/kept/branch", json={"step": 5})
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "A run goes on from a checkpoint, and the steps at which 'kept' has one are 200000, 300000; got 5. "
        "Name one of them."
    )
    answer = asked.post("/api/runs/kept/branch", json={"step": 200_000, "name": "slow"})
    assert (answer.status_code, answer.json()["error"][:42]) == (409, "A new run needs a new name, and 'slow' is ")
    answer = asked.post("/api/runs/kept/branch", json={"step": 200_000})
    assert answer.status_code == 409 and "metadata.json" in answer.json()["error"], "it is no real checkpoint"
    assert sorted(path.name for path in (server.home / "runs").iterdir()) == before


def test_kept_games_are_listed_the_best_before_the_latest(asked: httpx.Client) -> None:
    told = asked.get("/api/runs/kept/replays").json()
    assert [(one["name"], one["pieces"], one["seed"], one["step"]) for one in told] == [
        ("first", 40, 3, 5_000),
        ("best-01", 60, 2, 5_000),
        ("last-01", N_PIECES, 1, 5_000),
    ]
    assert asked.get("/api/runs/slow/replays").json() == []


def test_boards_are_those_of_the_game_with_its_colours(asked: httpx.Client, server: Server) -> None:
    content = (server.home / "runs" / "kept" / "replays" / "last-01.tetris-replay").read_bytes()
    replay = Replay.from_bytes(content)
    board, cells, lines = ColourBoard(10, 20), ["."], [0]
    for move in replay.play():
        board.follow(move)
        cells.append("".join("IOTLJSZx."[cell] for cell in board.cells.ravel()).rstrip("."))
        lines.append(move.state_tp1.lines)
    cells[0] = ""
    for first in (0, 200, 400):
        told = asked.get("/api/runs/kept/replays/last-01/boards", params={"first": first}).json()
        assert (told["first"], told["n_pieces"], told["width"], told["height"]) == (first, N_PIECES, 10, 20)
        assert told["cells"] == cells[first : first + 200]
        assert told["lines"] == lines[first : first + 200]
        assert all(len(told[name]) == len(told["cells"]) for name in ("queue", "held", "score", "placed", "ghost"))
        assert told["ghost"][:-1] == told["placed"][1:], "a piece rests where it was said to"
    assert (len(told["cells"]), told["ghost"][-1]) == (51, [])
    answer = asked.get("/api/runs/kept/replays/last-01/boards", params={"first": N_PIECES + 1})
    assert answer.status_code == 422
    assert answer.json()["error"] == "first is at most the 450 pieces of the game; got 451. Ask for less."


def test_a_game_is_taken_away_as_file_and_film(asked: httpx.Client) -> None:
    answer = asked.get("/api/runs/kept/replays/first/file")
    assert answer.headers["content-disposition"] == 'attachment; filename="kept-first.json"'
    small = asked.get("/api/runs/kept/replays/first/file", params={"kind": "tetris-replay"})
    assert Replay.from_json(answer.content) == Replay.from_bytes(small.content)
    film = asked.get("/api/runs/kept/replays/first/gif", params={"first": 10, "n_pieces": 5, "speed": 20})
    assert film.headers["content-disposition"] == 'attachment; filename="kept-first.gif"'
    with Image.open(BytesIO(film.content)) as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 6)


def test_a_film_of_a_part_shows_what_the_whole_one_does() -> None:
    config = EnvConfig(width=4, height=4, randomizer="O")
    replay = Replay(
        env_config=config, seed=0, game=0, actions=pack_actions(config, [0, 8, 0, 8]), lines=4, pieces=4, over=False
    )

    def pictures(first: int) -> list[Any]:
        with Image.open(BytesIO(make_gif(replay, first=first, n_pieces=4, speed=30))) as gif:
            found = []
            for number in range(gif.n_frames):
                gif.seek(number)
                found.append(np.asarray(gif.convert("RGB")))
            return found

    assert [picture.tobytes() for picture in pictures(2)] == [picture.tobytes() for picture in pictures(0)[1:]]


def test_what_is_no_game_is_refused(asked: httpx.Client, server: Server) -> None:
    assert asked.get("/api/runs/kept/replays/best-02/boards").status_code == 404
    assert asked.get("/api/runs/kept/replays/..%2Fconfig/boards").status_code == 404
    assert asked.get("/api/runs/kept/replays/config/boards").status_code == 422
    folder = server.home / "runs" / "kept" / "replays"
    config = EnvConfig()
    wrong = Replay(env_config=config, seed=1, game=0, actions=bytes([39] * 3), lines=0, pieces=3, over=False)
    (folder / "best-09.tetris-replay").write_bytes(wrong.to_bytes())
    (folder / "best-10.tetris-replay").write_bytes(b"no replay")
    answer = asked.get("/api/runs/kept/replays/best-09/boards")
    assert (answer.status_code, answer.json()["error"][:37]) == (409, "Every action of a replay is legal; ac")
    answer = asked.get("/api/runs/kept/replays/best-10/boards")
    assert (answer.status_code, answer.json()["error"][:27]) == (409, "A replay begins with one li")
    told = asked.get("/api/runs/kept/replays").json()
    assert "best-10" not in [one["name"] for one in told]
    for name in ("best-09", "best-10"):
        (folder / f"{name}.tetris-replay").unlink()


def test_one_film_is_made_at_a_time() -> None:
    from tetrarium.dashboard import replaying

    replay = Replay(env_config=EnvConfig(), seed=0, game=0, actions=b"", lines=0, pieces=0, over=False)
    with replaying._FILMING, pytest.raises(WorkerError, match="One film is made at a time, and one is being made"):
        make_gif(replay, first=0, n_pieces=1, speed=10)
