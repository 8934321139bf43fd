"""``tetrarium runs prune`` and ``runs delete`` say what would go, and do it when they are told to."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.test_commands import SMALL, call


def test_space_is_freed_when_it_was_asked_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*arguments: str) -> str:
        capsys.readouterr()
        assert call(*arguments) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path))
    assert say("runs", "prune") == "There is nothing to free.\n"
    assert call("train", "--name", "one", "--steps", "600", "--checkpoint-every", "200", *SMALL) == 0
    checkpoints = tmp_path / "runs" / "one" / "checkpoints"

    said = say("runs", "prune")
    assert re.fullmatch(r"one: 2 of its checkpoints, [\d.]+ MB\nThis would free [\d.]+ MB\. Do it: add --yes\n", said)
    assert {path.name for path in checkpoints.iterdir()} == {"200", "400", "600"}
    told = json.loads(say("runs", "prune", "--json"))
    assert told["runs"] == [{"name": "one", "steps": [200, 400], "n_bytes": told["n_bytes"]}]
    assert told["is_done"] is False and len(list(checkpoints.iterdir())) == 3
    assert say("runs", "prune", "one", "--yes").endswith(f"Freed {said.split()[5]} MB.\n")
    assert json.loads(say("runs", "prune", "--yes", "--json")) == {"runs": [], "n_bytes": 0, "is_done": True}
    assert {path.name for path in checkpoints.iterdir()} == {"600"}
    assert re.fullmatch(
        r"This would delete one, [\d.]+ MB, for ever\. Do it: add --yes\n", say("runs", "delete", "one")
    )
    told = json.loads(say("runs", "delete", "one", "--json"))
    assert (told["name"], told["is_done"]) == ("one", False) and told["n_bytes"] > 0 and checkpoints.exists()
    assert re.fullmatch(r"Deleted one, [\d.]+ MB\.\n", say("runs", "delete", "one", "--yes"))
    assert not checkpoints.parent.exists()
    assert call("runs", "delete", "one") == 1 and call("runs", "prune", "one") == 1
