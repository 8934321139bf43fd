"""Malicious and malformed bundles: each has one fault and is otherwise valid, including hashes and sizes.

``CORPUS`` holds a name, the bytes and a part of the error message for each. A pickle in it would write ``RAN`` if run.
"""

import copy
import hashlib
import io
import json
import pickle
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from tetrarium.registry.bundles import Bundle
from tetrarium.registry.files.canonical_zip import pack_archive
from tetrarium.registry.files.tensors import tensor_kinds

JSON: Final = "bundle.json"
WEIGHTS: Final = "q_net.safetensors"
PREVIEW: Final = "preview.png"
CURVE: Final = "curve.json"
RAN: Final = Path(tempfile.gettempdir()) / "tetrarium-a-stranger-ran-code"


class BadBundle(NamedTuple):
    """A malformed file and a part of its error message."""

    name: str
    data: bytes
    refusal: str


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (RAN,))


PICKLE: Final = pickle.dumps(_Runs())


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int = 2, height: int = 2, more: bytes = b"") -> bytes:
    rows = zlib.compress(b"".join(b"\0" + b"\x20" * 3 * 2 for _ in range(2)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def sample() -> Bundle:
    """Returns a valid bundle."""
    draw = np.random.default_rng(5)
    weights = {
        "input_scale": np.ones(4, np.float32),
        "q_net.0.weight": draw.normal(size=(64, 4)).astype(np.float32),
        "q_net.0.bias": draw.normal(size=64).astype(np.float32),
        "q_net.2.weight": draw.normal(size=(1, 64)).astype(np.float32),
        "q_net.2.bias": np.zeros(1, np.float32),
    }
    return Bundle(
        name="sample",
        algorithm="dqn",
        training_config={"net_arch": [64], "gamma": 0.9},
        env_config={"width": 10, "features": ["holes"]},
        step=1_000,
        seed=1,
        weights=weights,
        about={"run": "first"},
        note="two\nlines",
        tags=("kept",),
        preview=png(),
        curve={"steps": [0, 500, 1_000], "lines": [0.0, 1.5, 7.0]},
    )


FILES: Final = {
    name: zipfile.ZipFile(io.BytesIO(sample().to_bytes())).read(name) for name in (JSON, WEIGHTS, PREVIEW, CURVE)
}
DESCRIBED: Final[dict[str, Any]] = json.loads(FILES[JSON])


def forged(change: Callable[[dict[str, Any]], object] | None = None, **contents: bytes) -> bytes:
    """Returns a bundle with changed files and a ``bundle.json`` that matches them before its own change.

    Args:
        change: Changes the values of ``bundle.json``.
        contents: New contents by file name without suffix.
    """
    files = {name: contents.get(name.split(".", 1)[0], content) for name, content in FILES.items()}
    described = copy.deepcopy(DESCRIBED)
    described["files"] = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
        if name != JSON
    }
    if change is not None:
        change(described)
    return pack_archive({**files, JSON: contents.get("bundle", json.dumps(described).encode())})


def tensors(header: dict[str, Any] | bytes, numbers: bytes) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + numbers


def zipped(
    entries: list[tuple[str, bytes]],
    change: Callable[[zipfile.ZipInfo], object] = lambda _: None,
    kind: int = zipfile.ZIP_STORED,
) -> bytes:
    """Returns a zip of any entries, with the options of a bundle except for the last entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, (name, content) in enumerate(entries):
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            if number == len(entries) - 1:
                entry.compress_type = kind
                change(entry)
            archive.writestr(entry, content)
    return out.getvalue()


def patched(data: bytes, name: str, at: int, value: bytes) -> bytes:
    """Overwrites a field of an entry in the zip's list of contents, ``at`` bytes from the entry's start."""
    place = data.rindex(name.encode()) - 46 + at
    return data[:place] + value + data[place + len(value) :]


def pickles() -> Iterator[BadBundle]:
    yield BadBundle("pickle instead of the file", PICKLE, "is not a complete zip file")
    yield BadBundle("pickle instead of bundle.json", forged(bundle=PICKLE), "bundle.json that is not JSON")
    yield BadBundle("pickle instead of weights", forged(q_net=PICKLE), "safetensors that is truncated in its header")
    yield BadBundle("pickle instead of a picture", forged(preview=PICKLE), "preview.png that is not a PNG")
    yield BadBundle("pickle instead of a curve", forged(curve=PICKLE), "curve.json that is not JSON")
    for name in ("q_net.pkl", "data.pkl", "model.zip", "policy.pth", "replay_buffer.pkl", "__init__.py", "a.pth"):
        yield BadBundle(f"pickle as {name}", zipped([*FILES.items(), (name, PICKLE)]), f"holds '{name}', but only")
    whole = sample().to_bytes()
    yield BadBundle("pickle before the zip", PICKLE + whole, "with additional data")
    yield BadBundle("pickle after the zip", whole + PICKLE, "zip file")
    commented = io.BytesIO(whole)
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = PICKLE
    yield BadBundle("pickle as the zip's comment", commented.getvalue(), "with additional data")

    def extra(entry: zipfile.ZipInfo) -> None:
        entry.extra = struct.pack("<HH", 0x7E7E, len(PICKLE)) + PICKLE

    yield BadBundle("pickle as an extra field", zipped(list(FILES.items()), extra), "with additional data")
    yield BadBundle("pickle after the picture", forged(preview=png() + PICKLE), "preview.png that is truncated")
    text = chunk(b"tEXt", PICKLE)
    yield BadBundle("pickle inside the picture", forged(preview=png(more=text)), "'tEXt', which is not allowed")
    yield BadBundle("pickle after the weights", forged(q_net=FILES[WEIGHTS] + PICKLE), "after its last array")
    for kind in ("F32", "O", "object", "|O8", "V64"):
        header = {"a": {"dtype": kind, "shape": [len(PICKLE)], "data_offsets": [0, len(PICKLE)]}}
        expected = "its shape needs" if kind == "F32" else "only F32 and F64 are allowed"
        yield BadBundle(f"pickle as an array of {kind}", forged(q_net=tensors(header, PICKLE)), expected)


def paths() -> Iterator[BadBundle]:
    names = (
        "/etc/passwd", "/tmp/x", "../x", "../../x", "a/../../x", "..", ".", "./bundle.json", "../bundle.json", "a/b",
        "/bundle.json", "..\\x", "C:\\x", "C:x", "\\\\host\\x", "bundle.json/x", "preview.png/../../x", "~/x",
        "BUNDLE.JSON", "Bundle.json", "bundle.json ", " bundle.json", "bundle.json.", "bundle\u200b.json", "x" * 3_000,
        "preview.svg", "preview.png.html", "CON", "nul", "-rf", "\x1b[2J", "a\nb", ".bashrc", "curve.json~",
    )  # fmt: skip
    for name in names:
        yield BadBundle(
            f"{name[:20]!r} too", zipped([*FILES.items(), (name, b"x")]), "but only bundle.json, q_net.safetensors"
        )
    for name in ("../x", "/etc/passwd"):
        instead = [(name if old == WEIGHTS else old, content) for old, content in FILES.items()]
        yield BadBundle(f"{name} instead of the weights", zipped(instead), f"holds '{name}', but only bundle.json")
    yield BadBundle(
        "a folder", zipped([*FILES.items(), ("preview.png/", b"")]), "but only bundle.json, q_net.safetensors"
    )


def links() -> Iterator[BadBundle]:
    kinds = dict.fromkeys((stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR, stat.S_IFSOCK, 0), "which is not a regular file")
    kinds[stat.S_IFLNK] = "as a link"
    for kind, refusal in kinds.items():
        for name in FILES:
            others = [(other, content) for other, content in FILES.items() if other != name]

            def change(entry: zipfile.ZipInfo, kind: int = kind) -> None:
                entry.external_attr = (kind | 0o777) << 16

            yield BadBundle(f"{name} of mode {kind:o}", zipped([*others, (name, b"/etc/passwd")], change), refusal)


def bombs() -> Iterator[BadBundle]:
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        for name in FILES:
            others = [(other, content) for other, content in FILES.items() if other != name]
            bomb = zipped([*others, (name, b"0" * (8 << 20))], kind=kind)
            yield BadBundle(f"{name} of 8 MiB in {len(bomb)} bytes, method {kind}", bomb, "compressed")
    whole = sample().to_bytes()
    for name in FILES:
        for claim in (10_000_000_000 % 2**32, 2**32 - 2, (64 << 20) + 1):
            both = struct.pack("<II", claim, claim)
            yield BadBundle(f"{name} claims {claim:,}", patched(whole, name, 20, both), f"claims {claim:,} bytes")
            one = patched(whole, name, 24, struct.pack("<I", claim))
            yield BadBundle(f"{name} claims {claim:,} unpacked", one, f"claims {claim:,} bytes")
    length = (10_000_000_000).to_bytes(8, "little")
    yield BadBundle(
        "weights claim a header of 10 GB", forged(q_net=length + FILES[WEIGHTS][8:]), "truncated in its header"
    )
    yield BadBundle("weights claim 2^64", forged(q_net=b"\xff" * 8 + FILES[WEIGHTS][8:]), "truncated in its header")
    huge = {"a": {"dtype": "F32", "shape": [50_000, 50_000], "data_offsets": [0, 10_000_000_000]}}
    yield BadBundle("an array claims 10 GB", forged(q_net=tensors(huge, b"")), "has invalid data_offsets for 'a'")
    huge = {"a": {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 8]}}
    yield BadBundle("an array claims 2^62", forged(q_net=tensors(huge, b"12345678")), "of the shape")
    many = {f"a{n}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * n, 4 * n + 4]} for n in range(300)}
    yield BadBundle("300 arrays", forged(q_net=tensors(many, b"\0" * 1_200)), "holds 300 arrays")
    long = tensors(b" " * (2 << 20) + b"{}", b"")
    yield BadBundle("a header of 2 MiB", forged(q_net=long), "has a header of 2,097,154 bytes")
    yield BadBundle("bundle.json of 2 MiB", forged(bundle=b" " * (2 << 20) + FILES[JSON]), "bytes of bundle.json, but")
    deep = b'{"name":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    yield BadBundle("bundle.json 200,000 lists deep", forged(bundle=deep), "bundle.json that is not JSON")
    yield BadBundle("curve.json 200,000 lists deep", forged(curve=deep), "curve.json that is not JSON")
    yield BadBundle(
        "an array's header 200,000 lists deep", forged(q_net=tensors(deep, b"")), "has a header that is not JSON"
    )
    digits = FILES[JSON].replace(b'"step":1000', b'"step":' + b"9" * 10_000)
    yield BadBundle("a number of 10,000 digits", forged(bundle=digits), "bundle.json that is not JSON")
    yield BadBundle(
        "a picture of 100,000 by 100,000", forged(preview=png(100_000, 100_000)), "claims 100,000 by 100,000"
    )
    yield BadBundle("a picture of 0 by 2", forged(preview=png(0, 2)), "claims 0 by 2")
    yield BadBundle(
        "a picture of 3 MiB", forged(preview=png(more=chunk(b"tRNS", b"\0" * (3 << 20)))), "bytes of preview.png"
    )
    points = {"steps": list(range(10_001)), "lines": [0] * 10_001}
    yield BadBundle("a curve of 10,001 points", forged(curve=json.dumps(points).encode()), "10,001 steps")


def wrong_records() -> Iterator[BadBundle]:
    for name in (WEIGHTS, PREVIEW, CURVE):

        def hash_of(value: dict[str, Any], name: str = name) -> None:
            value["files"][name]["sha256"] = "0" * 64

        yield BadBundle(f"hash of {name}", forged(hash_of), f"an altered {name}")
        for size in (0, 1, len(FILES[name]) - 1, len(FILES[name]) + 1):

            def size_of(value: dict[str, Any], name: str = name, size: int = size) -> None:
                value["files"][name]["size"] = size

            yield BadBundle(
                f"{name} of {size}", forged(size_of), f"bytes of {name}, but its bundle.json lists {size:,}"
            )
        yield BadBundle(
            f"no record of {name}", forged(lambda value, name=name: value["files"].pop(name)), "has other files"
        )
        for wrong in (None, [], {}, {"size": 1}, {"size": -1, "sha256": "0" * 64}, {"size": 1, "sha256": "0" * 63},
                      {"size": 1, "sha256": "G" * 64}, {"size": 1.0, "sha256": "0" * 64},
                      {"size": True, "sha256": "0" * 64}, {"size": 10_000_000_000, "sha256": "0" * 64}):  # fmt: skip

            def record_of(value: dict[str, Any], name: str = name, wrong: Any = wrong) -> None:
                value["files"][name] = wrong

            yield BadBundle(f"record {wrong} of {name}", forged(record_of), "a wrong 'files'")
    more = {"size": 1, "sha256": "0" * 64}
    yield BadBundle("a record of no file", forged(lambda value: value["files"].update(x=more)), "has other files")


def wrong_arrays() -> Iterator[BadBundle]:
    def one(**changes: Any) -> bytes:
        header = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}
        return forged(q_net=tensors({"a": header}, b"\0" * 24))

    for kind in ("F16", "BF16", "I64", "I32", "U8", "BOOL", "F8_E4M3", "f32", "", 1, None, ["F32"]):
        yield BadBundle(f"dtype {kind}", one(dtype=kind), "only F32 and F64 are allowed")
    for shape in ([6, 4, 1], [], [0, 6], [-2, -3], [2.0, 3.0], ["2", "3"], [True, 6], "23", None, {"2": 3}, [2**63, 1]):
        yield BadBundle(f"shape {shape}", one(shape=shape), "of the shape")
    for shape in ([2, 4], [3, 3], [23], [1]):
        yield BadBundle(f"shape {shape}", one(shape=shape), "its shape needs")
    for offsets in ([0], [0, 24, 24], [-24, 0], [0.0, 24.0], "ab", None, [False, 24], [0, 2**40]):
        yield BadBundle(f"offsets {offsets}", one(data_offsets=offsets), "has invalid data_offsets for 'a'")
    yield BadBundle("offsets swapped", one(data_offsets=[24, 0]), "gives 'a' -24 bytes")
    yield BadBundle("offsets behind the end", one(data_offsets=[24, 48]), "a gap or an overlap")
    for missing in ("dtype", "shape", "data_offsets"):
        header = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
        del header[missing]
        yield BadBundle(
            f"array without {missing}", forged(q_net=tensors({"a": header}, b"\0" * 4)), "by other keys than"
        )
    yield BadBundle("array with more", one(code="x"), "by other keys than")
    at = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    yield BadBundle("arrays overlap", forged(q_net=tensors({"a": at, "b": at}, b"\0" * 4)), "a gap or an overlap")
    yield BadBundle(
        "metadata", forged(q_net=tensors({"__metadata__": {"a": "b"}, "a": at}, b"\0" * 4)), "by other keys than"
    )
    yield BadBundle("cut numbers", forged(q_net=FILES[WEIGHTS][:-4]), "is truncated: ")
    for name in ("", "\x1b[2J", "a" * 129, "é", "a\nb"):
        yield BadBundle(f"array {name[:9]!r}", forged(q_net=tensors({name: at}, b"\0" * 4)), "with an invalid name")
    twice = b'{"a":' + json.dumps(at).encode() + b',"a":' + json.dumps(at).encode() + b"}"
    yield BadBundle("an array twice", forged(q_net=tensors(twice, b"\0" * 4)), "holds a duplicate key")
    for header in (b"", b"[]", b"null", b"\xff", b"{", b'{"a":NaN}'):
        yield BadBundle(f"header {header!r}", forged(q_net=tensors(header, b"")), "has a header that")
    yield BadBundle("no array", forged(q_net=tensors({}, b"")), "holds 0 arrays")
    for value in (np.nan, np.inf, -np.inf):
        for name in sample().weights:
            weights = {key: kept.copy() for key, kept in sample().weights.items()}
            weights[name].flat[-1] = value
            yield BadBundle(f"{value} in {name}", forged(q_net=written(weights)), f"in '{name}' that is not finite")
    for name in sample().weights:
        fewer = {key: kept for key, kept in sample().weights.items() if key != name}
        yield BadBundle(
            f"no {name}", forged(q_net=written(fewer)), "other arrays in q_net.safetensors than bundle.json"
        )
        doubled = {key: kept.astype(np.float64) if key == name else kept for key, kept in sample().weights.items()}
        yield BadBundle(f"{name} of another dtype", forged(q_net=written(doubled)), "has other arrays in")
    reshaped = dict(sample().weights)
    reshaped["q_net.0.weight"] = reshaped["q_net.0.weight"].reshape(4, 64)
    yield BadBundle("another shape", forged(q_net=written(reshaped)), "other arrays in")


def written(weights: dict[str, Any]) -> bytes:
    """Returns the weights in the usual safetensors form."""
    header, numbers = {}, b""
    for name, kind in tensor_kinds(weights).items():
        end = len(numbers) + weights[name].nbytes
        header[name] = {**kind, "data_offsets": [len(numbers), end]}
        numbers += weights[name].tobytes()
    return tensors(header, numbers)


def wrong_keys() -> Iterator[BadBundle]:
    for key in DESCRIBED:
        yield BadBundle(
            f"no {key}", forged(lambda value, key=key: value.pop(key)), f"has no '{key}' in its bundle.json"
        )
        twice = FILES[JSON].replace(b"{", f'{{"{key}":1,'.encode(), 1)
        yield BadBundle(f"{key} twice", forged(bundle=twice), "holds a duplicate key")
        for wrong in (None, True, -1, 1.5, [], [[]], "\x1b[2J", {"a": {"b": 1}}):
            is_allowed = (key == "seed" and wrong is None) or (key == "tags" and wrong == [])
            if is_allowed or (key == "tensors" and isinstance(wrong, dict)):
                continue

            def put(value: dict[str, Any], key: str = key, wrong: Any = wrong) -> None:
                value[key] = wrong

            yield BadBundle(f"{key} is {wrong!r}", forged(put), f"has a wrong '{key}'")
    for key in ("extra", "code", "__class__", "Name", "", "hmac", "a\nb"):
        yield BadBundle(f"key {key!r}", forged(lambda value, key=key: value.update({key: 1})), "has an unknown ")
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        message = FILES[JSON].replace(b'"gamma":0.9', b'"gamma":' + text)
        yield BadBundle(f"gamma is {text.decode()}", forged(bundle=message), "bundle.json that holds")
    for name in ("", ".", "..", "../x", "a/b", "-rf", "a b", "x" * 65, "é", "a\n", "\x00", "CON/", "~"):
        yield BadBundle(
            f"called {name[:9]!r}", forged(lambda value, name=name: value.update(name=name)), "wrong 'name'"
        )
    others: dict[str, list[Any]] = {
        "note": ["\x1b[31m", "\x00", "a\rb", "\u202eevil", "x" * 10_001],
        "tags": [["b", "a"], ["a", "a"], ["a b"], ["x" * 33], [1], [f"t{n}" for n in range(100, 140)]],
        "about": [{"a b": 1}, {"a": [1]}, {"a": "\n"}, {"a": "x" * 1_001}, {f"k{n}": n for n in range(201)}],
        "env_config": [{"a": {"b": 1}}, {"a": [[1]]}, {"a b": 1}, {"a": list(range(201))}, {"a": "\x07"}],
        "step": [10**16, "1"],
        "seed": [2**32, "1"],
        "format_version": [0],
    }
    for key, values in others.items():
        for value in values:

            def put_other(described: dict[str, Any], key: str = key, value: Any = value) -> None:
                described[key] = value

            yield BadBundle(f"{key} is {str(value)[:20]!r}", forged(put_other), f"has a wrong '{key}'")
    yield BadBundle("a newer format", forged(lambda value: value.update(format_version=2)), "made by a newer tetrarium")
    for text in (b"", b"null", b"[]", b'"a"', b"{", b"\xff\xfe", FILES[JSON].decode().encode("utf-16"), b"{} {}"):
        yield BadBundle(f"bundle.json is {text[:9]!r}", forged(bundle=text), "has a bundle.json that ")


def wrong_entries() -> Iterator[BadBundle]:
    for name, content in FILES.items():
        with_warning = _twice(name, content)
        yield BadBundle(f"{name} twice", with_warning, f"holds '{name}' twice")
        rest = [(other, inner) for other, inner in FILES.items() if other != name]
        if name in (JSON, WEIGHTS):
            yield BadBundle(f"no {name}", zipped(rest), f"has no '{name}'")
        else:
            yield BadBundle(f"no {name}", pack_archive(dict(rest)), "has other files than")
    yield BadBundle("nothing in the zip", zipped([]), "has no 'bundle.json'")
    yield BadBundle("nothing in the file", b"", "is not a complete zip file")
    yield BadBundle("zeros", bytes(5_000), "is not a complete zip file")
    yield BadBundle("another order", pack_archive(dict(reversed(FILES.items()))), "with additional data")
    whole = sample().to_bytes()
    for name in FILES:
        yield BadBundle(f"{name} encrypted", patched(whole, name, 8, b"\x01\x00"), "encrypted")
        yield BadBundle(f"{name} with strong encryption", patched(whole, name, 8, b"\x41\x00"), "encrypted")
        yield BadBundle(f"{name} dated", patched(whole, name, 12, b"\x11\x11"), "with additional data")
        yield BadBundle(f"{name} elsewhere", patched(whole, name, 42, b"\x11\x11\x00\x00"), "not a complete zip file")
        yield BadBundle(
            f"{name} with a wrong check sum", patched(whole, name, 16, b"\x11\x11"), "not a complete zip file"
        )
        yield BadBundle(f"{name} for a later zip", patched(whole, name, 6, b"\xff\x00"), "not a complete zip file")
        yield BadBundle(f"{name} of an unknown method", patched(whole, name, 10, b"\x63\x00"), "compressed")
    yield BadBundle("a zip in the zip", pack_archive({**FILES, JSON: whole}), "bundle.json that is not JSON")
    for name in (PREVIEW,):
        for content, message in (
            (b"", "is not a PNG"),
            (b"GIF89a", "is not a PNG"),
            (b"<svg onload='x()'/>", "is not a PNG"),
        ):
            yield BadBundle(f"{name} is {content!r}", forged(preview=content), message)
        yield BadBundle("a picture cut", forged(preview=png()[:-1]), "truncated")
        yield BadBundle("a picture without its end", forged(preview=png()[:-12]), "truncated")
        yield BadBundle(
            "a picture altered", forged(preview=png().replace(b"\x08\x02", b"\x08\x03")), "a check sum differs"
        )
        yield BadBundle("a picture twice", forged(preview=png() + png()[8:]), "which is not allowed")
        yield BadBundle("a picture without a size", forged(preview=png()[:8] + png()[33:]), "begin with its header")
    curves = (
        {}, {"steps": [1]}, {"steps": [1], "lines": ["1"]}, {"steps": [1], "lines": [-1]}, {"a": [], "b": []},
        {"steps": [1], "lines": [True]}, {"steps": 1, "lines": 1}, {"steps": [1], "lines": [1], "x": [1]},
    )  # fmt: skip
    for curve in curves:
        yield BadBundle(f"curve {curve}", forged(curve=json.dumps(curve).encode()), "must have steps and lines")
    yield BadBundle("an empty curve", forged(curve=b'{"steps":[],"lines":[]}'), "has 0 steps")
    yield BadBundle(
        "a curve of unlike lengths", forged(curve=b'{"steps":[1,2],"lines":[1]}'), "has 2 steps and 1 lines"
    )
    yield BadBundle("a curve that turns back", forged(curve=b'{"steps":[2,1],"lines":[1,1]}'), "that do not increase")


def _twice(name: str, content: bytes) -> bytes:
    """Adds a second entry of the same name, for which readers may return different contents."""
    other = "X" * len(name)
    return zipped([*FILES.items(), (other, content)]).replace(other.encode(), name.encode())


def truncated() -> Iterator[BadBundle]:
    whole = sample().to_bytes()
    for length in sorted({*range(0, len(whole), 1_000), *range(1, 40), *range(len(whole) - 40, len(whole))}):
        yield BadBundle(f"the first {length} bytes", whole[:length], "is not a complete zip file")
    for start in range(1_000, len(whole), 1_000):
        yield BadBundle(f"without its first {start} bytes", whole[start:], "zip file")
        yield BadBundle(
            f"a byte turned at {start}", whole[:start] + bytes([whole[start] ^ 255]) + whole[start + 1 :], ""
        )


KINDS: Final = (pickles, paths, links, bombs, wrong_records, wrong_arrays, wrong_keys, wrong_entries, truncated)
CORPUS: Final = {kind.__name__: tuple(kind()) for kind in KINDS}
