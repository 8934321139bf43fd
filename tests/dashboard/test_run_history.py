"""History of runs over REST: search, sorting, pruning, deletion and replays."""

import json
import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.dashboard.finished_runs import STEPS, make_run, save_replay
from tests.dashboard.saved_models import save_model
from tests.dashboard.servers import Server, dashboard
from tests.tuning.studies import study
from tetrarium.dashboard.routes.history import search_runs
from tetrarium.dashboard.routes.replays import make_animation
from tetrarium.environment import EnvConfig
from tetrarium.environment.board_snapshot import PieceGrid
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import LimitReachedError
from tetrarium.evaluation.leaderboard import leaderboard
from tetrarium.evaluation.protocols import find_protocol
from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.training.runs.storage.checkpoint_cleanup import find_prunable
from tetrarium.tuning import create_study
from tetrarium.tuning.study import study_names
from tetrarium.workers.directories.run_views import label_run, list_runs
from tetrarium.workers.protocol.status_files import PROCESS_STATES

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
    save_replay(home.run_folder("kept"), "last-01", N_PIECES)
    save_replay(home.run_folder("kept"), "best-01", 60, seed=2)
    save_replay(home.run_folder("kept"), "first", 40, seed=3)
    with dashboard(root) as served:
        yield served


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def names(answer: httpx.Response) -> list[str]:
    return [run["name"] for run in answer.json()["runs"]]


