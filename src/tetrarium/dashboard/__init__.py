"""The dashboard: REST API, live WebSocket and web pages; talks to workers and never imports torch."""

from tetrarium.dashboard.app import create_app
from tetrarium.dashboard.http.access import Access
from tetrarium.dashboard.web_server import Dashboard, run_loop

__all__ = ["Access", "Dashboard", "create_app", "run_loop"]
