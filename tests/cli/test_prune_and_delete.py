"""Commands ``runs prune``, ``runs delete`` and ``runs restore``."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.commands import SMALL, run_command


def test_checkpoints_are_pruned_with_yes_and_runs_are_deleted_and_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def output_of(*arguments: str) -> str:
        capsys.readouterr()
        assert run_command(*arguments) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path))
    assert output_of("runs", "prune") == "There is nothing to delete.\n"
    assert run_command("train", "--name", "one", "--steps", "600", "--checkpoint-every", "200", *SMALL) == 0
    checkpoints = tmp_path / "runs" / "one" / "checkpoints"

    output = output_of("runs", "prune")
    assert re.fullmatch(
        r"one: 2 of its checkpoints, [\d.]+ MB\nThis would free [\d.]+ MB\. To confirm, add --yes\n", output
    )
    assert {path.name for path in checkpoints.iterdir()} == {"200", "400", "600"}
    result = json.loads(output_of("runs", "prune", "--json"))
    assert result["runs"] == [{"name": "one", "steps": [200, 400], "n_bytes": result["n_bytes"]}]
    assert result["is_done"] is False and len(list(checkpoints.iterdir())) == 3
    assert output_of("runs", "prune", "one", "--yes").endswith(f"Freed {output.split()[5]} MB.\n")
    assert json.loads(output_of("runs", "prune", "--yes", "--json")) == {
        "runs": [], "evaluations": [], "n_bytes": 0, "is_done": True,
    }  # fmt: skip
    assert {path.name for path in checkpoints.iterdir()} == {"600"}
    config = checkpoints.parent / "config.json"
    config.write_bytes(b"\xef\xbb\xbf" + config.read_bytes())  # a byte order mark, as some editors write it
    assert output_of("runs", "show", "one").startswith("run  ")
    config.write_text("{")
    listed = output_of("runs", "list").splitlines()
    assert listed[1].split() == ["one", "damaged", "600", "of", "600"]
    assert listed[2].endswith("Restore it from a copy, or delete the run by `tetrarium runs delete one`.")
    assert [view["state"] for view in json.loads(output_of("runs", "list", "--state", "damaged", "--json"))] == [
        "damaged"
    ]
    assert run_command("runs", "show", "one") == 1

    assert output_of("runs", "list", "--trash") == "The trash is empty.\n"
    assert re.fullmatch(
        r"Moved to the trash: one, [\d.]+ MB\. Undo: tetrarium runs restore one\n", output_of("runs", "delete", "one")
    )
    assert not checkpoints.exists() and output_of("runs", "list").startswith("There are no runs yet")
    assert re.search(r"^one~\d{13} +20\d\d-[\d: -]+ +[\d.]+ MB$", output_of("runs", "list", "--trash"), re.MULTILINE)
    assert run_command("runs", "show", "one") == 1
    assert "The run 'one' is in the trash. Restore it by `tetrarium runs restore one`." in capsys.readouterr().err
    assert output_of("__complete", "runs", "restore", "o").splitlines()[-1].split("\t")[0] == "one"
    assert output_of("runs", "restore", "one") == "Restored: one.\n" and checkpoints.exists()
    size = r"[\d.]+ MB"
    would = rf"This would permanently delete one, {size}\. To confirm, add --yes\n"
    assert re.fullmatch(would, output_of("runs", "delete", "one", "--forever")) and checkpoints.exists()
    (deleted,) = json.loads(output_of("runs", "delete", "one", "--json"))
    assert deleted["name"] == "one" and deleted["id"].startswith("one~") and deleted["n_bytes"] > 0
    assert json.loads(output_of("runs", "list", "--trash", "--json")) == [deleted]
    assert re.fullmatch(would, output_of("runs", "delete", "one", "--forever"))
    assert json.loads(output_of("runs", "list", "--trash", "--json")) == [deleted]
    done = output_of("runs", "delete", "one", "--forever", "--yes")
    assert re.fullmatch(rf"Permanently deleted: one, {size}\.\n", done)
    assert list(checkpoints.parent.parent.iterdir()) == []
    assert run_command("runs", "restore", "one") == 1 and run_command("runs", "prune", "one") == 1
