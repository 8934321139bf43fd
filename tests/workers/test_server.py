"""A worker's sockets: authentication, commands, events and robustness."""

import json
import os
import socket
import stat
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio

from tests.workers.servers import board, listening, wait_for
from tetrarium.errors import ConfigError, WorkerError
from tetrarium.events import BoardShown, ControlChanged, Event, Progress, RunEnded, StateChanged, event_to_json
from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.training.runs.control import Subscription
from tetrarium.workers.protocol import server as server_module
from tetrarium.workers.protocol.client import AsyncWorkerClient, WorkerClient
from tetrarium.workers.protocol.commands import DEMO
from tetrarium.workers.protocol.curve_keys import CurveKeys, new_token
from tetrarium.workers.protocol.status_files import Address, read_address, read_state

PROGRESS = Progress(
    step=5, total_steps=100, steps_per_second=2.5, seconds=2.0, seconds_left=None, games_ended=1,
    training_mean=0.5, training_n_ended=0, training_n_running=2, games_lost=0,
        best_lines_game=1, lines_total=1, exploration_rate=0.1, loss=None,
)  # fmt: skip


def heard(worker: WorkerClient, kind: type[Event], publish: Any) -> Event:
    """Publishes until an event of a type arrives, because a new subscription takes a moment."""

    def look() -> Event | None:
        publish()
        return next((event for event in worker.events(0.05) if isinstance(event, kind)), None)

    return wait_for(look)


def test_the_address_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with listening(tmp_path):
        path = tmp_path / "worker.json"
        address = read_address(tmp_path)
        assert address is not None
        assert (address.kind, address.pid) == ("training", os.getpid())
        assert address.commands.startswith("tcp://127.0.0.1:") and address.events.startswith("tcp://127.0.0.1:")
        assert len(address.token) == 64
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads((tmp_path / "state.json").read_text())["state"] == "starting"

    assert not path.exists(), "the address is deleted at the end"


def test_commands_change_the_control(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, control), WorkerClient.connect(tmp_path) as worker:
        server.publish(StateChanged(state="running", step=7, message="Training."))

        assert worker.command("pause") == {
            "ok": True, "state": "running", "step": 7, "message": "Pausing after the current round.",
        }  # fmt: skip
        assert control.is_paused
        assert worker.command("resume")["message"] == "Resumed."
        assert not control.is_paused
        assert worker.command("checkpoint")["message"] == "Saving a checkpoint after the current round."
        assert control.take_checkpoint_request() and not control.take_checkpoint_request()
        assert worker.command("mode", mode="no-display")["message"] == "The mode is now no-display."
        assert (
            worker.command("speed", pieces_per_second=1_000)["message"] == "The speed is now 1,000 pieces per second."
        )
        assert (control.mode, control.pieces_per_second) == ("no-display", 1_000.0)
        assert worker.command("stop")["state"] == "stopping", "a stop is reported at once"
        assert control.is_stop_requested


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory use from /proc")
def test_closed_connections_are_freed_without_events(tmp_path: Path) -> None:
    def come_and_go(times: int) -> int:
        """Returns the memory used afterwards, in kB."""
        for _ in range(times):
            with WorkerClient.connect(tmp_path) as worker:
                worker.command("status")
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in line)
        return int(line.split()[1])

    with listening(tmp_path):
        before = come_and_go(50)
        assert come_and_go(150) - before < 1_000


