"""Bundles: round trips, and rejection of malformed and malicious files without running or writing anything."""

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

from tests.registry.bad_bundles import CORPUS, PICKLE, RAN, WEIGHTS, forged, png, sample
from tetrarium.errors import BundleError
from tetrarium.registry.bundles import Bundle, check_note, check_tag, read_bundle
from tetrarium.registry.files.tensors import write_tensors


def same(one: Bundle, other: Bundle) -> bool:
    return one.to_bytes() == other.to_bytes()


def refusal(data: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.from_bytes(data)
    return str(caught.value)


def naive(data: bytes) -> dict[str, Any]:
    """Reads a bundle naively, arrays or pickles, without checks."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(files["bundle.json"])
    try:
        described["weights"] = safetensors.numpy.load(files[WEIGHTS])
    except safetensors.SafetensorError:
        described["weights"] = pickle.loads(files[WEIGHTS])
    return described


def test_a_bundle_survives_encoding() -> None:
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


def test_equal_models_give_equal_bytes() -> None:
    one, other = sample(), sample()
    assert one.to_bytes() == other.to_bytes()

    other.weights["q_net.2.bias"][0] = 1e-7
    assert one.to_bytes() != other.to_bytes() and one.weights_sha256 != other.weights_sha256


def test_bytes_are_those_of_the_first_version() -> None:
    """Other versions of Python write the same bytes for the same content."""
    fixture = Path(__file__).parents[1] / "fixtures" / "sample.tetris"
    assert sample().to_bytes() == fixture.read_bytes()


def test_any_zip_program_can_open_a_bundle() -> None:
    with zipfile.ZipFile(io.BytesIO(sample().to_bytes())) as archive:
        assert archive.namelist() == ["bundle.json", "q_net.safetensors", "preview.png", "curve.json"]
        assert archive.testzip() is None
        arrays = safetensors.numpy.load(archive.read("q_net.safetensors"))
    assert np.array_equal(arrays["q_net.0.weight"], sample().weights["q_net.0.weight"])


def test_the_corpus_is_large() -> None:
    assert sum(map(len, CORPUS.values())) > 500
    names = [bundle.name for bundles in CORPUS.values() for bundle in bundles]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", CORPUS)
def test_malicious_bundles_are_refused_in_a_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for bundle in CORPUS[kind]:
        message = refusal(bundle.data)
        assert bundle.refusal in message, bundle.name
        assert message.isprintable() and len(message) < 400, bundle.name
        assert message.startswith("The bundle ") and message.endswith("Ask its author for another copy."), bundle.name

    assert list(tmp_path.iterdir()) == [] and not RAN.exists()


def test_malicious_bundles_take_no_memory_that_they_claim() -> None:
    for bundle in CORPUS["bombs"]:
        tracemalloc.start()
        refusal(bundle.data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 40e6, bundle.name


@pytest.mark.parametrize("kind", sorted(CORPUS.keys() - {"truncated"}))  # no reader accepts truncated files
def test_a_naive_reader_accepts_some_of_each_kind(kind: str) -> None:
    """The corpus is dangerous: a naive reader accepts, or runs, some of what is refused here."""
    allocated = []
    for bundle in CORPUS[kind]:
        try:
            naive(bundle.data)
        except Exception:  # noqa: BLE001 any error means that it was rejected
            continue
        allocated.append(bundle.name)
    if kind == "pickles":
        assert RAN.exists()
    RAN.unlink(missing_ok=True)

    assert allocated != []


def test_unchanged_bundles_are_valid() -> None:
    """Without a change, the function that makes bad bundles makes a good one."""
    assert Bundle.from_bytes(forged()).to_bytes() == sample().to_bytes()


@given(st.data())
def test_a_changed_byte_is_detected(data: st.DataObject) -> None:
    whole = sample().to_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(1, 255))

    assert "Ask its author" in refusal(whole[:place] + bytes([whole[place] ^ value]) + whole[place + 1 :])


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_inserted_and_removed_bytes_are_detected(more: bytes, start: int, n_allocated: int) -> None:
    whole = sample().to_bytes()
    for at in (start, len(whole) - start):
        changed = whole[:at] + more + whole[at + n_allocated :]
        if changed != whole:
            refusal(changed)


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.tetris", tmp_path / "bad.tetris"
    good.write_bytes(sample().to_bytes())
    bad.write_bytes(PICKLE)

    assert same(read_bundle(good), sample())
    with pytest.raises(BundleError, match=r"The bundle '.*bad\.tetris' is not a complete zip file"):
        read_bundle(bad)
    with pytest.raises(BundleError, match=r"cannot be read: No such file or directory\. Check its name\."):
        read_bundle(tmp_path / "none.tetris")
    with pytest.raises(BundleError, match=r"cannot be read: Is a directory\. Check its name\."):
        read_bundle(tmp_path)


def test_reading_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tetris")

    with pytest.raises(BundleError, match=r"is not a regular file\. Name a bundle's file"):
        read_bundle(tmp_path / "pipe.tetris")
    with pytest.raises(BundleError, match="is not a regular file"):
        read_bundle(Path("/dev/zero"))


def test_a_file_of_10_gigabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "huge.tetris").open("wb") as file:
        file.truncate(10_000_000_000)

    with pytest.raises(BundleError, match=r"The bundle '.*' has more than the 71,303,168 bytes allowed for a bundle\."):
        read_bundle(tmp_path / "huge.tetris")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../x"}, "has a wrong 'name'"),
        ({"weights": {}}, "holds 0 arrays"),
        ({"weights": {"a": np.zeros(1, np.int64)}}, "of dtype int64"),
        ({"weights": {"a": np.array([np.nan], np.float32)}}, "not finite"),
        ({"training_config": {"a": np.nan}}, "cannot be written as strict JSON"),
        ({"preview": b"GIF89a"}, "not a PNG"),
        ({"curve": {"steps": [1]}}, "must have steps and lines"),
        ({"note": "\x1b[2J"}, "has a wrong 'note'"),
    ],
)
def test_invalid_bundles_are_not_written(changes: dict[str, Any], message: str) -> None:
    values = {name: getattr(sample(), name) for name in Bundle.__dataclass_fields__}
    with pytest.raises(BundleError) as caught:
        Bundle(**{**values, **changes}).to_bytes()

    assert message in str(caught.value) and str(caught.value).isprintable()


def test_notes_and_tags_have_no_control_characters() -> None:
    assert check_note("two\nlines") == "two\nlines" and check_tag("v1.2_x-y") == "v1.2_x-y"
    with pytest.raises(
        BundleError, match=r"A note has up to 10,000 printable characters; got '.x1b\[2J'\. Shorten it\."
    ):
        check_note("\x1b[2J")
    with pytest.raises(BundleError, match=r"A tag has 1 to 32 letters.*; got 'a b'\. Choose another tag\."):
        check_tag("a b")


def test_arrays_are_written_by_their_indices_in_whatever_order_they_lie(tmp_path: Path) -> None:
    rows = np.arange(6.0).reshape(2, 3)
    write_tensors(
        tmp_path / "a", {"columns_first": np.asfortranarray(rows), "every_other": rows[:, ::2], "one": rows[1, 2]}
    )
    read = safetensors.numpy.load_file(tmp_path / "a")
    assert read["columns_first"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read["every_other"].tolist() == [[0, 2], [3, 5]]
    assert (read["one"].shape, float(read["one"])) == ((), 5)
