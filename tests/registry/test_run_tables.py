"""Columns of a run's tables, and their reader."""

from pathlib import Path

import pytest

from tetrarium.registry.run_tables import EPISODES, EVALUATIONS, PROGRESS, RUN_TABLES, read_last_row, read_table

HEADER = PROGRESS.header.decode()
ROW = "2000,1.5,,100.0,7,6,,30.0,0.25,2,50,0.0,1.0,3,-0.5,nan,,0.1\n"
VALUES = (2_000, 1.5, None, 100.0, 7, 6, None, 30.0, 0.25, 2, 50, 0.0, 1.0, 3, -0.5, None, None, 0.1)


def test_column_names_are_those_on_disk() -> None:
    assert EPISODES.header == b"step,env,reward,lines,pieces,cut_off,seconds\n"
    assert EVALUATIONS.header == (
        b"decided_step,step,n_games,max_pieces,survival,lines_until_limit,estimated_lines,estimated_low,estimated_high,"
        b"harder_games,harder_survival,harder_lines,harder_low,harder_high,seed,is_best\n"
    )
    assert HEADER == (
        "step,seconds,evaluated_seconds,steps_per_second,games_ended,games_lost,last_loss_step,"
        "losses_per_10000_pieces,training_mean,training_n_ended,training_n_running,lines_low,lines_high,"
        "best_lines_game,mean_reward_placement,loss,mean_q,exploration_rate\n"
    )
    assert {name: table.file_name for name, table in RUN_TABLES.items()} == {
        "progress": "progress.csv", "episodes": "episodes.csv", "evaluations": "evaluations.csv",
    }  # fmt: skip


def test_every_column_has_a_meaning_and_is_found_by_name() -> None:
    for table in RUN_TABLES.values():
        assert all(column.meaning for column in table.columns)
        assert [table[name] for name in table.column_names] == list(table.columns)


def test_missing_values_are_none(tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text(HEADER + ROW)
    header, rows = read_table(tmp_path, PROGRESS)

    assert (header, rows) == (list(PROGRESS.column_names), [VALUES])
    assert [type(value) for value in rows[0][:6]] == [int, float, type(None), float, int, int]
    assert read_last_row(tmp_path, PROGRESS) == dict(zip(PROGRESS.column_names, VALUES, strict=True))


@pytest.mark.parametrize("bad", ["2000\n", "\n", ROW.replace(",7,", ",,"), ROW.replace("7", "x"), ROW[:-1], "\xff\n"])
def test_what_is_not_a_row_is_left_out(tmp_path: Path, bad: str) -> None:
    (tmp_path / "progress.csv").write_text(HEADER + ROW + bad, encoding="latin-1")

    assert read_table(tmp_path, PROGRESS)[1] == [VALUES]
    assert read_last_row(tmp_path, PROGRESS)["step"] == 2_000


def test_columns_of_another_version_are_read_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "evaluations.csv").write_text("step,later,is_best\n100,2.5,1\n200,,0\n")

    assert read_table(tmp_path, EVALUATIONS) == (["step", "later", "is_best"], [(100, 2.5, 1), (200, None, 0)])
    assert read_last_row(tmp_path, EVALUATIONS) == {"step": 200, "later": None, "is_best": 0}


def test_columns_of_an_earlier_version_have_their_names_of_today(tmp_path: Path) -> None:
    (tmp_path / "evaluations.csv").write_text("step,lines,n_games,n_cut_off\n100,2.5,3,1\n")
    (tmp_path / "progress.csv").write_text("step,mean_lines_game\n100,2.5\n")

    assert read_last_row(tmp_path, EVALUATIONS) == {"step": 100, "lines_until_limit": 2.5, "n_games": 3, "survival": 1}
    assert read_last_row(tmp_path, PROGRESS) == {"step": 100, "training_mean": 2.5}


def test_a_table_that_is_missing_or_empty_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text("")
    for table in RUN_TABLES.values():
        assert read_table(tmp_path, table) == ([], [])
        assert read_last_row(tmp_path, table) == {}


def test_the_last_row_of_a_long_table_is_found(tmp_path: Path) -> None:
    rows = [f"{number},0,0.5,1,2,0,0.25\n" for number in range(10_000)]
    (tmp_path / "episodes.csv").write_text(EPISODES.header.decode() + "".join(rows))

    assert read_last_row(tmp_path, EPISODES) == dict(
        zip(EPISODES.column_names, (9_999, 0, 0.5, 1, 2, 0, 0.25), strict=True)
    )
    assert len(read_table(tmp_path, EPISODES)[1]) == 10_000