def test_status_returns_the_latest_event_of_each_kind(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as worker:
        for step in (1, 2):
            server.publish(BoardShown(**board(step=step)))
        server.publish(StateChanged(state="paused", step=2, message="Paused at step 2. Nothing is lost."))
        status = worker.command("status")

        assert (status["state"], status["step"], status["total_steps"]) == ("paused", 2, 100)
        assert status["message"] == "Paused at step 2. Nothing is lost."
        assert (status["mode"], status["pieces_per_second"]) == ("live", 10.0)
        assert status["latest"]["board-shown"]["step"] == 2
        assert status["latest"]["state-changed"]["kind"] == "state-changed"


def test_the_state_is_written_for_later_readers(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, _):
        server.publish(PROGRESS)
        server.publish(RunEnded(state="failed", step=0, seconds=3.5, checkpoint="", error="It broke."))
        server.publish(StateChanged(state="failed", step=0, message="Failed: It broke."))

    state = read_state(tmp_path)
    assert state is not None
    assert (state.state, state.error, state.message) == ("failed", "It broke.", "Failed: It broke.")
    assert (state.seconds, state.total_steps) == (3.5, 100)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", 'A command is a JSON object such as {"command": "pause"}; got something else. Send one.'),
        (b"\xff\x00", 'A command is a JSON object such as {"command": "pause"}; got something else. Send one.'),
        (b"[" * 10_000, 'A command is a JSON object such as {"command": "pause"}; got something else. Send one.'),
        (b"3", 'A command is a JSON object such as {"command": "pause"}; got something else. Send one.'),
        (b'{"command": ["pause"]}', "got \"['pause']\"."),
        (b'{"command": "puase"}', "got 'puase'. Did you mean 'pause'?"),
        (b'{"command": "new-game"}', "one of status, pause, resume, stop, speed, watch, checkpoint, mode; got "),
        (b'{"command": "pause", "x": 1}', "The command 'pause' accepts no values; got 'x'. Leave it out."),
        (b'{"command": "mode"}', "A mode is one of no-display, live, every-move; got None."),
        (b'{"command": "mode", "mode": "lively"}', "got 'lively'. Did you mean 'live'?"),
        (b'{"command": "mode", "mode": {}}', "A mode is one of no-display, live, every-move; got {}."),
        (b'{"command": "speed", "pieces_per_second": 0}', "is a number from 1 to 1,000; got 0. Choose one in that"),
        (b'{"command": "speed", "pieces_per_second": NaN}', "is a number from 1 to 1,000; got nan."),
        (b'{"command": "speed", "pieces_per_second": true}', "is a number from 1 to 1,000; got True."),
        (b'{"command": "speed", "pieces_per_second": 1e999}', "is a number from 1 to 1,000; got inf."),
        (b'{"command": "watch", "boards": 1}', "boards is true or false; got 1. Choose one of the two."),
        (b'{"command": "watch", "boards_per_second": 61}', "boards_per_second is a number from 1 to 60; got 61."),
        (
            b'{"command": "watch", "rate": 5}',
            "accepts boards, action_values, boards_per_second; got 'rate'. Leave it out.",
        ),
    ],
)  # fmt: skip
def test_an_invalid_command_is_refused_with_a_message(tmp_path: Path, sent: bytes, error: str) -> None:
    with listening(tmp_path) as (_, control), WorkerClient.connect(tmp_path) as worker:
        worker._sockets.commands.send(sent)
        answer = json.loads(worker._sockets.commands.recv())

        assert answer["ok"] is False and error in answer["error"]
        assert answer["code"] == "invalid-command"
        assert (control.mode, control.pieces_per_second, control.subscription) == ("live", 10.0, Subscription())
        assert worker.command("status")["ok"]


def test_a_demo_accepts_its_own_commands(tmp_path: Path) -> None:
    with listening(tmp_path, DEMO) as (_, control), WorkerClient.connect(tmp_path) as worker:
        assert worker.command("new-game")["message"] == "The next game begins."
        assert control.is_new_game_requested
        assert (
            worker.command("mode", mode="live")["error"]
            == "A command is one of status, pause, resume, stop, speed, watch, new-game; got 'mode'."
        )


def test_a_client_without_the_token_is_refused(tmp_path: Path) -> None:
    with listening(tmp_path), WorkerClient.connect(tmp_path) as friend:
        address = read_address(tmp_path)
        assert address is not None
        keys = CurveKeys.from_token(address.token)
        strangers = {"another token": CurveKeys.from_token(new_token()), "no keys": None}
        # knows only the worker's public key
        strangers["half"] = CurveKeys(keys.worker_public, b"", *zmq.curve_keypair())
        context = zmq.Context()
        for who, known in strangers.items():
            stranger = context.socket(zmq.REQ)
            stranger.linger = 0
            if known is not None:
                known.open_client(stranger)
            stranger.connect(address.commands)
            stranger.send(b'{"command": "stop"}')
            assert friend.command("status")["state"] == "starting"
            assert not stranger.poll(300), who
            stranger.close()
        context.term()
        assert friend.command("status")["state"] == "starting"


