"""The analysis board: positions by keys and links, mistakes, best placements, positions set up by hand, and files."""

import json
import re
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.finished_runs import make_run
from tests.dashboard.page.page_checks import WIDTHS, overflowing_elements, violations
from tests.dashboard.page.page_helpers import Interception, PageMonitor
from tests.dashboard.page.served_dashboard import Dashboard, wait_until
from tetrarium.engine.board_tracker import EMPTY
from tetrarium.environment import EnvConfig
from tetrarium.environment.fumen import FumenPage, decode_fumen, encode_fumen, quiz_comment
from tetrarium.environment.human_games import HumanGame
from tetrarium.environment.replays import Replay
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.policy_runner import GameBatch
from tetrarium.evaluation.single_games import record_game
from tetrarium.workers.human_play.saved_games import import_game, save_game
from tetrarium.workers.human_play.session import human_game_config

N_PIECES = 45
LOW_BOARD = 4
LONGEST_NAME = 64
BLUNDER = 12
ADVISOR = "dellacherie"
EIGHT_PIECES = "v115@vhHJEJWPJyKJz/I1QJUNJvIJAgH"


def played_by_keys() -> Replay:
    """Returns a sprint that Dellacherie's controller plays by keys, but for one piece, which it places worst."""
    config = human_game_config(1)
    game = HumanGame(config, seed=3, number=0)
    batch = GameBatch.begin(config.with_changes(actions="reachable"), 3, (0,))
    runner = named_policy(ADVISOR).make_value_runner(batch)  # type: ignore[union-attr]
    for piece in range(N_PIECES):
        action = runner.choose(0)
        if piece == BLUNDER:
            values = runner.values()
            action = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
        for key in batch.games.keys_to(0, action):
            game.press(key)
            game.press("nothing")
        batch.games.place(0, action)
    return game.replay(mode="sprint", seconds=12.5)


@pytest.fixture(scope="module")
def game(dashboard: Dashboard) -> str:
    """Id of the saved game that the tests of this module share."""
    return save_game(dashboard.home, played_by_keys()).removesuffix(".tetris-replay")


def open_game(page: Page, path: str, advisor: str = ADVISOR) -> None:
    page.goto(f"/games/{path}{'&' if '#' in path else '#'}advisor={advisor}")
    expect(page.locator("#progress")).to_be_empty()
    expect(page.locator("#best button").first).to_be_visible()


def test_game_is_stepped_through_by_keys_scrub_bar_and_links(page: Page, game: str) -> None:
    page.goto("/games")
    page.get_by_role("link", name="Sprint").click()
    page.wait_for_url(f"**/games/{game}*")
    expect(page.locator("#game-facts")).to_contain_text(f"{N_PIECES} pieces")
    shown = page.locator("#player")
    expect(shown).to_have_attribute("data-shown", "0")
    for key, position in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 11),
        ("ArrowLeft", 10),
        ("End", N_PIECES),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect(shown).to_have_attribute("data-shown", str(position))
    page.locator("#scrub").fill("20")
    expect(page.locator("#piece-number")).to_have_text(f"20 of {N_PIECES}")
    expect(page.locator("#board")).to_have_attribute("aria-label", "Board after 20 pieces")
    page.wait_for_url("**#p=20&*")
    page.goto(page.url)
    expect(shown).to_have_attribute("data-shown", "20")
    page.locator("#speed").select_option("30")
    page.keyboard.press("Space")
    expect(shown).to_have_attribute("data-shown", str(N_PIECES))
    expect(page.locator("#play")).to_have_text("Play")


