"""Lists, filters, groups and compares a home of 1,000 runs in 40 groups with 12 differing settings, as the page does.

Each line is the median of five requests to a real server, and the limit of one second that the page aims at.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.dashboard.finished_runs import make_run
from tests.dashboard.servers import dashboard

from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import change_labels

N_GROUPS, N_RUNS = 40, 25
SETTINGS = {
    "gamma": (0.8, 0.9, 0.95), "batch_size": (32, 64), "learning_rate": (1e-4, 1e-3, 1e-2), "n_steps": (1, 2, 3),
    "net_arch": ((64, 64), (32, 32)), "target_update_interval": (200, 1_000), "buffer_size": (50_000, 100_000),
    "learning_starts": (100, 1_000), "exploration_fraction": (0.1, 0.2), "n_envs": (16, 32),
    "evaluate_every": (50_000, 100_000), "torch_threads": (1, 2),
}  # fmt: skip
REQUESTS = {
    "list": "/api/history?collapse=true",
    "list, flat": "/api/history?limit=200",
    "filter": "/api/history?collapse=true&search=gamma%3C0.9%20batch_size%3D64",
    "filter by tag": "/api/history?collapse=true&search=tag:good",
    "filter by group": "/api/history?collapse=true&search=group:group-7%20gamma%3C0.9",
    "sort by a setting": "/api/history?collapse=true&sort=gamma",
    "open a group": "/api/history?collapse=true&open=group-7",
    "all groups": "/api/groups",
    "curves of 12 groups": "/api/curves?" + "&".join(f"group=group-{k}" for k in range(12)),
    "differences of 12 groups": "/api/differences?" + "&".join(f"compared=group:group-{k}" for k in range(12)),
}


def main() -> None:
    """Makes the home, and measures the requests."""
    with tempfile.TemporaryDirectory() as root:
        home = Home.locate(root)
        for group in range(N_GROUPS):
            settings = {
                name: values[group // (k + 1) % len(values)] for k, (name, values) in enumerate(SETTINGS.items())
            }
            for seed in range(N_RUNS):
                name = f"run-{group}-{seed}"
                make_run(home, name, seed=seed, rows=200, mean=100.0 + group, **settings)
                change_labels(home.run_folder(name), group=f"group-{group}", add_tags=["good"] if seed % 2 else [])
        with dashboard(Path(root)) as server, httpx.Client(base_url=server.url, timeout=60) as client:
            begin_s = time.perf_counter()
            client.get("/api/history")
            print(f"{'first list, which indexes the runs':<36}{time.perf_counter() - begin_s:8.3f} s")
            for label, path in REQUESTS.items():
                times_s = []
                for _ in range(5):
                    begin_s = time.perf_counter()
                    client.get(path).raise_for_status()
                    times_s.append(time.perf_counter() - begin_s)
                print(f"{label:<36}{statistics.median(times_s):8.3f} s")


if __name__ == "__main__":
    main()
