"""Groups over REST: their median curves, and the settings in which they differ."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.cli.commands import run_captured
from tests.dashboard.finished_runs import make_run
from tests.dashboard.servers import dashboard
from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import change_labels
from tetrarium.registry.run_tables import PROGRESS, read_table

MEANS = (30.0, 10.0, 50.0, 20.0, 40.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home.locate(tmp_path_factory.mktemp("home"))
    for seed, mean in enumerate(MEANS):
        change_labels(make_run(home, f"low-{seed}", seed=seed, mean=mean, gamma=0.8), group="low", add_tags=["good"])
    change_labels(make_run(home, "new", rows=0, gamma=0.95), group="empty")
    make_run(home, "plain", seed=9)
    return home


@pytest.fixture(scope="module")
def client(home: Home) -> Iterator[httpx.Client]:
    with dashboard(home.root) as server, server.client() as client:
        yield client


def test_groups_are_listed(client: httpx.Client) -> None:
    groups: list[dict[str, Any]] = client.get("/api/groups").json()
    assert [(group["name"], len(group["runs"]), group["tags"]) for group in groups] == [
        ("empty", 1, []), ("low", 5, ["good"]),
    ]  # fmt: skip


@pytest.mark.parametrize("axis", ["step", "seconds"])
def test_a_groups_band_is_that_of_runs_plot_and_of_numpy_by_hand(
    client: httpx.Client, home: Home, capsys: pytest.CaptureFixture[str], axis: str
) -> None:
    params = {"group": ["low", "empty", "none"], "column": "training_mean", "axis": axis}
    (curve,) = client.get("/api/curves", params=params).json()
    values = []
    for seed in range(len(MEANS)):
        names, rows = read_table(home.run_folder(f"low-{seed}"), PROGRESS, {axis, "training_mean"})
        assert set(names) == {axis, "training_mean"}
        table = dict(zip(names, zip(*rows, strict=True), strict=True))
        values.append(np.interp(curve["x"], table[axis], table["training_mean"]))
    ordered = np.sort(values, axis=0)
    assert np.array_equal(curve["y"], ordered[2]) and np.array_equal(curve["y"], np.median(values, axis=0))
    assert np.array_equal(curve["low"], ordered[0]) and np.array_equal(curve["high"], ordered[4])
    assert curve["runs"] == [f"low-{seed}" for seed in range(len(MEANS))]
    if axis == "step":
        code, out, _ = run_captured(capsys, "runs", "plot", "group:low", "--json", "--home", str(home.root))
        (plotted,) = json.loads(out)["curves"]
        assert code == 0 and plotted["label"] == "group:low"
        assert [plotted[key] for key in ("steps", "values", "low", "high", "band")] == [
            curve[key] for key in ("x", "y", "low", "high", "band")
        ]


def test_every_metric_of_the_page_has_a_median(client: httpx.Client) -> None:
    for column, value in (("games_ended", None), ("survival", 2), ("ended", 3), ("harder_lines", 30.4)):
        for axis in ("step", "seconds"):
            params = {"group": "low", "column": column, "axis": axis}
            (curve,) = client.get("/api/curves", params=params).json()
            assert len(curve["x"]) == len(curve["y"]) and value in (None, curve["y"][-1])
    assert client.get("/api/curves", params={"group": "low", "column": "speeds"}).json()["code"] == "invalid-value"


def test_differences_are_those_of_runs_diff(
    client: httpx.Client, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    params = {"compared": ["plain", "group:low"]}
    found = client.get("/api/differences", params=params).json()
    assert found == {
        "compared": ["plain", "group:low"],
        "settings": {"seed": [[9], [0, 1, 2, 3, 4]], "gamma": [[0.9], [0.8]]},
    }
    _, out, _ = run_captured(capsys, "runs", "diff", "plain", "group:low", "--home", str(home.root))
    assert [line.split() for line in out.splitlines()][-1] == ["gamma", "0.9", "0.8"]
    assert client.get("/api/differences", params={"compared": ["group:lwo"]}).status_code == 404
    assert "Did you mean 'low'?" in client.get("/api/differences", params={"compared": ["group:lwo"]}).text
    assert client.get("/api/differences", params={"compared": ["nobody"]}).status_code == 404
