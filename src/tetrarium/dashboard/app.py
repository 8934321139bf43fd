"""The dashboard as one ASGI application: API, live socket and page behind the guard.

Nothing here blocks the event loop: whatever reads files runs in a thread.
"""

from typing import Final

from fastapi import FastAPI, WebSocket
from starlette.staticfiles import StaticFiles

import tetrarium
from tetrarium.dashboard.access import Access
from tetrarium.dashboard.answers import add_error_answers
from tetrarium.dashboard.guard import Guard
from tetrarium.dashboard.live import Live
from tetrarium.dashboard.pages import STATIC, compose_lost_page, page_routes
from tetrarium.dashboard.routes.catalogue import catalogue_routes
from tetrarium.dashboard.routes.history import history_routes
from tetrarium.dashboard.routes.jobs import job_routes
from tetrarium.dashboard.routes.models import model_routes
from tetrarium.dashboard.routes.play import play_routes
from tetrarium.dashboard.routes.players import player_routes
from tetrarium.dashboard.routes.replays import replay_routes
from tetrarium.dashboard.routes.runs import run_routes
from tetrarium.dashboard.routes.tuning import tuning_routes
from tetrarium.registry.home import Home

__all__ = ["create_app"]

_DESCRIPTION: Final = (
    'What the dashboard\'s page does, a script can. Errors are `{"error": "one line"}`; live events come over the '
    "WebSocket `/api/live`, which OpenAPI cannot describe and `docs/api.md` does."
)


def create_app(home: Home, access: Access | None = None) -> Guard:
    """Makes the application.

    Args:
        home: Whose runs are shown.
        access: Who may ask; this machine alone if left out.
    """
    access = access or Access.for_host("127.0.0.1")
    live = Live(home)
    app = FastAPI(
        title="tetrarium",
        version=tetrarium.__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=live.running,
        generate_unique_id_function=lambda route: route.name,
    )
    add_error_answers(app, compose_lost_page(STATIC))
    for routes in (
        page_routes(),
        catalogue_routes(home, access),
        run_routes(home),
        history_routes(home),
        replay_routes(home),
        player_routes(home),
        model_routes(home),
        job_routes(home),
        tuning_routes(home),
        play_routes(home),
    ):
        app.include_router(routes)

    @app.websocket("/api/live")
    async def watch_live(socket: WebSocket) -> None:
        await live.serve(socket)

    if STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return Guard(app, access)