def test_garbage_on_the_sockets_is_ignored(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as worker:
        address = read_address(tmp_path)
        assert address is not None
        for place in (address.commands, address.events):
            port = int(place.rpartition(":")[2])
            for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(100_000), b"\xff" * 64, b""):
                with socket.create_connection(("127.0.0.1", port)) as stranger:
                    stranger.settimeout(1)
                    try:
                        stranger.sendall(data)
                        stranger.recv(64)
                    except OSError:
                        pass
        assert worker.command("status")["ok"]
        assert heard(worker, Progress, lambda: server.publish(PROGRESS)) == PROGRESS


def test_a_failing_command_does_not_end_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(tmp_path) as (_, control), WorkerClient.connect(tmp_path) as worker:
        monkeypatch.setattr(control, "pause", lambda: 1 // 0)
        failed = "The command failed (ZeroDivisionError('integer division or modulo by zero')). See the worker's log."
        assert worker.command("pause") == {"ok": False, "error": failed, "code": "internal-error", "field": None}
        with pytest.raises(WorkerError, match=r"^The command failed"):
            worker.execute("pause")
        assert worker.execute("status")["ok"]


def test_every_failed_command_raises_a_worker_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ConfigError("No.", field="seed")

    with listening(tmp_path) as (_, control), WorkerClient.connect(tmp_path) as worker:
        monkeypatch.setattr(control, "pause", fail)
        with pytest.raises(WorkerError, match=r"^The command failed") as caught:
            worker.execute("pause")
        assert caught.value.field == "seed"


def test_unexpected_and_large_frames_are_ignored(tmp_path: Path) -> None:
    with listening(tmp_path), WorkerClient.connect(tmp_path) as worker:
        address = read_address(tmp_path)
        assert address is not None
        context = zmq.Context()
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        CurveKeys.from_token(address.token).open_client(dealer)
        dealer.connect(address.commands)
        for frames in ([b"{}"], [b"", b""], [b"a", b"b", b"c"], [b"", b"", b'{"command": "status"}'], [b""] * 9):
            dealer.send_multipart(frames)
        dealer.send_multipart([b"", b"x" * (1 << 20)])  # larger than any command: the connection is closed
        assert worker.command("status")["ok"]
        dealer.close()
        context.term()


def test_two_clients_receive_events_and_send_commands(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as (server, control),
        WorkerClient.connect(tmp_path) as one,
        WorkerClient.connect(tmp_path) as other,
    ):
        for worker in (one, other):
            assert heard(worker, Progress, lambda: server.publish(PROGRESS)) == PROGRESS
        one.command("watch", boards_per_second=20)
        other.command("watch", boards_per_second=60, action_values=True)
        assert wait_for(lambda: control.subscription.action_values)
        assert control.subscription.boards_per_second == 60.0
        other.command("watch", boards=False)
        assert wait_for(lambda: control.subscription == Subscription(boards_per_second=20.0))
        assert one.command("pause")["ok"] and other.command("status")["ok"]


def test_a_lease_expires_without_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease_s = 1.0
    monkeypatch.setattr(server_module, "LEASE_S", lease_s)
    with listening(tmp_path) as (_, control):
        began_s = time.monotonic()
        with WorkerClient.connect(tmp_path) as worker:
            worker.command("watch", action_values=True)
            assert wait_for(lambda: control.is_watched)
        wait_for(lambda: not control.is_watched)

        assert lease_s - 0.1 < time.monotonic() - began_s < lease_s + 5


def test_a_change_of_mode_or_speed_is_published(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as worker:
        heard(worker, Progress, lambda: server.publish(PROGRESS))
        worker.command("speed", pieces_per_second=25)
        worker.command("mode", mode="every-move")
        published = [event for event in worker.events(0.5) if isinstance(event, ControlChanged)]

        assert published == [
            ControlChanged(mode="live", pieces_per_second=25.0, action_values=False),
            ControlChanged(mode="every-move", pieces_per_second=25.0, action_values=False),
        ]


def test_a_slow_client_neither_delays_the_worker_nor_gets_old_boards(tmp_path: Path) -> None:
    n_boards = 20_000
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as slow:
        slow.command("watch")
        heard(slow, BoardShown, lambda: server.publish(BoardShown(**board())))
        costs = []
        for step in range(n_boards):
            shown = BoardShown(**board(cells="." * 240, step=step))
            began_s = time.monotonic()
            server.publish(shown)
            costs.append(time.monotonic() - began_s)
        assert sorted(costs)[n_boards // 2] < 0.001
        waiting = [event.step for event in slow.events(0.5) if isinstance(event, BoardShown)]
        assert waiting == [n_boards - 1], "the others were dropped, not queued"
        fresh = heard(slow, BoardShown, lambda: server.publish(BoardShown(**board(step=n_boards))))
        assert isinstance(fresh, BoardShown) and fresh.step == n_boards


def test_events_may_be_published_from_several_threads(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as worker:
        heard(worker, Progress, lambda: server.publish(PROGRESS))
        threads = [threading.Thread(target=lambda: [server.publish(PROGRESS) for _ in range(500)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        texts = {event_to_json(event) for event in worker.events(0.5)}
        for thread in threads:
            thread.join()

        assert texts == {event_to_json(PROGRESS)}
        assert worker.command("status")["step"] == 5


def test_commands_without_a_worker_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    message = "'one' is not running, so it accepts no commands. Start another one."
    with pytest.raises(WorkerError, match=message):
        WorkerClient.connect(folder)
    with listening(folder):
        left = (folder / "worker.json").read_bytes()
    (folder / "worker.json").write_bytes(left)  # as a killed process leaves it
    with pytest.raises(WorkerError, match=message):
        WorkerClient.connect(folder)


def test_a_missing_answer_is_an_error(tmp_path: Path) -> None:
    with listening(tmp_path):
        worker = WorkerClient.connect(tmp_path)
        address = read_address(tmp_path)
    assert address is not None
    with pytest.raises(WorkerError, match=rf"A worker must answer within 0.2 s; '{tmp_path.name}' did not. Try again"):
        worker.command("status", timeout_s=0.2)
    worker.close()


def test_the_async_client_does_the_same(tmp_path: Path) -> None:
    import asyncio

    async def talk(server: Any) -> None:
        async with AsyncWorkerClient.connect(tmp_path) as worker:
            answers = await asyncio.gather(*(worker.command("watch", boards_per_second=rate) for rate in (5, 6, 7)))
            assert [answer["ok"] for answer in answers] == [True] * 3
            with pytest.raises(WorkerError, match="pieces_per_second is a number from 1 to 1,000; got 5000"):
                await worker.execute("speed", pieces_per_second=5_000)
            refused = await worker.command("speed", pieces_per_second=5_000)
            assert refused == {
                "ok": False,
                "error": "pieces_per_second is a number from 1 to 1,000; got 5000. Choose one in that range.",
                "code": "invalid-command",
                "field": "pieces_per_second",
            }
            hearing = asyncio.create_task(worker.receive())
            while not hearing.done():
                server.publish(PROGRESS)
                await asyncio.sleep(0.01)
            assert json.loads(await hearing)["kind"] in {"progress", "control-changed"}

    with listening(tmp_path) as (server, _):
        asyncio.run(talk(server))


def test_closing_the_connection_ends_pending_commands_with_an_error(tmp_path: Path) -> None:
    import asyncio

    async def talk() -> list[Any]:
        async with AsyncWorkerClient.connect(tmp_path) as worker:
            asked = [asyncio.create_task(worker.command("status")) for _ in range(3)]
            await asyncio.sleep(0.1)
        results = await asyncio.gather(*asked, return_exceptions=True)
        async with AsyncWorkerClient.connect(tmp_path) as worker:
            left = asyncio.create_task(worker.command("status"))
            await asyncio.sleep(0.1)
            left.cancel()
            assert isinstance((await asyncio.gather(left, return_exceptions=True))[0], asyncio.CancelledError)
        return results

    lock = acquire_lock(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        place = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        address = Address(kind="training", pid=1, commands=place, events=place, token=new_token())
        address.write(tmp_path)
        errors = asyncio.run(talk())
    os.close(lock)
    assert [str(error) for error in errors] == [f"'{tmp_path.name}' has just ended, so it accepts no commands."] * 3
    assert all(isinstance(error, WorkerError) for error in errors)