def test_the_blunder_is_the_mistake_and_better_placements_are_listed(
    page: Page, dashboard: Dashboard, game: str
) -> None:
    open_game(page, game)
    expect(page.locator("#summary")).to_have_text(re.compile(r"98 % without loss · 1 mistake$"))
    page.keyboard.press("n")
    expect(page.locator("#player")).to_have_attribute("data-shown", str(BLUNDER))
    expect(page.get_by_role("button", name="Next mistake")).to_be_disabled()
    expect(page.locator("#verdict")).to_have_text(re.compile(r"^Played: .+, \d+ of \d+, .+ lost$"))
    expect(page.locator("#board-note")).to_have_text("outline: played · broken line: best by dellacherie")
    rows = page.locator("#best button")
    expect(rows).to_have_count(5)
    expect(rows.first.locator(".best-ahead")).to_have_text(re.compile(r"^then( [IOTLJSZ]){5}$"))
    analyses = [job for job in dashboard.call("GET", "/jobs") if job["kind"] == "analyze"]
    (position,) = dashboard.call("GET", f"/analyses/{analyses[0]['id']}/positions?first={BLUNDER}&n_positions=1")
    path = f"/analyses/{analyses[0]['id']}"
    state = dashboard.call("GET", path)
    assert len(state["graph"]["best"]) == state["n_positions"] == state["n_valued"] == N_PIECES + 1
    polled = dashboard.call("GET", f"{path}?known={state['n_valued']}")
    assert polled == {**state, "graph": None}, "known values are not sent again"
    values = [float(text.replace("\N{MINUS SIGN}", "-")) for text in rows.locator(".best-value").all_inner_texts()]
    assert values == pytest.approx([one["value"] for one in position["best"]], rel=0.01)
    assert values == sorted(values, reverse=True)
    before = page.locator("#board").screenshot()
    rows.first.click()
    expect(rows.first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#board-note")).to_have_text("dellacherie plays on: 6 pieces later.")
    wait_until(lambda: page.locator("#board").screenshot() != before, "the board after the placements ahead")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#player")).to_have_attribute("data-shown", str(BLUNDER + 1))
    page.keyboard.press("b")
    expect(page.locator("#player")).to_have_attribute("data-shown", str(BLUNDER))


def test_graph_leads_to_positions_and_another_advisor_judges_anew(page: Page, game: str) -> None:
    open_game(page, game)
    box = page.locator("#graph").bounding_box()
    assert box is not None
    page.locator("#graph").click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(page.locator("#player")).to_have_attribute("data-shown", re.compile("2[0-5]"))
    before = page.locator("#best .best-value").first.inner_text()
    page.locator("#advisor").select_option("dt-10")
    expect(page.locator("#best .best-value").first).not_to_have_text(before)
    assert "advisor=dt-10" in page.url
    page.reload()
    expect(page.locator("#advisor")).to_have_value("dt-10")


def test_position_is_copied_as_a_fumen_edited_and_asked_about(page: Page, game: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_game(page, f"{game}#p=20")
    page.get_by_role("button", name="Copy fumen").click()
    expect(page.locator("#toasts")).to_contain_text("Fumen copied.")
    (copied,) = decode_fumen(page.evaluate("navigator.clipboard.readText()"))
    assert len(copied.queue) == 6
    page.get_by_role("button", name="Edit position").click()
    expect(page.locator("#edit-queue")).to_have_value(copied.queue)
    page.get_by_role("button", name="Clear the board").click()
    board = page.locator("#board")
    board.focus()
    for key in ("ArrowRight", "Space", "ArrowUp", "Space"):
        board.press(key)
    box = board.bounding_box()
    assert box is not None
    size = int(min((box["width"] - 4) / 10, (box["height"] - 2) / 23))
    left, bottom = box["x"] + (box["width"] - 10 * size) / 2, box["y"] + box["height"] - 2
    page.mouse.move(left + 7.5 * size, bottom - size / 2)
    page.mouse.down()
    page.mouse.move(left + 9.5 * size, bottom - size / 2, steps=6)
    page.mouse.up()
    page.locator("#edit-queue").fill("IX")
    page.get_by_role("button", name="Ask the advisor").click()
    expect(page.locator("#editor-error")).to_contain_text("Pieces are letters of IOTLJSZ")
    page.locator("#edit-queue").fill("ioT")
    page.locator("#edit-held").select_option("S")
    page.get_by_role("button", name="Ask the advisor").click()
    page.wait_for_url("**/games/position#f=*")
    expect(page.locator("#game-title")).to_have_text("Position")
    expect(page.locator("#best button")).to_have_count(5)
    (asked,) = decode_fumen(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('f')"))
    assert (asked.queue, asked.held) == ("IOT", "S")
    assert np.argwhere(asked.cells >= 0).tolist() == [[0, 1], [0, 7], [0, 8], [0, 9], [1, 1]]


def test_the_advisor_plays_on_in_a_new_game(page: Page, game: str) -> None:
    open_game(page, f"{game}#p=30")
    page.get_by_role("button", name="Let it play from here").click()
    page.wait_for_url("**/games/imported-*#p=30*")
    expect(page.locator("#piece-number")).to_have_text("30 of 230")
    expect(page.locator("#game-facts")).to_contain_text("from piece 31 on")


def test_a_range_is_saved_as_an_animation(page: Page, game: str) -> None:
    open_game(page, f"{game}#p=40")
    for name, suffix, start in (("GIF, 20 pieces", "gif", b"GIF89a"), ("Video, 100 pieces", "mp4", b"\0\0\0")):
        page.get_by_role("button", name="Save animation").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"{game}.{suffix}"
        assert download.value.path().read_bytes().startswith(start)
        expect(page.locator("#toasts")).to_contain_text(f"{game}.{suffix}: 5 pieces from here.")


def test_a_person_plays_on_and_sees_the_records(page: Page, game: str) -> None:
    open_game(page, f"{game}#p=30")
    page.get_by_role("link", name="Play from here").click()
    page.wait_for_url("**/play")
    expect(page.locator("#message-title")).to_have_text("Ready")
    page.keyboard.press("Space")
    expect(page.locator("#lines")).to_have_text(re.compile("^1[0-9]$"))
    page.get_by_role("link", name="Sprint").first.click()
    page.wait_for_url(f"**/games/{game}*")


def test_a_person_plays_on_from_a_game_of_an_agent_until_it_has_ended(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    small = EnvConfig(width=8, height=LOW_BOARD)
    lost = record_game(named_policy(ADVISOR), small, seed=1, game=0, max_pieces=500)
    assert lost.terminated
    name = import_game(dashboard.home, lost)
    open_game(page, name)
    page.keyboard.press("End")
    link = page.locator("#play-here")
    expect(link).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#board-note")).to_have_text("The game ended here; nobody can play on.")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(link).not_to_have_attribute("aria-disabled", "true")
    link.click()
    page.wait_for_url("**/play")
    expect(page.locator("#message-title")).to_have_text("Ready")
    expect(page.locator("#content")).to_have_css("--columns", "8")
    photograph(page, "play-from-position")
    page.keyboard.press("Space")
    expect(page.locator("#message-title")).to_be_hidden()


def test_boards_of_any_size_and_rows_above_them_are_set_up(page: Page, photograph: Callable[..., None]) -> None:
    page.goto(f"/games/position#advisor={ADVISOR}")
    columns, rows = page.locator("#edit-width"), page.locator("#edit-height")
    columns.fill("3")
    columns.press("Tab")
    expect(page.locator("#editor-error")).to_have_text("The number of columns is a whole number from 4 to 16; got “3”.")
    columns.fill("6")
    rows.fill("8")
    page.locator("#edit-queue").fill("TI")
    board = page.locator("#board")
    board.focus()
    board.press("Space")
    for _ in range(9):
        board.press("ArrowUp")
    board.press("Space")
    photograph(page, "games-set-up")
    page.get_by_role("button", name="Ask the advisor").click()
    page.wait_for_url("**/games/imported-*")
    expect(page.locator("#best button")).to_have_count(5)
    expect(page.locator("#game-facts")).to_have_text("set up by hand · 0 pieces · 0 lines")
    page.get_by_role("button", name="Edit position").click()
    expect(columns).to_have_value("6")
    cells = page.evaluate("""async () => (await (await fetch(
        `/api/games/${location.pathname.split("/").at(-1)}/boards`)).json()).cells""")
    assert cells == ["x" + "." * 53 + "x"]
    page.locator("#editor").get_by_role("button", name="Play from here").click()
    page.wait_for_url("**/play")
    expect(page.locator("#message-title")).to_have_text("Ready")
    page.goto(f"/games/position#f={EIGHT_PIECES}&advisor={ADVISOR}")
    page.keyboard.press("End")
    page.get_by_role("link", name="Play from here").click()
    page.wait_for_url("**/play")
    expect(page.locator("#message-title")).to_have_text("Ready")
    expect(page.locator("#content")).to_have_css("--columns", "10")


SCRUB_QUICKLY = """(last) => {
    const scrub = document.querySelector("#scrub");
    const write = history.replaceState.bind(history);
    let n = 0;
    history.replaceState = (...values) => {
        n += 1;
        write(...values);
    };
    for (let piece = 1; piece <= last; piece += 1) {
        scrub.value = piece;
        scrub.dispatchEvent(new Event("input"));
    }
    return n;
}"""
DROP = """([name, content]) => {  // bytes, or their number
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(content)], name));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_files_and_fumens_open_from_any_page_and_others_are_refused(
    page: Page, game: str, dashboard: Dashboard, monitor: PageMonitor
) -> None:
    monitor.allow_error_responses()
    content = (dashboard.home.games / f"{game}.tetris-replay").read_bytes()
    page.goto("/models")
    page.evaluate(DROP, ["mine.tetris-replay", list(content)])
    page.wait_for_url("**/games/imported-*")
    expect(page.locator("#piece-number")).to_have_text(f"0 of {N_PIECES}")
    page.goto("/tuning")
    page.evaluate(DROP, ["other.tetris-replay", list(content.replace(b'"version":1', b'"version":2'))])
    expect(page.locator("#toasts")).to_contain_text("This version reads replays of format 1; got format 2.")
    page.evaluate(DROP, ["large.tetris-replay", 2**20 + 1])
    expect(page.locator("#toasts")).to_contain_text("A replay has at most 1.05 MB; large.tetris-replay has")
    page.evaluate(DROP, ["match.TTRM", list(b'{"ismulti": true}')])
    expect(page.locator("#toasts")).to_contain_text(
        "match.TTRM is a replay of TETR.IO, whose format is not published, so it cannot be read; .tetris-replay files "
        "and replays in JSON open here, as do fumens."
    )
    page.goto("/games")
    expect(page.locator("#fumen-form")).to_contain_text("board has 10 columns and 20 visible rows; boards of other")
    page.get_by_label("Fumen").fill("v110@7eXKJ")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#fumen-error")).to_contain_text("A fumen begins with v115@")
    page.get_by_label("Fumen").fill(f"https://fumen.zui.jp/?{EIGHT_PIECES}")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#piece-number")).to_have_text("0 of 6")
    expect(page.locator("#best button").first).to_be_visible()
    page.goto("/games/nothing")
    expect(page.locator("#game-error")).to_contain_text("There is no game 'nothing'.")


def test_pages_of_games_are_accessible_and_fit(
    page: Page, dashboard: Dashboard, game: str, photograph: Callable[..., None]
) -> None:
    make_run(dashboard.home, "a" * LONGEST_NAME)  # is among the advisors
    of_long_name = import_game(
        dashboard.home,
        replace(
            record_game(named_policy(ADVISOR), EnvConfig(), seed=1, game=0, max_pieces=5),
            about={"agent": "W" * LONGEST_NAME},
        ),
    )
    for path, ready in (
        ("/games", "#games-list li"),
        (f"/games/{of_long_name}#advisor={ADVISOR}", "#best button"),
        (f"/games/{game}#p={BLUNDER}&advisor={ADVISOR}", "#best button"),
        ("/games/position", "#editor"),
    ):
        page.goto("about:blank")
        page.goto(path)
        expect(page.locator(ready).first).to_be_visible()
        for width, theme in zip(WIDTHS, ("dark", "light"), strict=True):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            assert violations(page) == []
            assert overflowing_elements(page) == []
            for label in page.locator("label:has(#advisor)").all():
                assert label.evaluate("one => one.offsetHeight === one.lastElementChild.offsetHeight"), "one line"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        photograph(page, f"games-{ready.strip('#').split(' ')[0]}")


def test_share_without_loss_counts_a_last_piece_that_no_placement_survives(page: Page, dashboard: Dashboard) -> None:
    lost = record_game(named_policy(ADVISOR), EnvConfig(height=LOW_BOARD), seed=1, game=0, max_pieces=500)
    assert lost.terminated
    open_game(page, import_game(dashboard.home, lost))
    expect(page.locator("#summary")).to_have_text("100 % without loss · 0 mistakes")


def test_address_follows_the_position_seldom_and_leads_to_another_fumen(page: Page, game: str) -> None:
    open_game(page, game)
    n_writes = page.evaluate(SCRUB_QUICKLY, N_PIECES)
    assert n_writes <= 3, "browsers refuse frequent changes of the address"
    page.wait_for_url(f"**#p={N_PIECES}&*")
    page.goto("/games/position")
    expect(page.locator("#editor")).to_be_visible()
    page.evaluate("address => { location.hash = address; }", f"f={EIGHT_PIECES}")
    expect(page.locator("#piece-number")).to_have_text("0 of 6")


def test_lost_connection_keeps_the_board_and_missing_games_are_asked_for_once(
    page: Page, dashboard: Dashboard, monitor: PageMonitor
) -> None:
    monitor.allow_error_responses()
    monitor.allow_connection_errors()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    about = {"opponent_game": "deleted", "opponent_pieces": " ".join(map(str, range(N_PIECES)))}
    open_game(page, import_game(dashboard.home, replace(played_by_keys(), about=about)))
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#opponent-note")).to_contain_text("There is no game 'deleted'.")
    assert sum("/games/deleted/boards" in url for url in asked) == 1

    page.goto("/games/first~best-01")
    expect(page.locator("#game-error")).to_contain_text("There is no game 'first/best-01'.")
    expect(page.locator(".page-head .buttons")).to_be_hidden()
    assert violations(page) == []

    long = record_game(named_policy(ADVISOR), EnvConfig(), seed=1, game=0, max_pieces=300)
    failing = Interception(
        page, "**/boards?*", lambda route: route.continue_() if "first=0&" in route.request.url else route.abort()
    )
    open_game(page, import_game(dashboard.home, long))
    page.keyboard.press("End")
    expect(page.locator("#game-error")).to_be_visible()
    expect(page.locator("#game-body")).to_be_visible()
    failing.end()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#game-error")).to_be_hidden()
    expect(page.locator("#player")).to_have_attribute("data-shown", "299")

    failing = Interception(page, "**/boards?*")
    page.reload()
    expect(page.locator("#game-error")).to_be_visible()
    failing.end()
    page.keyboard.press("Home")
    expect(page.locator("#player")).to_have_attribute("data-shown", "0")
    expect(page.locator("#scrub")).to_be_visible()


def test_api_refuses_what_is_no_game(dashboard: Dashboard, game: str) -> None:
    def refusal(method: str, path: str, body: Any = None) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            dashboard.call(method, path, body)
        return caught.value.code, json.loads(caught.value.read())["code"]

    assert refusal("GET", "/games/nothing/facts") == (404, "entry-not-found")
    assert refusal("GET", f"/games/{game}/boards?first=99") == (422, "invalid-value")
    assert refusal("POST", "/fumens", {"fumen": "v115@vhAX"}) == (422, "invalid-fumen")
    page = FumenPage(cells=np.full((20, 10), EMPTY, dtype=np.int8), comment=quiz_comment("T", None))
    assert refusal("POST", "/fumens", {"fumen": encode_fumen([page] * 501)}) == (422, "invalid-fumen"), "too many pages"
    full = {"cells": "x" * 10, "queue": "T"}
    assert refusal("POST", "/positions", full) == (422, "invalid-game")
    assert refusal("POST", "/positions", {"width": 6, "cells": "x" * 6, "queue": "T"}) == (422, "invalid-game")
    assert refusal("POST", "/human-games", {"start": "nothing"}) == (404, "entry-not-found")
    assert refusal("POST", "/human-games", {"start": "../games"}) == (422, "invalid-value")
    assert refusal("POST", "/human-games", {"start": EIGHT_PIECES, "start_pieces": 7}) == (422, "invalid-value")
    assert refusal("POST", "/analyses", {"game": game, "advisor": "nobody"})[0] == 422
    assert refusal("POST", "/analyses", {"game": "nothing"}) == (404, "entry-not-found")
    lasting = record_game(named_policy(ADVISOR), EnvConfig(), seed=1, game=0, max_pieces=200_001)
    long = import_game(dashboard.home, lasting)
    assert refusal("POST", "/analyses", {"game": long}) == (409, "invalid-replay"), "too many actions"
    file = dashboard.home.games / f"{game}.tetris-replay"
    assert refusal("POST", "/analyses", {"game": str(file)}) == (422, "invalid-value"), "no path is read"
    analysis = dashboard.call("POST", "/analyses", {"game": game, "advisor": "random"})
    path = f"/analyses/{analysis['id']}"
    wait_until(lambda: dashboard.call("GET", path)["state"] == "failed", "the refusal")
    failed = dashboard.call("GET", path)
    assert failed["code"] == "unsuitable-policy"