def test_names_are_in_natural_order(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    names = ["r9", "R10", "r11", "r100"]
    for name in ("r100", "R10", "r9", "r11"):
        make_run(home, name, checkpoints=(300_000, STEPS))
        create_study(home, study(name))
        save_model(tmp_path, name)

    views = list_runs(home)
    assert [view.name for view in views] == names[::-1], "runs of one start time"
    assert [view.name for view in search_runs(views, sort="seed").runs] == names
    for descending in (False, True):
        found = search_runs(views, sort="name", descending=descending).runs
        assert [view.name for view in found] == (names[::-1] if descending else names)
    assert [run.name for run in find_prunable(home, keep=1)] == names
    assert study_names(home) == names
    assert [slot.name for slot in ModelStore(home).slots()] == names
    labels = [entry.agent.label for entry in leaderboard(home, find_protocol("default"))]
    assert [label for label in labels if label.casefold().startswith("r1")] == ["R10@1", "r11@1", "r100@1"]


def test_runs_are_searched_filtered_and_sorted(client: httpx.Client) -> None:
    def found(**params: Any) -> list[str]:
        return names(client.get("/api/history", params=params))

    assert found() == ["kept", "old", "new", "good", "slow"]
    assert found(sort="training_mean") == ["good", "kept", "old", "slow", "new"], "runs without a value are last"
    assert found(sort="training_mean", descending=False) == ["slow", "old", "kept", "good", "new"]
    assert found(sort="name", descending=False, limit=2, offset=1) == ["kept", "new"]
    refused = client.get("/api/history", params={"sort": "gama"})
    assert (refused.status_code, refused.json()["field"]) == (422, "sort")
    assert "Did you mean 'gamma'?" in refused.json()["error"]
    assert found(search="QUICK") == ["good"]
    assert found(search="dqn seed 3") == ["new"]
    assert found(state=["failed", "stopped"]) == ["old", "new"]
    assert found(state=PROCESS_STATES) == found()
    answer = client.get("/api/history", params={"search": "default", "state": ["finished"], "limit": 1}).json()
    assert (answer["n_runs"], answer["n_found"], answer["n_alive"]) == (5, 2, 0)
    assert answer["n_by_state"] == {"finished": 2, "failed": 1, "stopped": 1}


def test_runs_are_sorted_by_a_setting(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    for seed, values in enumerate(({"gamma": 0.95}, {"net_arch": (8,)}, {"gamma": 0.5, "net_arch": (16, 8)})):
        make_run(home, f"r{seed}", seed=seed, **values)
    views = list_runs(home)

    def found(sort: str, *, descending: bool = True) -> list[str]:
        return [view.name for view in search_runs(views, sort=sort, descending=descending).runs]

    assert found("gamma") == ["r0", "r1", "r2"]
    assert found("gamma", descending=False) == ["r2", "r1", "r0"], "a default is a value, too"
    assert found("net_arch", descending=False)[:2] == ["r1", "r2"], "numbers in texts are in natural order"
    assert found("target_lines") == ["r0", "r1", "r2"], "none of them has a value"


def test_a_person_plays_on_from_a_replay_of_a_run_before_its_end(client: httpx.Client) -> None:
    refused = client.post("/api/human-games", json={"start": "kept~best-01", "start_pieces": 61})
    assert (refused.status_code, refused.json()["field"]) == (422, "start_pieces")
    assert refused.json()["error"].startswith("A person plays on from a position before the end, 0 to 60; got 61.")
    assert client.post("/api/human-games", json={"start": "kept~best-02"}).status_code == 404


def test_groups_are_rows_that_open(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    for seed, mean in ((1, 30.0), (2, 10.0), (3, 20.0)):
        make_run(home, f"low-{seed}", seed=seed, mean=mean, gamma=0.8)
        label_run(home, f"low-{seed}", group="low")
    make_run(home, "alone", seed=4, mean=25.0)
    label_run(home, "alone", group="single")
    views = list_runs(home)

    def shown(**options: Any) -> list[str]:
        rows = search_runs(views, sort="training_mean", **options).rows
        return [row.group.name if row.group else ("- " if row.is_member else "") + row.run.name for row in rows]

    assert shown(open_groups=[]) == ["low", "alone"], "a group with one run is that run"
    assert shown(open_groups=["low"]) == ["low", "- low-1", "- low-3", "- low-2", "alone"]
    assert shown(open_groups=["low"], limit=2, offset=3) == ["- low-2", "alone"]
    assert shown(open_groups=[], search="low-1") == ["low-1"]
    found = search_runs(views, open_groups=[])
    (group,) = [row.group for row in found.rows if row.group]
    assert (group.training_mean, group.settings, group.differing) == (20.0, {"gamma": 0.8}, ["seed"])
    assert (found.n_rows, found.n_found, set(found.differing)) == (2, 4, {"gamma", "seed"})


def test_runs_are_labelled_and_renamed(server: Server, client: httpx.Client) -> None:
    home = Home.locate(server.home)
    make_run(home, "plain", seed=6)
    answer = client.patch("/api/runs", json={"names": ["plain"], "group": "rates", "add_tags": ["good"], "note": "n"})
    (run,) = answer.json()
    assert (run["group"], run["tags"], run["note"]) == ("rates", ["good"], "n")
    assert names(client.get("/api/history", params={"search": "tag:good", "collapse": True})) == ["plain"]
    missing = client.patch("/api/runs", json={"names": ["plain", "none"], "group": ""})
    assert missing.status_code == 404 and client.get("/api/runs/plain").json()["group"] == "rates"
    assert client.patch("/api/runs", json={"names": ["plain"], "group": "a b"}).status_code == 422
    assert client.post("/api/runs/plain/rename", json={"name": "kept"}).json()["code"] == "name-taken"
    assert client.post("/api/runs/plain/rename", json={"name": "fancy"}).json()["name"] == "fancy"
    shutil.rmtree(home.run_folder("fancy"))


def test_checkpoints_have_sizes_and_times(client: httpx.Client) -> None:
    body = client.get("/api/runs/kept/checkpoints").json()
    assert [(one["step"], one["n_bytes"], one["is_latest"]) for one in body["checkpoints"]] == [
        (200_000, 1_000, False),
        (300_000, 1_000, True),
    ]
    assert body["best_step"] is None and body["n_bytes"] > 2_000
    assert client.get("/api/runs/new/checkpoints").json()["checkpoints"] == []
    assert client.get("/api/runs/none/checkpoints").status_code == 404


def test_prunable_checkpoints_are_those_that_pruning_deletes(client: httpx.Client) -> None:
    old_run = {"name": "old", "steps": [100_000, 200_000], "n_bytes": 2_000}
    assert client.get("/api/checkpoints/prunable", params={"name": "old", "keep": 2}).json() == {
        "runs": [old_run],
        "n_bytes": 2_000,
    }
    body = client.get("/api/checkpoints/prunable").json()
    assert [(run["name"], len(run["steps"])) for run in body["runs"]] == [("kept", 1), ("old", 3)]
    assert client.post("/api/checkpoints/prune", json={"names": ["old"], "keep": 2}).json()["runs"] == [old_run]
    remaining = client.get("/api/runs/old").json()["checkpoints"]
    assert remaining == [300_000, 400_000]
    answer = client.post("/api/checkpoints/prune", json={"names": ["none"]})
    assert (answer.status_code, answer.json()["error"][:26]) == (404, "There is no run 'none' in ")


def test_a_run_is_deleted_unless_it_is_being_trained_and_restored(client: httpx.Client, server: Server) -> None:
    folder = make_run(Home.locate(server.home), "gone", seed=9)
    before = client.get("/api/activity").json()
    lock = acquire_lock(folder)
    assert client.get("/api/activity").json() == {**before, "n_running": before["n_running"] + 1}
    answer = client.delete("/api/runs/gone")
    assert answer.status_code == 409
    assert "Another process is using 'gone'. Stop it first" in answer.json()["error"]
    os.close(lock)
    trashed = client.delete("/api/runs/gone").json()
    assert trashed["name"] == "gone" and trashed["n_bytes"] > 3_000 and not folder.exists()
    assert client.get("/api/trash/runs").json() == [trashed]
    assert "gone" not in [run["name"] for run in client.get("/api/runs").json()]
    for answer in (client.delete("/api/runs/gone"), client.get("/api/runs/gone")):
        assert (answer.status_code, answer.json()["code"]) == (404, "run-in-trash")
    assert client.post("/api/trash/runs/restore", json={"run": trashed["id"]}).json()["seed"] == 9
    assert folder.exists() and client.get("/api/trash/runs").json() == []
    client.delete("/api/runs/gone")
    make_run(Home.locate(server.home), "gone", seed=8)
    answer = client.post("/api/trash/runs/restore", json={"run": "gone"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name-taken")
    client.delete("/api/runs/gone")
    assert [run["name"] for run in client.delete("/api/trash/runs").json()] == ["gone", "gone"]
    assert client.post("/api/trash/runs/restore", json={"run": "gone"}).status_code == 404


def test_a_branch_needs_a_checkpoint_and_a_free_name(client: httpx.Client, server: Server) -> None:
    damaged = make_run(Home.locate(server.home), "damaged", seed=9)
    metadata = damaged / "checkpoints" / str(STEPS) / "metadata.json"
    record = {"model.zip": {"size": 5, "sha256": "0" * 64}}
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "files": record}))
    before = sorted(path.name for path in (server.home / "runs").iterdir())
    answer = client.post("/api/runs/kept/branch", json={"step": 5})
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "A branch starts at the step of a checkpoint; 'kept' has checkpoints at 200000, 300000; got 5. "
        "Choose one of them."
    )
    answer = client.post("/api/runs/kept/branch", json={"step": 200_000, "name": "slow"})
    assert (answer.status_code, answer.json()["error"][:26]) == (409, "The name 'slow' is taken. ")
    answer = client.post("/api/runs/damaged/branch", json={"step": STEPS})
    assert (answer.status_code, answer.json()["code"]) == (409, "damaged-checkpoint"), answer.text
    assert "model.zip' is missing" in answer.json()["error"]
    assert sorted(path.name for path in (server.home / "runs").iterdir()) == before
    shutil.rmtree(damaged)


def test_replays_are_listed_best_before_latest(client: httpx.Client) -> None:
    body = client.get("/api/runs/kept/replays").json()
    assert [(one["name"], one["pieces"], one["seed"], one["step"]) for one in body] == [
        ("first", 40, 3, 5_000),
        ("best-01", 60, 2, 5_000),
        ("last-01", N_PIECES, 1, 5_000),
    ]
    assert client.get("/api/runs/slow/replays").json() == []


def test_boards_match_the_game_and_its_piece_letters(client: httpx.Client, server: Server) -> None:
    content = (server.home / "runs" / "kept" / "replays" / "last-01.tetris-replay").read_bytes()
    replay = Replay.from_bytes(content)
    board, cells, lines = PieceGrid(10, 20), ["."], [0]
    for move in replay.play():
        board.follow(move)
        cells.append("".join("IOTLJSZx."[cell] for cell in board.cells.ravel()).rstrip("."))
        lines.append(move.state_tp1.lines)
    cells[0] = ""
    for first in (0, 200, 400):
        body = client.get("/api/runs/kept/replays/last-01/boards", params={"first": first}).json()
        assert (body["first"], body["n_pieces"], body["width"], body["height"]) == (first, N_PIECES, 10, 20)
        assert body["cells"] == cells[first : first + 200]
        assert body["lines"] == lines[first : first + 200]
        assert all(len(body[name]) == len(body["cells"]) for name in ("queue", "held", "score", "placed", "ghost"))
        assert body["ghost"][:-1] == body["placed"][1:], "a piece is placed at its ghost"
    assert (len(body["cells"]), body["ghost"][-1]) == (51, [])
    answer = client.get("/api/runs/kept/replays/last-01/boards", params={"first": N_PIECES + 1})
    assert answer.status_code == 422
    assert answer.json()["error"] == "first must be at most 450, the pieces of the game; got 451."


def test_a_replay_is_downloaded_as_file_and_gif(client: httpx.Client) -> None:
    answer = client.get("/api/runs/kept/replays/first/file")
    assert answer.headers["content-disposition"] == 'attachment; filename="kept-first.json"'
    small = client.get("/api/runs/kept/replays/first/file", params={"kind": "tetris-replay"})
    assert Replay.from_json(answer.content) == Replay.from_bytes(small.content)
    gif_response = client.get("/api/runs/kept/replays/first/gif", params={"first": 10, "n_pieces": 5, "speed": 20})
    assert gif_response.headers["content-disposition"] == 'attachment; filename="kept-first.gif"'
    with Image.open(BytesIO(gif_response.content)) as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 6)


