"""The dashboard as one ASGI application: API, live socket and page behind the guard.

Nothing here blocks the event loop: everything that reads files runs in a thread.
"""

from typing import Final

from fastapi import Depends, FastAPI, WebSocket
from starlette.staticfiles import StaticFiles

import tetrarium
from tetrarium.dashboard.http.access import Access
from tetrarium.dashboard.http.error_handlers import add_error_handlers
from tetrarium.dashboard.http.guard import Guard, refuse_unused_body
from tetrarium.dashboard.http.pages import STATIC, compose_not_found_page, page_routes
from tetrarium.dashboard.live.socket import LiveEndpoint
from tetrarium.dashboard.routes.demos import demo_routes
from tetrarium.dashboard.routes.games import game_routes
from tetrarium.dashboard.routes.groups import group_routes
from tetrarium.dashboard.routes.history import history_routes
from tetrarium.dashboard.routes.human_games import human_game_routes
from tetrarium.dashboard.routes.jobs import job_routes
from tetrarium.dashboard.routes.meta import meta_routes
from tetrarium.dashboard.routes.models import model_routes
from tetrarium.dashboard.routes.replays import replay_routes
from tetrarium.dashboard.routes.runs import run_routes
from tetrarium.dashboard.routes.studies import study_routes
from tetrarium.registry.home import Home

_DESCRIPTION: Final = (
    "Everything that the dashboard's pages do is available to scripts. Errors are answered as "
    '`{"error": "one line", "code": "kebab-case", "field": null}`. Live events arrive over the WebSocket `/api/live`, '
    "which `docs/reference/rest-api.md` describes."
)


def create_app(home: Home, access: Access | None = None) -> Guard:
    """Creates the application.

    Args:
        home: Home folder whose runs are shown.
        access: Access rules; by default only this machine is allowed.
    """
    access = access or Access.for_host("127.0.0.1")
    live = LiveEndpoint(home)
    app = FastAPI(
        title="tetrarium",
        version=tetrarium.__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=live.lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    add_error_handlers(app, compose_not_found_page(STATIC))
    for routes in (
        page_routes(),
        meta_routes(home, access),
        run_routes(home),
        history_routes(home),
        group_routes(home),
        replay_routes(home),
        demo_routes(home),
        model_routes(home),
        job_routes(home),
        study_routes(home),
        human_game_routes(home),
        game_routes(home),
    ):
        app.include_router(routes, dependencies=[Depends(refuse_unused_body)])

    @app.websocket("/api/live")
    async def serve_live(socket: WebSocket) -> None:
        await live.serve(socket)

    if STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return Guard(app, access)
