"""Command ``bench``: rates on a simulated clock, and its output."""

import itertools
import json
from pathlib import Path

import pytest

from tetrarium.cli.commands import bench
from tetrarium.cli.main import main

NAMES = ("placements", "keys", "controller_pieces", "champion_pieces", "nodes", "learning_placements")


def test_the_rate_is_that_of_the_fastest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs_s = [4.0, 2.0, 8.0, 5.0, 4.0]  # of one unit of work each
    clock = itertools.accumulate(itertools.chain.from_iterable((0.0, 0.0, run_s) for run_s in runs_s))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    done = []

    assert bench._best_rate(lambda: done.append(1) or 100, seconds=5.0) == 50.0  # 100 in 2 s
    assert len(done) == 1 + len(runs_s)  # the first is not counted


def test_figures_are_printed_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", "--seconds", "0.1", "--json", "--home", str(tmp_path)])

    rates = json.loads(capsys.readouterr().out)
    assert left.value.code == 0
    assert list(rates) == [f"{name}_per_second" for name in NAMES]
    assert all(rate > 100 for rate in rates.values())
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("seconds", ["0", "-1", "61"])
def test_a_time_out_of_range_is_refused(seconds: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", f"--seconds={seconds}", "--home", str(tmp_path)])

    assert left.value.code == 2
    assert "A figure is measured for 0.1 to 60 seconds; got " in capsys.readouterr().err
