"""The page of play in a real browser: every control, by keyboard alone and by touch, and how it looks and sounds."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocket, expect

from tests.dashboard.page.looks import WIDTHS, cut_off, violations
from tests.dashboard.page.stage import Dashboard, wait_until
from tetrarium.environment.replays import Replay

SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Seen:
    """What the page was told of its game, and what it said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.shown: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: self._hear(json.loads(text)))
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))

    def _hear(self, told: dict[str, Any]) -> None:
        if told.get("event", {}).get("kind") == "hand-shown":
            self.shown.append(told["event"])

    @property
    def keys(self) -> list[tuple[str, bool]]:
        return [(key["key"], key["down"]) for said in self.sent for key in said.get("keys", [])]

    def wait(self, is_so: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Waits for a message of which something is so; returns it."""

        def look() -> dict[str, Any] | None:
            self.page.evaluate(SETTLED)  # the browser's news come while it is asked
            return next((shown for shown in reversed(self.shown) if is_so(shown)), None)

        return dict(wait_until(look, what))

    def wait_for_keys(self, *keys: tuple[str, bool]) -> None:
        """Waits until these were the latest keys that the page sent."""

        def look() -> bool:
            self.page.evaluate(SETTLED)
            return tuple(self.keys[-len(keys) :]) == keys

        wait_until(look, f"{keys} as the latest keys")


@pytest.fixture(scope="module")
def hand(dashboard: Dashboard) -> str:
    """A game that the tests of this module share."""
    return str(dashboard.call("POST", "/hands", {"mode": "free", "seed": 7})["id"])


@pytest.fixture
def seen(page: Page) -> Seen:
    return Seen(page)


def open_game(page: Page, hand: str, seen: Seen) -> dict[str, Any]:
    """Opens the page on the game of this module, and begins anew; returns the first board."""
    page.add_init_script(f"sessionStorage.setItem('tetrarium-hand', '{hand}')")
    page.goto("/play")
    expect(page.locator("#status-word")).to_have_text(re.compile("Ready|Paused|Game over|Done"))
    game = seen.shown[-1]["game"] if seen.shown else 0
    page.keyboard.press("KeyR")
    return seen.wait(lambda shown: shown["game"] > game and shown["phase"] == "ready", "a new game")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def key_button(page: Page, action: str, place: int) -> Locator:
    return page.locator(f'[data-action="{action}"][data-place="{place}"]')


def title(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("#message-title")).to_have_text(words)


def test_a_game_from_the_first_key_to_the_next_by_keyboard_alone(
    page: Page, dashboard: Dashboard, seen: Seen, photograph: Callable[..., None]
) -> None:
    page.goto("/play")
    title(page, "Play")
    photograph(page, "play-none")
    press(page, "Space")
    title(page, "Ready")
    expect(page.locator("#field")).to_be_focused()
    press(page, "ArrowLeft", "ArrowUp", "KeyZ", "KeyX", "ArrowRight", "ArrowDown", "KeyC")
    expect(page.locator("#status-word")).to_have_text("Playing")
    expect(page.locator("#hold")).to_have_attribute("aria-label", re.compile("Hold: [IOTLJSZ]"))
    press(page, "KeyP")
    title(page, "Paused")
    stood = seen.shown[-1]["seconds"]
    press(page, "ArrowLeft", "Escape")
    expect(page.locator("#status-word")).to_have_text("Playing")
    assert seen.wait(lambda shown: shown["phase"] == "playing" and shown["seconds"] > stood, "time to go on")
    press(page, *["Space"] * 25)
    title(page, "Game over")
    expect(page.locator("#message-figures")).to_contain_text("Pieces/s")
    over = seen.wait(lambda shown: bool(shown["kept"]), "the game to be kept")
    expect(page.locator("#score")).to_have_text(f"{over['score_game']:,}")
    expect(page.locator("#kept-list li")).to_have_count(1)
    replay = Replay.from_bytes((dashboard.root / "games" / over["kept"]).read_bytes())
    *_, last = replay.play()
    end = last.state_tp1
    assert (end.score, end.lines, end.pieces, end.over) == (  # type: ignore[union-attr]
        over["score_game"], over["lines_game"], over["pieces_game"], True,
    )  # fmt: skip
    assert replay.seed == over["seed"]
    photograph(page, "play-over")
    press(page, "KeyR")
    title(page, "Ready")
    assert seen.wait(lambda shown: shown["game"] == over["game"] + 1, "the next game")["seed"] != over["seed"]


def test_a_held_key_repeats_as_it_was_set_and_not_as_the_browser_does(page: Page, hand: str, seen: Seen) -> None:
    page.add_init_script(
        "localStorage.setItem('tetrarium-play', JSON.stringify({ handling: { das_ms: 60, arr_ms: 0, soft_drop: 20 } }))"
    )
    open_game(page, hand, seen)
    page.keyboard.down("ArrowLeft")
    page.keyboard.down("ArrowLeft")  # as the browser repeats it
    at_wall = seen.wait(lambda shown: any(cell % 10 == 0 for cell in shown["falling"]), "the wall")
    page.keyboard.up("ArrowLeft")
    assert at_wall["pieces_game"] == 0
    seen.wait_for_keys(("left", True), ("left", False))
    assert len(seen.keys) == 2
    times = [key["at"] for said in seen.sent for key in said.get("keys", [])]
    assert times == sorted(times)
    assert abs(times[0] - page.evaluate("Date.now() / 1000")) < 60


def test_keys_are_set_by_pressing_them_and_kept(
    page: Page, hand: str, seen: Seen, photograph: Callable[..., None]
) -> None:
    open_game(page, hand, seen)
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
    expect(page.locator("#announcer")).to_have_text("C is set; Hold has lost it.")
    key_button(page, "clockwise", 1).press("Enter")
    press(page, "Backspace")
    expect(key_button(page, "clockwise", 1)).to_have_attribute("aria-label", "Turn right, key 2: none")
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
    expect(page.locator("#field")).to_be_focused()
    press(page, "KeyC", "KeyX")
    seen.wait(lambda shown: shown["phase"] == "playing", "the first key")
    seen.wait_for_keys(("left", True), ("left", False))
    assert len(seen.keys) == 2
    page.reload()
    title(page, "Paused")
    kept = page.evaluate("JSON.parse(localStorage.getItem('tetrarium-play'))")
    assert kept["handling"] == {"das_ms": 0, "arr_ms": 150, "soft_drop": 1000}
    assert kept["keys"]["left"] == ["KeyC", None]
    page.locator("#settings").click()
    page.get_by_role("button", name="Back to the defaults").click()
    expect(key_button(page, "left", 0)).to_have_text("←")
    page.get_by_role("button", name="Done").click()


def test_mode_level_and_seed_count_for_the_next_game(page: Page, hand: str, seen: Seen) -> None:
    open_game(page, hand, seen)
    page.get_by_role("radio", name="Sprint").check(force=True)
    assert (
        seen.wait(lambda shown: shown["mode"] == "sprint", "a sprint at once: nothing was played")["phase"] == "ready"
    )
    expect(page.locator("#goal")).to_have_text(" / 40")
    page.locator("#field").focus()
    press(page, "Space")
    seen.wait(lambda shown: shown["pieces_game"] == 1, "a piece")
    page.locator("#first-level").focus()
    title(page, "Paused")
    page.locator("#first-level").select_option("7")
    expect(page.locator("#options-note")).to_have_text("It counts from the next game on: R, or the button.")
    seed = page.locator("#seed")
    seed.fill("12x")
    seed.press("Tab")
    expect(page.locator("#seed-error")).to_have_text("A seed is a whole number from 0 to 4,294,967,295.")
    seed.fill("12")
    page.get_by_role("button", name="New game").click()
    begun = seen.wait(lambda shown: shown["seed"] == 12, "these pieces")
    assert (begun["level"], begun["mode"], begun["phase"]) == (7, "sprint", "ready")
    expect(page.locator("#seed-now")).to_have_text("This game: seed 12.")
    seed.fill("")
    seed.press("Tab")
    seen.wait(lambda shown: shown["seed"] != 12 and shown["game"] > begun["game"], "other pieces")
    before = seen.shown[-1]
    page.get_by_role("button", name="Same pieces").click()
    again = seen.wait(lambda shown: shown["game"] == before["game"] + 1, "the same pieces")
    assert (again["seed"], again["queue"]) == (before["seed"], before["queue"])


def test_an_opponent_and_advice(page: Page, hand: str, seen: Seen, photograph: Callable[..., None]) -> None:
    open_game(page, hand, seen)
    page.locator("#opponent").select_option("dellacherie")
    seen.wait(lambda shown: bool(shown["opponent"]), "an opponent")
    expect(page.locator("#rival-name")).to_have_text("dellacherie")
    page.locator("#advice").select_option("dellacherie")
    advice = seen.wait(lambda shown: bool(shown["advice"] and shown["advice"]["cells"]), "advice")["advice"]
    expect(page.locator("#advice-line")).to_contain_text("dellacherie")
    assert advice["value"] is not None
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request.post_data_json) if request.method == "POST" else None)
    page.get_by_role("slider", name="Pieces a second").evaluate(
        "(slider) => [0, 50, 99].forEach((value) => {"
        " slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); })"
    )
    with page.expect_request("**/commands"):
        page.get_by_role("slider", name="Pieces a second").press("End")
    expect(page.locator("#pace-value")).to_have_text("10")
    assert [order["values"]["pace"] for order in asked] == [10], "a slider that is dragged tells its last place"
    page.locator("#field").focus()
    press(page, "Space")
    seen.wait(lambda shown: bool(shown["opponent"]) and shown["opponent"]["pieces"] >= 5, "the opponent to play")
    page.get_by_role("switch", name="As fast as I").check(force=True)
    expect(page.locator("#pace-value")).to_have_text("yours")
    page.get_by_role("button", name="New game").click()
    seen.wait(
        lambda shown: shown["pieces_game"] == 0 and shown["opponent"] and shown["opponent"]["pieces"] == 0, "both at 0"
    )
    press(page, "Space", "Space")
    both = seen.wait(lambda shown: shown["pieces_game"] == 2, "two pieces")
    assert both["opponent"]["pieces"] == 2
    expect(page.locator("#ahead-score")).to_have_text(re.compile(r"^\W?[\d,]+$"))
    expect(page.locator("#ahead-lines")).to_have_text("0")
    press(page, "KeyP")
    photograph(page, "play-versus")
    page.locator("#advice").select_option("")
    seen.wait(lambda shown: shown["advice"] is None, "no advice")
    page.locator("#opponent").select_option("")
    page.get_by_role("button", name="New game").click()
    expect(page.locator("#rival")).to_be_hidden()


def test_touch_keys_play_on_a_phone(page: Page, hand: str, seen: Seen) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_game(page, hand, seen)
    for name in ("Left", "Right", "Turn left", "Turn right", "Soft drop", "Hold", "Hard drop"):
        page.get_by_role("button", name=name, exact=True).click()
    seen.wait(lambda shown: shown["pieces_game"] == 1, "the drop")
    assert [key for key, is_down in seen.keys if is_down] == [
        "left", "right", "counter-clockwise", "clockwise", "soft drop", "hold", "hard drop",
    ]  # fmt: skip
    assert [key for key, is_down in seen.keys if not is_down] == [key for key, is_down in seen.keys if is_down]
    page.get_by_role("button", name="Left", exact=True).press("Enter")
    seen.wait_for_keys(("left", True), ("left", False))
    page.get_by_role("button", name="Pause", exact=True).last.click()
    title(page, "Paused")
    board, touch = page.locator("#field").bounding_box(), page.locator("#touch").bounding_box()
    assert board is not None and touch is not None
    assert touch["y"] + touch["height"] - board["y"] <= 740, "board and keys are on the screen together"


def test_a_game_waits_for_who_leaves_it(page: Page, hand: str, seen: Seen) -> None:
    open_game(page, hand, seen)
    for leave in (
        lambda: page.evaluate("window.dispatchEvent(new Event('blur'))"),
        lambda: page.locator("#first-level").focus(),
    ):
        page.locator("#field").focus()
        press(page, "ArrowLeft")
        if page.locator("#message-title").is_visible() and page.locator("#message-title").inner_text() == "Paused":
            press(page, "KeyP")
        expect(page.locator("#status-word")).to_have_text("Playing")
        leave()
        title(page, "Paused")
    page.reload()
    title(page, "Paused")
    page.get_by_role("button", name="Go on").first.click()
    expect(page.locator("#status-word")).to_have_text("Playing")
    press(page, "KeyP")
    title(page, "Paused")


def test_listeners_hear_what_was_scored_and_how_it_ended(page: Page, hand: str, seen: Seen) -> None:
    open_game(page, hand, seen)
    heard = page.evaluate_handle(
        """() => {
            const heard = [];
            const box = document.querySelector("#announcer");
            new MutationObserver(() => heard.push(box.textContent)).observe(box, { childList: true });
            return heard;
        }"""
    )
    press(page, *["Space"] * 25)
    title(page, "Game over")
    said = heard.json_value()
    assert len(said) == 1, "no frame is told"
    assert re.fullmatch(r"Game over\. [\d,]+ points, 0 lines, 0:\d\d\.\d\.", said[0])


def test_rules_of_accessibility_hold(page: Page, hand: str, seen: Seen) -> None:
    open_game(page, hand, seen)
    page.locator("#opponent").select_option("dellacherie")
    expect(page.locator("#rival-name")).to_have_text("dellacherie")
    page.locator("#field").focus()
    press(page, *["Space"] * 25)
    title(page, "Game over")
    expect(page.locator("#download")).to_be_visible()
    for width, theme in zip(WIDTHS, ("dark", "light"), strict=True):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert violations(page) == [], f"{width} {theme}"


def test_the_boards_are_whole_and_nothing_is_cut_off(page: Page, hand: str, seen: Seen) -> None:
    open_game(page, hand, seen)
    page.locator("#opponent").select_option("du")
    expect(page.locator("#rival-name")).to_have_text("du")
    for width, height in ((360, 740), (700, 500), (1024, 640), (1280, 800), (2560, 1300)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(SETTLED)
        for board in page.locator(".board-box").all():
            board.scroll_into_view_if_needed()
            box = board.bounding_box()
            assert box is not None
            assert box["height"] <= height and box["width"] <= width and box["x"] >= 0, (width, height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert cut_off(page) == [], (width, height)


def test_the_same_pieces_come_again_after_the_game_has_ended(page: Page) -> None:
    page.goto("/play")
    asked: list[Any] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={"id": "x"})

    page.route("**/api/hands", answer)
    again = """async () => {
        const { Game } = await import("/static/play/game.js");
        await new Game({ wishes: { mode: "free", seed: null } }).again({ seed: 5 });
    }"""
    page.evaluate(again)
    assert asked == [{"mode": "free", "seed": 5}]
