"""Commands that serve the dashboard: ``serve``, and ``run``, which also trains.

Ctrl-C ends both. ``serve`` leaves all runs running; ``run`` stops the run that it started and saves a checkpoint, and a
second Ctrl-C exits without waiting.
"""

import asyncio
import contextlib
import json
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from tetrarium.cli.commands.train import RunNameOption, SeedOption, StepsOption
from tetrarium.cli.configuration import read_configs
from tetrarium.cli.options import HomeOption, suggested
from tetrarium.cli.terminal.log_lines import PlainDisplay
from tetrarium.cli.terminal.run_display import TerminalDisplay, is_capable, make_banner, make_console
from tetrarium.errors import TetrariumError, WorkerError
from tetrarium.events import Event, RunEnded, event_from_json
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home
from tetrarium.signals import EXIT_CODES, stop_signals
from tetrarium.workers.directories.process_directory import list_demos
from tetrarium.workers.directories.run_views import list_runs
from tetrarium.workers.processes.launcher import start_demo, start_training
from tetrarium.workers.protocol.client import AsyncWorkerClient, WorkerClient

if TYPE_CHECKING:
    from tetrarium.dashboard import Dashboard

_FAILED: Final = 1
_TRAINED: Final = frozenset({"finished", "target reached"})
_PLAIN_INTERVAL_S: Final = 30.0
_PAGE_DEMO_S: Final = 2.0  # in which a page that watches the run starts a demo of it

PortOption = Annotated[int, Parameter(help="First port to try; 0 for any free port.")]
HostOption = Annotated[str, Parameter(help="Address to listen on. Beyond loopback, the server requires a token.")]
ProxyOption = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Host name of a reverse proxy through which the page is opened, with a port where the browser shows one; "
        "requires a token. Repeatable.",
    ),
]
RootOption = Annotated[
    str, Parameter(help="Prefix of all paths behind a reverse proxy that does not remove it, such as /proxy/8765.")
]
OpenOption = Annotated[bool, Parameter(name="--open", negative="--no-open", help="Open the page in a browser.")]


def serve(
    *,
    port: PortOption = 8765,
    host: HostOption = "127.0.0.1",
    allow_host: ProxyOption = None,
    root_path: RootOption = "",
    home: HomeOption = None,
    open_page: OpenOption = False,
) -> int:
    """Serve the dashboard for all runs of the home. Ctrl-C ends the server; runs continue."""
    from tetrarium.dashboard import Dashboard, run_loop

    located = Home.locate(home)
    dashboard = Dashboard(located, host=host, port=port, proxy_names=allow_host or (), root_path=root_path)
    code = run_loop(_serve(dashboard, open_page))
    print(_closing_line(located, suggested("tetrarium serve", home)))
    return code


def run(
    *,
    steps: StepsOption = None,
    seed: SeedOption = None,
    name: RunNameOption = None,
    port: PortOption = 8765,
    host: HostOption = "127.0.0.1",
    allow_host: ProxyOption = None,
    root_path: RootOption = "",
    open_page: OpenOption = False,
    home: HomeOption = None,
) -> int:
    """Train with the default settings and serve the dashboard.

    When training has finished, the agent plays as a demo. Ctrl-C stops the run and saves a checkpoint.
    """
    from tetrarium.dashboard import Dashboard, run_loop

    env_config, training_config = read_configs("default", None, [], {"total_timesteps": steps, "seed": seed})
    located = Home.locate(home)
    dashboard = Dashboard(located, host=host, port=port, proxy_names=allow_host or (), root_path=root_path)
    start = partial(start_training, located, env_config, training_config, name=name, preset="default")
    return run_loop(_serve_and_follow(dashboard, located, start, open_page))


async def _serve(dashboard: "Dashboard", open_page: bool) -> int:
    async with _serving(dashboard, open_page) as received:
        print(f"The dashboard is at {dashboard.url}", flush=True)
        return EXIT_CODES[await received.get()]


