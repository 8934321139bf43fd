"""Response times of the pages with a thousand runs and a replay of ten thousand pieces."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.finished_runs import make_run, save_replay
from tests.dashboard.page.served_dashboard import Dashboard
from tetrarium.registry.run_labels import change_labels

pytestmark = pytest.mark.oracle
N_RUNS = 1_000
N_GROUPED = 10
N_PIECES = 10_000
A_SECOND = 1.0
_SCRUB = """async (places) => {
    const [player, scrub] = ["#player", "#scrub"].map((name) => document.querySelector(name));
    const taken = [];
    for (const place of places) {
        const from = performance.now();
        await new Promise((resolve) => {
            const observer = new MutationObserver(() => {
                if (player.dataset.shown !== String(place)) return;
                observer.disconnect();
                resolve();
            });
            observer.observe(player, { attributes: true });
            scrub.value = place;
            scrub.dispatchEvent(new Event("input"));
        });
        taken.push(performance.now() - from);
    }
    return taken;
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    served = Dashboard(tmp_path_factory.mktemp("home"))
    for k in range(N_RUNS):
        state, gamma = "stopped" if k % 3 else "finished", 0.95 if k % 2 else 0.8
        folder = make_run(served.home, f"many-{k:04}", seed=k, rows=100, mean=k / 10, state=state, gamma=gamma)
        change_labels(folder, group="oldest" if k < N_GROUPED else None, add_tags=[] if k % 4 else ["good"])
    save_replay(served.home.run_folder("many-0999"), "best-01", N_PIECES)
    served.start()
    served.call("GET", "/history")  # lets the registry read them
    yield served
    served.close()


def seconds(work: Callable[[], None]) -> float:
    """Returns the median duration of three calls in seconds."""
    taken = []
    for _ in range(3):
        start_s = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start_s)
    return median(taken)


def test_thousand_runs_are_shown_within_a_second(page: Page) -> None:
    first = page.locator("#runs-table tbody .run-link").first
    search = page.get_by_label("Find a run")
    found = page.locator("#runs-count")

    def opened() -> None:
        page.goto("/runs")
        expect(first).to_have_text("many-0999")

    def searched() -> None:
        search.fill("many-05")
        expect(found).to_have_text("100 of 1,000 runs")
        search.fill("")
        expect(found).to_have_text("1,000 runs")

    def filtered() -> None:
        for text, n in (("gamma<0.9", 500), ("tag:good", 250), ("group:oldest", N_GROUPED)):
            search.fill(text)
            expect(found).to_have_text(f"{n} of 1,000 runs")
        search.fill("")
        expect(found).to_have_text("1,000 runs")

    def sorted_twice() -> None:
        page.get_by_role("button", name="Training mean").click()
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Training mean")
        page.get_by_role("button", name="Started").click()
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Started")

    def paged_forward_and_back() -> None:
        page.get_by_role("button", name="Next page").click()
        expect(first).to_have_text("many-0949")
        page.get_by_role("button", name="Previous page").click()
        expect(first).to_have_text("many-0999")

    def detail_opened() -> None:
        page.goto("/runs/many-0998")
        expect(page.locator(".main-chart .chart-value")).to_contain_text("best 299")

    taken = {
        work.__name__: seconds(work)
        for work in (opened, searched, filtered, sorted_twice, paged_forward_and_back, detail_opened)
    }
    taken["filtered"] /= 4
    for name in ("searched", "sorted_twice", "paged_forward_and_back"):
        taken[name] /= 2
    assert max(taken.values()) < A_SECOND, taken


def test_long_replay_is_scrubbed_without_delay(page: Page) -> None:
    page.goto("/runs/many-0999")
    expect(page.locator("#player")).to_have_attribute("data-shown", "0")
    places = [(k * 7_919 + 401) % N_PIECES for k in range(40)]
    taken = page.evaluate(_SCRUB, places)
    assert median(taken) < 100
    assert max(taken) < 1_000


def test_other_pages_are_shown_within_a_second(page: Page) -> None:
    shown = {
        "/": lambda: expect(page.locator("#run-name")).to_have_text("many-0999"),
        "/models": lambda: expect(page.locator('#leaderboard tr[data-agent="random"]')).to_be_visible(),
        "/play": lambda: expect(page.locator('#opponent option[value="dellacherie"]')).to_be_attached(),
        "/tuning": lambda: expect(page.locator("#studies-count")).not_to_have_text("Reading the studies…"),
    }

    def opened(path: str) -> None:
        page.goto(path)
        shown[path]()

    taken = {path: seconds(partial(opened, path)) for path in shown}
    assert max(taken.values()) < A_SECOND, taken
