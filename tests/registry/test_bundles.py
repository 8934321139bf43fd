"""Bundles come back as they went out, and nothing that a stranger writes is believed, run or written anywhere."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from tests.registry.hostile import CORPUS, PICKLE, RAN, WEIGHTS, forged, png, sample
from tetrarium.errors import BundleError
from tetrarium.registry.bundles import Bundle, check_note, check_tag, read_bundle


def same(one: Bundle, other: Bundle) -> bool:
    return one.to_bytes() == other.to_bytes()


def refusal(data: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.from_bytes(data)
    return str(caught.value)


def naive(data: bytes) -> dict[str, Any]:
    """How a bundle is read by someone who thinks of nothing: takes what is there, arrays or pickles."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(files["bundle.json"])
    try:
        described["weights"] = safetensors.numpy.load(files[WEIGHTS])
    except safetensors.SafetensorError:
        described["weights"] = pickle.loads(files[WEIGHTS])
    return described


def test_a_bundle_comes_back_as_it_was() -> None:
    bundle = sample()
    read = Bundle.from_bytes(bundle.to_bytes())

    assert {name: value.tobytes() for name, value in read.weights.items()} == {
        name: value.tobytes() for name, value in bundle.weights.items()
    }
    assert read.env_config == {"width": 10, "features": ["holes"]}
    assert (read.name, read.step, read.seed, read.note, read.tags) == ("sample", 1_000, 1, "two\nlines", ("kept",))
    assert read.preview == png() and read.curve == {"steps": [0, 500, 1_000], "lines": [0.0, 1.5, 7.0]}
    assert read.weights_sha256 == bundle.weights_sha256
    read.weights["q_net.2.bias"][0] = 1.0  # memory of its own


def test_same_model_same_bytes_and_another_model_others() -> None:
    one, other = sample(), sample()
    assert one.to_bytes() == other.to_bytes()

    other.weights["q_net.2.bias"][0] = 1e-7
    assert one.to_bytes() != other.to_bytes() and one.weights_sha256 != other.weights_sha256


def test_bytes_are_those_of_the_first_version() -> None:
    """What the archive rests on: another Python writes the same zip of the same content."""
    fixture = Path(__file__).parents[1] / "fixtures" / "sample.tetris"
    assert sample().to_bytes() == fixture.read_bytes()


def test_a_plain_zip_program_can_look_inside() -> None:
    with zipfile.ZipFile(io.BytesIO(sample().to_bytes())) as archive:
        assert archive.namelist() == ["bundle.json", "q_net.safetensors", "preview.png", "curve.json"]
        assert archive.testzip() is None
        arrays = safetensors.numpy.load(archive.read("q_net.safetensors"))
    assert np.array_equal(arrays["q_net.0.weight"], sample().weights["q_net.0.weight"])


def test_the_corpus_is_large() -> None:
    assert sum(map(len, CORPUS.values())) > 500
    names = [hostile.name for hostiles in CORPUS.values() for hostile in hostiles]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", CORPUS)
def test_hostile_bundles_are_refused_in_a_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for hostile in CORPUS[kind]:
        said = refusal(hostile.data)
        assert hostile.refusal in said, hostile.name
        assert said.isprintable() and len(said) < 400, hostile.name
        assert said.startswith("The bundle ") and said.endswith("Ask whoever made it for another copy."), hostile.name

    assert list(tmp_path.iterdir()) == [] and not RAN.exists()