async def _serve_and_follow(dashboard: "Dashboard", home: Home, start: Callable[[], str], open_page: bool) -> int:
    """Serves during training and afterwards, with a demo, until a signal arrives."""
    async with _serving(dashboard, open_page) as received:
        name = await asyncio.to_thread(start)
        with _display(name, dashboard.url) as display:
            follower = RunFollower(home, name, display.handle)
            following = asyncio.create_task(follower.follow())
            signaled = asyncio.create_task(received.get())
            await asyncio.wait((following, signaled), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                follower.request_stop()
                again = asyncio.create_task(received.get())
                await asyncio.wait((following, again), return_when=asyncio.FIRST_COMPLETED)
                return EXIT_CODES[signaled.result()]
            if follower.ended is None or follower.ended.state not in _TRAINED:
                await signaled  # the page shows what happened and offers to resume
                return 0 if follower.ended is not None and follower.ended.state == "stopped" else _FAILED
            if (await asyncio.wait((signaled,), timeout=_PAGE_DEMO_S))[0]:
                return 0
            try:
                demo = await asyncio.to_thread(_demo_of, home, name)
            except TetrariumError as error:
                print(f"tetrarium: {name} does not play: {error}", file=sys.stderr)
                await signaled
                return 0
            if isinstance(display, PlainDisplay):  # otherwise the banner shows it
                print(f"{name} plays at {dashboard.url}. Ctrl-C ends the dashboard.", flush=True)
            await signaled
            await asyncio.to_thread(_end_demo, home, demo)
    return 0


@contextlib.asynccontextmanager
async def _serving(dashboard: "Dashboard", open_page: bool) -> AsyncIterator["asyncio.Queue[signal.Signals]"]:
    """Serves inside the context and yields the queue of received signals."""
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, received.put_nowait, number)
    serving = asyncio.create_task(dashboard.serve())
    for url in dashboard.proxy_urls:
        print(f"Through the proxy it is at {url}", flush=True)
    try:
        if open_page:
            await asyncio.to_thread(webbrowser.open, dashboard.url)
        yield received
    finally:
        dashboard.close()
        await serving


def _display(name: str, url: str) -> TerminalDisplay | PlainDisplay:
    """Returns two lines that stay in place on a terminal, or plain lines elsewhere."""
    if is_capable(sys.stdout):
        return TerminalDisplay(make_console(sys.stdout), draw=make_banner(name, url))
    print(f"Watch {name} at {url}", flush=True)
    return PlainDisplay(sys.stdout, interval_s=_PLAIN_INTERVAL_S)


def _demo_of(home: Home, name: str) -> str:
    """Returns the demo of a run that a page has started, or starts one."""
    demos = (view for view in list_demos(home) if view.is_alive and not view.shared)
    known = (view.id for view in demos if view.agent.partition("@")[0] == name)
    return next(known, None) or start_demo(home, name)


def _end_demo(home: Home, demo: str) -> None:
    with contextlib.suppress(WorkerError), WorkerClient.connect(home.demo_folder(demo)) as worker:
        worker.command("stop")  # it may have ended already


def _closing_line(home: Home, again: str) -> str:
    names = [view.name for view in list_runs(home) if view.is_alive]
    if not names:
        return "The dashboard has ended. No run is active."
    verb = "continues" if len(names) == 1 else "continue"
    return f"The dashboard has ended; {', '.join(names)} {verb}. Open it again: {again}"


_POLL_S: Final = 0.25


class RunFollower:
    """Follower of one run."""

    def __init__(self, home: Home, name: str, handle: Callable[[Event], None]) -> None:
        self._folder = home.run_folder(name)
        self._handle = handle
        self._stop_requested = asyncio.Event()
        self.ended: RunEnded | None = None  # the run's own last event

    def request_stop(self) -> None:
        """Stops the run with a checkpoint, as soon as its worker listens."""
        self._stop_requested.set()

    async def follow(self) -> None:
        """Returns once the run's process has ended."""
        while is_locked(self._folder):
            with contextlib.suppress(WorkerError):  # not listening yet, or no longer
                async with AsyncWorkerClient.connect(self._folder) as worker:
                    await self._receive_events(worker)
            await asyncio.sleep(_POLL_S)

    async def _receive_events(self, worker: AsyncWorkerClient) -> None:
        status = await worker.command("status")
        for event in status.get("latest", {}).values():
            self._handle_json(json.dumps(event))
        is_stop_sent = False
        while is_locked(self._folder) or self.ended is None:
            if self._stop_requested.is_set() and not is_stop_sent:
                await worker.command("stop")
                is_stop_sent = True
            try:
                self._handle_json(await asyncio.wait_for(worker.receive(), _POLL_S))
            except TimeoutError:
                if not is_locked(self._folder):
                    return

    def _handle_json(self, text: str) -> None:
        with contextlib.suppress(ValueError):  # an event of a newer version
            event = event_from_json(text)
            if isinstance(event, RunEnded):
                self.ended = event
            self._handle(event)
