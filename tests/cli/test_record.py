"""Command ``record``, and watching a replay: files, errors, and existing files that are kept."""

import json
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.cli.commands import run_command
from tetrarium.environment.replays import Replay
from tetrarium.evaluation import evaluate, named_policy

FIXTURE = Path(__file__).parent.parent / "fixtures" / "replay-v1.tetris-replay"


def test_a_replay_is_the_game_that_evaluate_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "game.tetris-replay"
    options = ["--rules", "literature", "--height", "8", "--seed", "2", "--game", "1"]
    assert run_command("record", "random", str(out), *options) == 0

    replay = Replay.from_bytes(out.read_bytes())
    *_, last = replay.play()
    result = evaluate(named_policy("random"), replay.env_config, n_games=2, seed=2).games[1]
    assert (replay.env_config.height, replay.env_config.randomizer) == (8, "uniform")
    assert (result.lines, result.pieces) == (last.state_tp1.lines, last.state_tp1.pieces)
    assert (replay.seed, replay.game, replay.terminated, replay.about) == (2, 1, True, {"agent": "random"})
    assert capsys.readouterr().out.startswith(f"Recorded random, game 1 of seed 2: {replay.pieces} pieces, ")


def test_a_replay_is_recorded_again_whole_or_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, part, again = (tmp_path / name for name in ("whole.json", "part.tetris-replay", "again.tetris-replay"))
    assert run_command("record", str(FIXTURE), str(whole)) == 0
    assert run_command("record", str(whole), str(part), "--max-pieces", "30") == 0
    assert run_command("record", str(whole), str(again)) == 0

    assert "120 pieces, 46 lines (stopped after 120 pieces)." in capsys.readouterr().out
    assert again.read_bytes() == FIXTURE.read_bytes()
    beginning, replay = Replay.from_bytes(part.read_bytes()), Replay.from_json(whole.read_bytes())
    assert (beginning.pieces, beginning.actions) == (30, replay.actions[:30])
    assert len(list(beginning.play())) == 30


def test_gif_and_mp4_show_the_game(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gif, mp4 = tmp_path / "game.gif", tmp_path / "GAME.MP4"
    for out in (gif, mp4):
        assert run_command("record", "dt-10", str(out), "--max-pieces", "6", "--speed", "5", "--scale", "8") == 0

    with Image.open(gif) as picture:
        assert (picture.size, picture.n_frames) == ((144, 204), 7)
    with av.open(str(mp4)) as container:
        assert container.duration == pytest.approx(3.2e6, abs=5e4)
    assert f"{gif} has " in capsys.readouterr().out


def test_an_animation_is_one_minute_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("record", "dt-10", str(tmp_path / "slow.gif"), "--speed", "0.2", "--scale", "4") == 0
    assert ": 12 pieces, " in capsys.readouterr().out


def test_an_existing_file_is_kept_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "game.json"
    out.write_text("mine")
    assert run_command("record", "dt-10", str(out), "--max-pieces", "3") == 2
    assert capsys.readouterr().err == (f"tetrarium: {str(out)!r} already exists. Choose another name or add --force.\n")
    assert out.read_text() == "mine"

    assert run_command("record", "dt-10", str(out), "--max-pieces", "3", "--force") == 0
    assert json.loads(out.read_text())["pieces"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["game.json"]


def test_a_failed_recording_keeps_the_existing_file(tmp_path: Path) -> None:
    out = tmp_path / "game.gif"
    out.write_text("mine")
    bad = Replay.from_bytes(FIXTURE.read_bytes())
    name = tmp_path / "bad.tetris-replay"
    changed = Replay(
        env_config=bad.env_config, seed=6, game=0, actions=bad.actions, lines=46, pieces=120, terminated=False
    )
    name.write_bytes(changed.to_bytes())

    assert run_command("record", str(name), str(out), "--force", "--scale", "4") == 1
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tetris-replay", "game.gif"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["dt-10", "x.avi"],
            2,
            "The name of a recording ends in one of .gif, .mp4, .json, .tetris-replay; got 'x.avi'.",
        ),
        (["dt-10", "x.mp3"], 2, "got 'x.mp3'. Did you mean '.mp4'?"),
        (["dt-10", "no/x.gif"], 2, "A recording is written into an existing folder; got 'no/x.gif'. Create the folder"),
        (["dt-11", "x.gif"], 2, "Did you mean 'dt-10'?"),
        (["no.tetris-replay", "x.gif"], 2, "There is no replay file 'no.tetris-replay'. Make one with"),
        (["bad.tetris-replay", "x.gif"], 1, "A replay begins with one line of JSON; these 3 bytes do not."),
        (["good.tetris-replay", "x.gif", "--seed", "0"], 2, "A replay is one game; got --seed 0 for"),
        (["good.tetris-replay", "x.gif", "--max-pieces", "0"], 2, "max_pieces is a whole number, 1 or more; got 0."),
        (["dt-10", "x.gif", "--max-pieces", "0"], 2, "max_pieces is a whole number, 1 to 1,000,000,000,000; got 0."),
        (["dt-10", "x.json", "--max-pieces", "99999999"], 2, "A recording has at most 16,777,216 pieces; got 99,999"),
        (["dt-10", "x.gif", "--game", "-1"], 2, "game is a whole number, 0 or more; got -1."),
        (
            ["dt-10", "x.gif", "--scale", "3"],
            2,
            "scale is 4 to 128 pixels per cell; got 3. Choose a value in that range.",
        ),
        (["dt-10", "x.gif", "--speed", "0"], 2, "speed is 0.1 to 1,000 pieces per second; got 0."),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.tetris-replay").write_bytes(b"bad")
    Path("good.tetris-replay").write_bytes(FIXTURE.read_bytes())
    assert run_command("record", *arguments) == code

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path(arguments[1]).exists()


def test_a_replay_is_watched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("watch", str(FIXTURE)) == 0
    output = capsys.readouterr().out
    assert "|[][] . .[][][] .[][]|" in output
    assert "Game 1 was truncated at 120 pieces with 46 lines" in output

    assert run_command("watch", str(FIXTURE), "--height", "10") == 2
    assert "A replay is one game; got --height 10 for" in capsys.readouterr().err
