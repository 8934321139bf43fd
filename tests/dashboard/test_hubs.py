"""A hub ends once nobody watches, and never takes another of its source with it."""

import asyncio
from pathlib import Path

import pytest

from tetrarium.dashboard import hubs
from tetrarium.dashboard.sources import Source
from tetrarium.dashboard.viewers import Viewer, Wish
from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home

GRACE_S = 0.05


async def send(_text: str) -> None:
    """Nobody reads it."""


def test_a_viewer_who_comes_as_the_last_one_goes_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "_GRACE_S", GRACE_S)
    source = Source(home=Home.locate(tmp_path), kind="hand", id="a", folder=tmp_path / "hands" / "a")

    async def main() -> None:
        watched = hubs.Hubs()
        viewer = Viewer(send)
        viewer.watch(Wish(kind="hand", name="a"))
        for _ in range(2):  # so that the first hub is to end twice
            watched.watch(viewer, source)
            watched.leave(viewer, source.name)
            await asyncio.sleep(GRACE_S / 2)
        await asyncio.sleep(GRACE_S * 0.75)
        watched.watch(viewer, source)  # by another hub
        await asyncio.sleep(GRACE_S)
        with pytest.raises(WorkerError, match="hand/a is not under way yet, or no longer"):
            await watched.tell(source.name, "keys", keys=[])
        watched.leave(viewer, source.name)
        await asyncio.sleep(2 * GRACE_S)
        with pytest.raises(WorkerError, match="hand/a is watched by nobody"):
            await watched.tell(source.name, "keys", keys=[])
        await watched.close()

    asyncio.run(main())
