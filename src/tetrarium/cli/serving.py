"""The commands that serve the dashboard: ``serve``, and ``run``, which trains meanwhile.

Both end by Ctrl-C. ``serve`` leaves every run alone; ``run`` stops what it started, with a checkpoint, and a second
Ctrl-C leaves without waiting for that.
"""

import asyncio
import contextlib
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from tetrarium.cli.banner import make_banner
from tetrarium.cli.configuration import read_configs
from tetrarium.cli.display import TerminalDisplay, is_capable, make_console
from tetrarium.cli.following import Follower
from tetrarium.cli.plain import PlainDisplay
from tetrarium.cli.training import HomeOption, RunName, Seed, Steps
from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.directory import list_runs
from tetrarium.workers.launching import start_player, start_training

if TYPE_CHECKING:
    from tetrarium.dashboard import Dashboard

__all__ = ["run", "serve"]

_STOPPED: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}  # the last: the terminal was closed
_FAILED: Final = 1
_TRAINED: Final = frozenset({"finished", "target reached"})
_PLAIN_INTERVAL_S: Final = 30.0

Port = Annotated[int, Parameter(help="First port to try; 0 for any that is free.")]
Host = Annotated[str, Parameter(help="Address to listen on. Beyond this machine, the page asks for a token.")]
Open = Annotated[bool, Parameter(name="--open", negative="--no-open", help="Open the page in a browser.")]


def serve(*, port: Port = 8765, host: Host = "127.0.0.1", home: HomeOption = None, open_page: Open = False) -> int:
    """Serve the dashboard. It shows every run of the home, whoever started it; Ctrl-C ends it and leaves runs alone."""
    from tetrarium.dashboard import Dashboard, run_loop

    located = Home.locate(home)
    dashboard = Dashboard(located, host=host, port=port)
    code = run_loop(_serve(dashboard, open_page))
    print(_still_under_way(located))
    return code


def run(
    *,
    steps: Steps = None,
    seed: Seed = None,
    name: RunName = None,
    port: Port = 8765,
    host: Host = "127.0.0.1",
    open_page: Open = False,
    home: HomeOption = None,
) -> int:
    """Train with the defaults and serve the dashboard, where it can be watched and played with.

    Once it is trained it goes on playing for whoever watches. Ctrl-C stops the run with a checkpoint.
    """
    from tetrarium.dashboard import Dashboard, run_loop

    env_config, training_config = read_configs("default", None, [], {"total_timesteps": steps, "seed": seed})
    located = Home.locate(home)
    dashboard = Dashboard(located, host=host, port=port)
    begin = partial(start_training, located, env_config, training_config, name=name, preset="default")
    return run_loop(_serve_and_follow(dashboard, located, begin, open_page))


async def _serve(dashboard: "Dashboard", open_page: bool) -> int:
    async with _serving(dashboard, open_page) as received:
        print(f"The dashboard is at {dashboard.url}", flush=True)
        return _STOPPED[await received.get()]


async def _serve_and_follow(dashboard: "Dashboard", home: Home, begin: Callable[[], str], open_page: bool) -> int:
    """Serves while a run trains, and then until a signal comes, which also ends what plays by then."""
    async with _serving(dashboard, open_page) as received:
        name = await asyncio.to_thread(begin)
        with _display(name, dashboard.url) as display:
            follower = Follower(home, name, display.handle)
            following = asyncio.create_task(follower.follow())
            signalled = asyncio.create_task(received.get())
            await asyncio.wait((following, signalled), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                follower.ask_to_stop()
                again = asyncio.create_task(received.get())
                await asyncio.wait((following, again), return_when=asyncio.FIRST_COMPLETED)
                return _STOPPED[signalled.result()]
            if follower.ended is None or follower.ended.state not in _TRAINED:
                await signalled  # the page shows what happened, and offers to go on
                return 0 if follower.ended is not None and follower.ended.state == "stopped" else _FAILED
            player = await asyncio.to_thread(start_player, home, name)
            await signalled
            await asyncio.to_thread(_end_player, home, player)
    return 0


@contextlib.asynccontextmanager
async def _serving(dashboard: "Dashboard", open_page: bool) -> AsyncIterator["asyncio.Queue[signal.Signals]"]:
    """Serves meanwhile, and hands over the signals that come."""
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in _STOPPED:
        loop.add_signal_handler(number, received.put_nowait, number)
    serving = asyncio.create_task(dashboard.serve())
    try:
        if open_page:
            await asyncio.to_thread(webbrowser.open, dashboard.url)
        yield received
    finally:
        dashboard.close()
        await serving


def _display(name: str, url: str) -> TerminalDisplay | PlainDisplay:
    """Two lines that stay in place in a terminal; elsewhere, lines as things happen."""
    if is_capable(sys.stdout):
        return TerminalDisplay(make_console(sys.stdout), draw=make_banner(name, url))
    print(f"Watch {name} at {url}", flush=True)
    return PlainDisplay(sys.stdout, interval_s=_PLAIN_INTERVAL_S)


def _end_player(home: Home, player: str) -> None:
    with contextlib.suppress(WorkerError), WorkerClient.connect(home.player_folder(player)) as worker:
        worker.command("stop")  # unless somebody ended it before


def _still_under_way(home: Home) -> str:
    names = [view.name for view in list_runs(home) if view.is_alive]
    if not names:
        return "The dashboard has ended. No run is under way."
    go_on = "goes" if len(names) == 1 else "go"
    return f"The dashboard has ended; {', '.join(names)} {go_on} on. See again: tetrarium serve"