def test_a_partial_gif_equals_that_part_of_the_whole_gif() -> None:
    config = EnvConfig(width=4, height=4, randomizer="O")
    replay = Replay(
        env_config=config,
        seed=0,
        game=0,
        actions=pack_actions(config, [0, 8, 0, 8]),
        lines=4,
        pieces=4,
        terminated=False,
    )

    def gif_frames(first: int) -> list[Any]:
        with Image.open(BytesIO(make_animation(replay, first=first, n_pieces=4, speed=30))) as gif:
            found = []
            for number in range(gif.n_frames):
                gif.seek(number)
                found.append(np.asarray(gif.convert("RGB")))
            return found

    assert [frame.tobytes() for frame in gif_frames(2)] == [frame.tobytes() for frame in gif_frames(0)[1:]]


def test_invalid_replays_are_rejected(client: httpx.Client, server: Server) -> None:
    assert client.get("/api/runs/kept/replays/best-02/boards").status_code == 404
    assert client.get("/api/runs/kept/replays/..%2Fconfig/boards").status_code == 404
    assert client.get("/api/runs/kept/replays/config/boards").status_code == 422
    folder = server.home / "runs" / "kept" / "replays"
    config = EnvConfig()
    wrong = Replay(env_config=config, seed=1, game=0, actions=bytes([39] * 3), lines=0, pieces=3, terminated=False)
    (folder / "best-09.tetris-replay").write_bytes(wrong.to_bytes())
    (folder / "best-10.tetris-replay").write_bytes(b"no replay")
    answer = client.get("/api/runs/kept/replays/best-09/boards")
    assert (answer.status_code, answer.json()["error"][:37]) == (409, "Every action of a replay is legal; ac")
    answer = client.get("/api/runs/kept/replays/best-10/boards")
    assert (answer.status_code, answer.json()["error"][:27]) == (409, "A replay begins with one li")
    body = client.get("/api/runs/kept/replays").json()
    assert "best-10" not in [one["name"] for one in body]
    for name in ("best-09", "best-10"):
        (folder / f"{name}.tetris-replay").unlink()


def test_one_gif_is_rendered_at_a_time() -> None:
    from tetrarium.dashboard.routes import replays

    replay = Replay(env_config=EnvConfig(), seed=0, game=0, actions=b"", lines=0, pieces=0, terminated=False)
    with replays._GIF_LOCK, pytest.raises(LimitReachedError, match="One animation is rendered at a time"):
        make_animation(replay, first=0, n_pieces=1, speed=10)