def test_hostile_bundles_take_no_memory_that_they_claim() -> None:
    for hostile in CORPUS["bombs"]:
        tracemalloc.start()
        refusal(hostile.data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 40e6, hostile.name


@pytest.mark.parametrize("kind", sorted(CORPUS.keys() - {"truncated"}))  # what is cut short no reader takes
def test_a_naive_reader_takes_some_of_each_kind(kind: str) -> None:
    """So the corpus is hostile: what is refused here is taken, or run, by who thinks of nothing."""
    taken = []
    for hostile in CORPUS[kind]:
        try:
            naive(hostile.data)
        except Exception:  # noqa: BLE001 whatever it is, it was not taken
            continue
        taken.append(hostile.name)
    if kind == "pickles":
        assert RAN.exists()
    RAN.unlink(missing_ok=True)

    assert taken != []


def test_each_kind_but_for_its_one_fault_is_whole() -> None:
    """What makes hostile bundles makes a good one where nothing is changed."""
    assert Bundle.from_bytes(forged()).to_bytes() == sample().to_bytes()


@given(st.data())
def test_no_byte_can_be_turned(data: st.DataObject) -> None:
    whole = sample().to_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(1, 255))

    assert "Ask whoever" in refusal(whole[:place] + bytes([whole[place] ^ value]) + whole[place + 1 :])


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_nothing_can_be_put_in_or_taken_out(more: bytes, start: int, n_taken: int) -> None:
    whole = sample().to_bytes()
    for at in (start, len(whole) - start):
        changed = whole[:at] + more + whole[at + n_taken :]
        if changed != whole:
            refusal(changed)


def test_a_file_is_read_and_named_in_what_is_said(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.tetris", tmp_path / "bad.tetris"
    good.write_bytes(sample().to_bytes())
    bad.write_bytes(PICKLE)

    assert same(read_bundle(good), sample())
    with pytest.raises(BundleError, match=r"The bundle '.*bad\.tetris' is not a whole zip file"):
        read_bundle(bad)
    with pytest.raises(BundleError, match=r"cannot be read: No such file or directory\. Check its name\."):
        read_bundle(tmp_path / "none.tetris")
    with pytest.raises(BundleError, match=r"cannot be read: Is a directory\. Check its name\."):
        read_bundle(tmp_path)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tetris")

    with pytest.raises(BundleError, match=r"is no file, and a bundle is one\. Name the file"):
        read_bundle(tmp_path / "pipe.tetris")
    with pytest.raises(BundleError, match="is no file, and a bundle is one"):
        read_bundle(Path("/dev/zero"))


def test_a_file_of_10_gigabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "huge.tetris").open("wb") as file:
        file.truncate(10_000_000_000)

    with pytest.raises(
        BundleError, match=r"The bundle '.*' has more than the 71,303,168 bytes that a bundle may have\."
    ):
        read_bundle(tmp_path / "huge.tetris")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../x"}, "has a wrong 'name'"),
        ({"weights": {}}, "holds 0 arrays"),
        ({"weights": {"a": np.zeros(1, np.int64)}}, "of dtype int64"),
        ({"weights": {"a": np.array([np.nan], np.float32)}}, "not finite"),
        ({"training_config": {"a": np.nan}}, "cannot be written as strict JSON"),
        ({"preview": b"GIF89a"}, "not a PNG"),
        ({"curve": {"steps": [1]}}, "is not steps and lines"),
        ({"note": "\x1b[2J"}, "has a wrong 'note'"),
    ],
)
def test_what_could_not_be_read_is_not_written(changes: dict[str, Any], said: str) -> None:
    values = {name: getattr(sample(), name) for name in Bundle.__dataclass_fields__}
    with pytest.raises(BundleError) as caught:
        Bundle(**{**values, **changes}).to_bytes()

    assert said in str(caught.value) and str(caught.value).isprintable()


def test_notes_and_tags_hold_nothing_that_a_terminal_obeys() -> None:
    assert check_note("two\nlines") == "two\nlines" and check_tag("v1.2_x-y") == "v1.2_x-y"
    with pytest.raises(
        BundleError, match=r"A note has up to 10,000 printable characters; got '.x1b\[2J'\. Shorten it\."
    ):
        check_note("\x1b[2J")
    with pytest.raises(BundleError, match=r"A tag has 1 to 32 letters.*; got 'a b'\. Choose another\."):
        check_tag("a b")
