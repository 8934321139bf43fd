"""The page at which people watch: a web application that talks to workers, and knows no torch."""

from tetrarium.dashboard.access import Access
from tetrarium.dashboard.app import create_app
from tetrarium.dashboard.server import Dashboard, run_loop

__all__ = ["Access", "Dashboard", "create_app", "run_loop"]
