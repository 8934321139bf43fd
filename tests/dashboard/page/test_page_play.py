"""The play page: every control by keyboard and by touch, accessibility and layout."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocket, expect

from tests.dashboard.page.page_checks import WIDTHS, overflowing_elements, violations
from tests.dashboard.page.served_dashboard import Dashboard, wait_until
from tetrarium.environment.replays import Replay

PAINTED = """(id) => {
    const canvas = document.querySelector(id);
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
}"""
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class SocketTraffic:
    """WebSocket messages of the page: shown games and sent keys."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.shown: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: self._receive(json.loads(text)))
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("event", {}).get("kind") == "human-game-shown":
            self.shown.append(message["event"])

    @property
    def keys(self) -> list[tuple[str, bool]]:
        return [(key["key"], key["down"]) for message in self.sent for key in message.get("keys", [])]

    def wait(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Waits for a shown game that meets a condition; returns it."""

        def look() -> dict[str, Any] | None:
            self.page.evaluate(SETTLED)  # events arrive while the browser evaluates
            return next((shown for shown in reversed(self.shown) if condition(shown)), None)

        return dict(wait_until(look, what))

    def start_game(self, start: Callable[[], object]) -> dict[str, Any]:
        """Starts another game; returns its first board. Without waiting for that, keys may reach the game before."""
        earlier = self.wait(lambda _shown: True, "a game")["game"]
        start()
        return self.wait(lambda shown: shown["game"] > earlier and shown["phase"] == "ready", "a new game")

    def wait_for_keys(self, *keys: tuple[str, bool]) -> None:
        """Waits until these were the latest keys that the page sent."""

        def look() -> bool:
            self.page.evaluate(SETTLED)
            return tuple(self.keys[-len(keys) :]) == keys

        wait_until(look, f"{keys} as the latest keys")


@pytest.fixture(scope="module")
def game_id(dashboard: Dashboard) -> str:
    """Id of the human game that the tests of this module share."""
    return str(dashboard.call("POST", "/human-games", {"mode": "free", "seed": 7})["id"])


@pytest.fixture
def traffic(page: Page) -> SocketTraffic:
    return SocketTraffic(page)


def open_game(page: Page, game_id: str, traffic: SocketTraffic) -> dict[str, Any]:
    """Opens the page with the shared game and starts a new one; returns its first board."""
    page.add_init_script(f"sessionStorage.setItem('tetrarium-human-game', '{game_id}')")
    page.goto("/play")
    expect(page.locator("#status-word")).to_have_text(re.compile("Ready|Paused|Game over|Finished"))
    return traffic.start_game(lambda: page.keyboard.press("KeyR"))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def key_button(page: Page, action: str, place: int) -> Locator:
    return page.locator(f'[data-action="{action}"][data-place="{place}"]')


def title(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("#message-title")).to_have_text(words)


def test_game_is_played_by_keyboard(
    page: Page, dashboard: Dashboard, traffic: SocketTraffic, photograph: Callable[..., None]
) -> None:
    page.goto("/play")
    title(page, "Play")
    photograph(page, "play-none")
    press(page, "Space")
    title(page, "Ready")
    expect(page.locator("#playfield")).to_be_focused()
    expect(page.locator("#first-level option")).to_have_count(20)
    assert page.evaluate(PAINTED, "#next"), "the pieces have the shapes of GET /api/meta"
    press(page, "ArrowLeft", "ArrowUp", "KeyZ", "KeyX", "ArrowRight", "ArrowDown", "KeyC")
    expect(page.locator("#status-word")).to_have_text("Playing")
    expect(page.locator("#hold")).to_have_attribute("aria-label", re.compile("Hold: [IOTLJSZ]"))
    press(page, "KeyP")
    title(page, "Paused")
    stood = traffic.shown[-1]["seconds"]
    press(page, "ArrowLeft", "Escape")
    expect(page.locator("#status-word")).to_have_text("Playing")
    assert traffic.wait(lambda shown: shown["phase"] == "playing" and shown["seconds"] > stood, "time to go on")
    press(page, *["Space"] * 25)
    title(page, "Game over")
    expect(page.locator("#message-figures")).to_contain_text("Pieces/s")
    over = traffic.wait(lambda shown: bool(shown["saved_as"]), "the game to be kept")
    expect(page.locator("#score")).to_have_text(f"{over['score_game']:,}")
    expect(page.locator("#saved-games-list li")).to_have_count(1)
    analysis = re.compile(rf"/games/{over['saved_as'].removesuffix('.tetris-replay')}$")
    expect(page.get_by_role("link", name="Analyze", exact=True)).to_have_attribute("href", analysis)
    replay = Replay.from_bytes((dashboard.root / "games" / over["saved_as"]).read_bytes())
    *_, last = replay.play()
    end = last.state_tp1
    assert (end.score, end.lines, end.pieces, end.terminated) == (  # type: ignore[union-attr]
        over["score_game"], over["lines_game"], over["pieces_game"], True,
    )  # fmt: skip
    assert replay.seed == over["seed"]
    photograph(page, "play-over")
    press(page, "KeyR")
    title(page, "Ready")
    assert traffic.wait(lambda shown: shown["game"] == over["game"] + 1, "the next game")["seed"] != over["seed"]


def test_held_key_repeats_by_its_own_settings(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    page.add_init_script(
        "localStorage.setItem('tetrarium-play', JSON.stringify({ handling: { das_ms: 60, arr_ms: 0, soft_drop: 20 } }))"
    )
    open_game(page, game_id, traffic)
    page.keyboard.down("ArrowLeft")
    page.keyboard.down("ArrowLeft")  # as the browser repeats it
    at_wall = traffic.wait(lambda shown: any(cell % 10 == 0 for cell in shown["falling"]), "the wall")
    page.keyboard.up("ArrowLeft")
    assert at_wall["pieces_game"] == 0
    traffic.wait_for_keys(("left", True), ("left", False))
    assert len(traffic.keys) == 2
    times = [key["at"] for message in traffic.sent for key in message.get("keys", [])]
    assert times == sorted(times)
    assert abs(times[0] - page.evaluate("Date.now() / 1000")) < 60


def test_keys_are_assigned_by_pressing_them_and_stored(
    page: Page, game_id: str, traffic: SocketTraffic, photograph: Callable[..., None]
) -> None:
    open_game(page, game_id, traffic)
    press(page, "KeyK")
    photograph(page, "play-keys")
    assert violations(page) == []
    left = key_button(page, "left", 0)
    left.focus()
    press(page, "Enter")
    expect(left).to_have_text("Press…")
    press(page, "KeyC")
    expect(left).to_have_text("C")
    expect(key_button(page, "hold", 0)).to_have_attribute("aria-label", "Hold, key 1: none")
    expect(page.locator("#announcer")).to_have_text("Left: C, removed from Hold.")
    key_button(page, "clockwise", 1).press("Enter")
    press(page, "Backspace")
    expect(key_button(page, "clockwise", 1)).to_have_attribute("aria-label", "Rotate right, key 2: none")
    expect(key_button(page, "clockwise", 1)).to_be_focused()
    key_button(page, "right", 0).press("Enter")
    press(page, "Escape")
    expect(key_button(page, "right", 0)).to_have_text("→")
    for name, key, shown in (("DAS", "Home", "0 ms"), ("ARR", "End", "150 ms"), ("Soft drop", "End", "at once")):
        slider = page.get_by_role("slider", name=name)
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", shown)
    press(page, "Escape")
    expect(page.locator("#settings-panel")).to_be_hidden()
    expect(page.locator("#playfield")).to_be_focused()
    press(page, "KeyC", "KeyX")
    traffic.wait(lambda shown: shown["phase"] == "playing", "the first key")
    traffic.wait_for_keys(("left", True), ("left", False))
    assert len(traffic.keys) == 2
    page.reload()
    title(page, "Paused")
    kept = page.evaluate("JSON.parse(localStorage.getItem('tetrarium-play'))")
    assert kept["handling"] == {"das_ms": 0, "arr_ms": 150, "soft_drop": 1000}
    assert kept["keys"]["left"] == ["KeyC", None]
    page.locator("#settings").click()
    page.get_by_role("button", name="Reset to defaults").click()
    expect(key_button(page, "left", 0)).to_have_text("←")
    page.get_by_role("button", name="Done").click()


def test_mode_level_and_seed_apply_to_the_next_game(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    open_game(page, game_id, traffic)
    page.get_by_role("radio", name="Sprint").check(force=True)
    assert (
        traffic.wait(lambda shown: shown["mode"] == "sprint", "a sprint at once, since no piece was placed")["phase"]
        == "ready"
    )
    expect(page.locator("#goal")).to_have_text(" / 40")
    page.locator("#playfield").focus()
    press(page, "Space")
    traffic.wait(lambda shown: shown["pieces_game"] == 1, "a piece")
    page.locator("#first-level").focus()
    title(page, "Paused")
    page.locator("#first-level").select_option("7")
    expect(page.locator("#options-note")).to_have_text("Applies to the next game: press R or New game.")
    seed = page.locator("#seed")
    seed.fill("12x")
    seed.press("Tab")
    expect(page.locator("#seed-error")).to_have_text("A seed is a whole number from 0 to 4,294,967,295; got “12x”.")
    seed.fill("12")
    page.get_by_role("button", name="New game").click()
    started = traffic.wait(lambda shown: shown["seed"] == 12, "these pieces")
    assert (started["level"], started["mode"], started["phase"]) == (7, "sprint", "ready")
    expect(page.locator("#seed-now")).to_have_text("This game: seed 12.")
    seed.fill("")
    seed.press("Tab")
    traffic.wait(lambda shown: shown["seed"] != 12 and shown["game"] > started["game"], "other pieces")
    before = traffic.shown[-1]
    expect(page.locator("#status-text")).to_have_text(f"sprint · seed {before['seed']}")
    page.get_by_role("button", name="Replay this seed").click()
    again = traffic.wait(lambda shown: shown["game"] == before["game"] + 1, "the same pieces")
    assert (again["seed"], again["queue"]) == (before["seed"], before["queue"])


def test_opponent_and_advice(page: Page, game_id: str, traffic: SocketTraffic, photograph: Callable[..., None]) -> None:
    open_game(page, game_id, traffic)
    page.locator("#opponent").select_option("dellacherie")
    traffic.wait(lambda shown: bool(shown["opponent"]), "an opponent")
    expect(page.locator("#opponent-name")).to_have_text("dellacherie")
    page.locator("#advice").select_option("dellacherie")
    advice = traffic.wait(lambda shown: bool(shown["advice"] and shown["advice"]["cells"]), "advice")["advice"]
    expect(page.locator("#advice-line")).to_contain_text("dellacherie")
    assert advice["value"] is not None
    requested: list[Any] = []
    page.on("request", lambda request: requested.append(request.post_data_json) if request.method == "POST" else None)
    with page.expect_request("**/commands"):
        page.get_by_role("slider", name="Pieces per second").evaluate(
            "(slider) => [0, 50, 99, 100].forEach((value) => {"
            " slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); })"
        )
    expect(page.locator("#pace-value")).to_have_text("10")
    assert [request["values"]["pace"] for request in requested] == [10], "a dragged slider sends its last value"
    page.locator("#playfield").focus()
    press(page, "Space")
    traffic.wait(lambda shown: bool(shown["opponent"]) and shown["opponent"]["pieces"] >= 5, "the opponent to play")
    page.get_by_role("switch", name="Match my speed").check(force=True)
    expect(page.locator("#pace-value")).to_have_text("yours")
    begun = traffic.start_game(page.get_by_role("button", name="New game").click)
    assert (begun["pieces_game"], begun["opponent"]["pieces"]) == (0, 0)
    page.locator("#playfield").focus()
    press(page, "Space", "Space")
    both = traffic.wait(lambda shown: shown["pieces_game"] == 2, "two pieces")
    assert both["opponent"]["pieces"] == 2
    expect(page.locator("#ahead-score")).to_have_text(re.compile(r"^\W?[\d,]+$"))
    expect(page.locator("#ahead-lines")).to_have_text("0")
    press(page, "KeyP")
    photograph(page, "play-versus")
    page.locator("#advice").select_option("")
    traffic.wait(lambda shown: shown["advice"] is None, "no advice")
    page.locator("#opponent").select_option("")
    page.get_by_role("button", name="New game").click()
    expect(page.locator("#opponent-panel")).to_be_hidden()


RESULTS = """async (games) => {
    const { resultOf } = await import("/static/play/result.js");
    return games.map(resultOf);
}"""


def test_result_against_an_opponent_says_who_won_and_why(page: Page) -> None:
    page.goto("/play")

    def game(phase: str, n: int, **opponent: Any) -> dict[str, Any]:
        other = {"agent": "champion", "state": "ready", "finished": False, "lost": False, "seconds": 30.0, **opponent}
        return {"phase": phase, "goal_lines": 40, "lines_game": n, "seconds": 31.25, "opponent": other}

    assert page.evaluate(
        RESULTS,
        [
            game("game-over", 12, lines=12),
            game("game-over", 1, lines=0, lost=True),
            game("game-over", 3, lines=2, lost=True, seconds=31.25),
            game("game-over", 12, lines=40, finished=True),
            game("finished", 40, lines=33),
            game("finished", 41, lines=40, finished=True),
            game("finished", 40, lines=40, finished=True, seconds=31.25),
            game("finished", 40, lines=0, state="refused"),
        ],
    ) == [
        ["You lost", "You topped out first, with 12 lines to 12."],
        ["You won", "champion topped out first, with 1 line to 0."],
        ["A draw", "Both topped out at once, with 3 lines to 2."],
        ["You lost", "champion reached 40 lines first, in 0:30.0."],
        ["You won", "You reached 40 lines first, champion 33."],
        ["You lost", "champion reached 40 lines first, in 0:30.0."],
        ["A draw", "Both reached 40 lines at once."],
        None,
    ]


def test_touch_buttons_play_on_a_phone(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_game(page, game_id, traffic)
    expect(page.locator("#message-text")).to_have_text("Your first key or a button below starts the game.")
    labels = [page.get_by_role("heading", name=name, exact=True).bounding_box() for name in ("Hold", "Next")]
    held, coming = page.locator("#hold").bounding_box(), page.locator("#next").bounding_box()
    assert labels[0] and labels[1] and held and coming
    assert labels[0]["y"] < held["y"] < labels[1]["y"] < coming["y"], "each queue is below its label"
    for name in ("Left", "Right", "Rotate left", "Rotate right", "Soft drop", "Hold", "Hard drop"):
        page.get_by_role("button", name=name, exact=True).click()
    traffic.wait(lambda shown: shown["pieces_game"] == 1, "the drop")
    assert [key for key, is_down in traffic.keys if is_down] == [
        "left", "right", "counter-clockwise", "clockwise", "soft drop", "hold", "hard drop",
    ]  # fmt: skip
    assert [key for key, is_down in traffic.keys if not is_down] == [key for key, is_down in traffic.keys if is_down]
    page.get_by_role("button", name="Left", exact=True).press("Enter")
    traffic.wait_for_keys(("left", True), ("left", False))
    page.get_by_role("button", name="Pause", exact=True).last.click()
    title(page, "Paused")
    expect(page.locator("#message-text")).to_have_text("Nothing is lost. New game starts another one.")
    board, touch = page.locator("#playfield").bounding_box(), page.locator("#touch").bounding_box()
    assert board is not None and touch is not None
    assert touch["y"] + touch["height"] - board["y"] <= 740, "board and keys are on the screen together"


def test_game_pauses_when_the_page_loses_focus(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    open_game(page, game_id, traffic)
    for leave in (
        lambda: page.evaluate("window.dispatchEvent(new Event('blur'))"),
        lambda: page.locator("#first-level").focus(),
    ):
        page.locator("#playfield").focus()
        press(page, "ArrowLeft")
        if page.locator("#message-title").is_visible() and page.locator("#message-title").inner_text() == "Paused":
            press(page, "KeyP")
        expect(page.locator("#status-word")).to_have_text("Playing")
        leave()
        title(page, "Paused")
    page.reload()
    title(page, "Paused")
    page.get_by_role("button", name="Resume").first.click()
    expect(page.locator("#status-word")).to_have_text("Playing")
    press(page, "KeyP")
    title(page, "Paused")


def test_screen_readers_announce_the_result(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    open_game(page, game_id, traffic)
    heard = page.evaluate_handle(
        """() => {
            const heard = [];
            const announcer = document.querySelector("#announcer");
            new MutationObserver(() => heard.push(announcer.textContent)).observe(announcer, { childList: true });
            return heard;
        }"""
    )
    press(page, *["Space"] * 25)
    title(page, "Game over")
    announcements = heard.json_value()
    assert len(announcements) == 1, "frames are not announced"
    assert re.fullmatch(r"Game over\. [\d,]+ points, 0 lines, 0:\d\d\.\d\.", announcements[0])


def test_page_is_accessible(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    open_game(page, game_id, traffic)
    page.locator("#opponent").select_option("dellacherie")
    expect(page.locator("#opponent-name")).to_have_text("dellacherie")
    page.locator("#playfield").focus()
    press(page, *["Space"] * 25)
    title(page, "You lost")
    expect(page.locator("#message-text")).to_have_text(re.compile(r"You topped out first, with \d+ lines? to \d+\."))
    expect(page.locator("#download")).to_be_visible()
    for width, theme in zip(WIDTHS, ("dark", "light"), strict=True):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert violations(page) == [], f"{width} {theme}"


def test_boards_and_texts_fit_the_window(page: Page, game_id: str, traffic: SocketTraffic) -> None:
    open_game(page, game_id, traffic)
    page.locator("#opponent").select_option("du")
    expect(page.locator("#opponent-name")).to_have_text("du")
    for width, height in ((360, 740), (700, 500), (1024, 640), (1280, 800), (2560, 1300)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(SETTLED)
        for board in page.locator(".board-box").all():
            board.scroll_into_view_if_needed()
            box = board.bounding_box()
            assert box is not None
            assert box["height"] <= height and box["width"] <= width and box["x"] >= 0, (width, height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert overflowing_elements(page) == [], (width, height)


def test_seed_is_replayed_after_the_game_has_ended(page: Page) -> None:
    page.goto("/play")
    requested: list[Any] = []

    def answer(route: Route) -> None:
        requested.append(route.request.post_data_json)
        route.fulfill(json={"id": "x"})

    page.route("**/api/human-games", answer)
    again = """async () => {
        const { Game } = await import("/static/play/game.js");
        await new Game({ gameOptions: { mode: "free", seed: null } }).startNew({ seed: 5 });
    }"""
    page.evaluate(again)
    assert requested == [{"mode": "free", "seed": 5}]
