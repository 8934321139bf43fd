"""Response times of the pages with a thousand models, some of them evaluated."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.page.page_helpers import choose_protocol
from tests.dashboard.page.served_dashboard import Dashboard
from tests.dashboard.page.test_page_many import A_SECOND, seconds
from tests.dashboard.saved_models import save_model, save_score

pytestmark = pytest.mark.oracle
N_MODELS = 1_000
N_EVALUATED = 100


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    served = Dashboard(tmp_path_factory.mktemp("home"))
    for k in range(N_MODELS):
        save_model(served.root, f"many-{k:04}", shift=k / 1e4)
    for k in range(N_EVALUATED):
        save_score(served.root, f"many-{k:04}@1", [k + 1] * 10)
    served.start()
    yield served
    served.close()


@pytest.fixture(autouse=True)
def unscored(page: Page) -> None:
    """Chooses a protocol under which no agent comes with a score."""
    choose_protocol(page, "literature-10x20")


def test_thousand_models_are_shown_within_a_second(page: Page) -> None:
    first = page.locator("#leaderboard tbody tr").first

    def opened() -> None:
        page.goto("/models")
        expect(first).to_have_attribute("data-agent", "many-0099@1")

    def sorted_twice() -> None:
        for _ in range(2):
            page.get_by_role("button", name="Median").click()
            expect(page.locator("#leaderboard th[aria-sort]")).to_contain_text("Median")

    def detail_opened() -> None:
        page.goto("/models/many-0500")
        expect(page.locator("h1")).to_have_text("many-0500")

    opened()
    taken = {work.__name__: seconds(work) for work in (opened, sorted_twice, detail_opened)}
    assert max(taken.values()) < A_SECOND, taken
