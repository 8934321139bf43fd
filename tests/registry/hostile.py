"""Bundles that nobody should believe: each has one thing wrong and everything else right, hashes and sizes included.

``CORPUS`` holds a name, the bytes and what a refusal says for each. A pickle in it would write ``RAN`` if it ran.
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

from tetrarium.registry.archive import pack_archive
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.tensors import tensor_kinds

JSON: Final = "bundle.json"
WEIGHTS: Final = "q_net.safetensors"
PREVIEW: Final = "preview.png"
CURVE: Final = "curve.json"
RAN: Final = Path(tempfile.gettempdir()) / "tetrarium-a-stranger-ran-code"


class Hostile(NamedTuple):
    """One file, and what is said of it."""

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
    """A bundle that is as it should be."""
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
    """A bundle with changed files and a ``bundle.json`` that fits them, changed last.

    Args:
        change: Changes what ``bundle.json`` says.
        contents: New content by the first part of a file's name.
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
    """A zip of any entries, as zip programs write them; all but the last are as a bundle has them."""
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


def pickles() -> Iterator[Hostile]:
    yield Hostile("pickle instead of the file", PICKLE, "is not a whole zip file")
    yield Hostile("pickle instead of bundle.json", forged(bundle=PICKLE), "bundle.json that is not JSON")
    yield Hostile("pickle instead of weights", forged(q_net=PICKLE), "safetensors that is cut short in its header")
    yield Hostile("pickle instead of a picture", forged(preview=PICKLE), "preview.png that is not a PNG")
    yield Hostile("pickle instead of a curve", forged(curve=PICKLE), "curve.json that is not JSON")
    for name in ("q_net.pkl", "data.pkl", "model.zip", "policy.pth", "replay_buffer.pkl", "__init__.py", "a.pth"):
        yield Hostile(f"pickle as {name}", zipped([*FILES.items(), (name, PICKLE)]), f"holds '{name}', and what")
    whole = sample().to_bytes()
    yield Hostile("pickle before the zip", PICKLE + whole, "beside its files")
    yield Hostile("pickle after the zip", whole + PICKLE, "zip file")
    commented = io.BytesIO(whole)
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = PICKLE
    yield Hostile("pickle as the zip's comment", commented.getvalue(), "beside its files")

    def extra(entry: zipfile.ZipInfo) -> None:
        entry.extra = struct.pack("<HH", 0x7E7E, len(PICKLE)) + PICKLE

    yield Hostile("pickle as an extra field", zipped(list(FILES.items()), extra), "beside its files")
    yield Hostile("pickle after the picture", forged(preview=png() + PICKLE), "preview.png that is cut short")
    text = chunk(b"tEXt", PICKLE)
    yield Hostile("pickle inside the picture", forged(preview=png(more=text)), "'tEXt', which no picture here needs")
    yield Hostile("pickle after the weights", forged(q_net=FILES[WEIGHTS] + PICKLE), "after its last array")
    for kind in ("F32", "O", "object", "|O8", "V64"):
        header = {"a": {"dtype": kind, "shape": [len(PICKLE)], "data_offsets": [0, len(PICKLE)]}}
        expected = "its shape needs" if kind == "F32" else "F32 or F64 is allowed"
        yield Hostile(f"pickle as an array of {kind}", forged(q_net=tensors(header, PICKLE)), expected)


def paths() -> Iterator[Hostile]:
    names = (
        "/etc/passwd", "/tmp/x", "../x", "../../x", "a/../../x", "..", ".", "./bundle.json", "../bundle.json", "a/b",
        "/bundle.json", "..\\x", "C:\\x", "C:x", "\\\\host\\x", "bundle.json/x", "preview.png/../../x", "~/x",
        "BUNDLE.JSON", "Bundle.json", "bundle.json ", " bundle.json", "bundle.json.", "bundle\u200b.json", "x" * 3_000,
        "preview.svg", "preview.png.html", "CON", "nul", "-rf", "\x1b[2J", "a\nb", ".bashrc", "curve.json~",
    )  # fmt: skip
    for name in names:
        yield Hostile(f"{name[:20]!r} too", zipped([*FILES.items(), (name, b"x")]), "and what it may hold is")
    for name in ("../x", "/etc/passwd"):
        instead = [(name if old == WEIGHTS else old, content) for old, content in FILES.items()]
        yield Hostile(f"{name} instead of the weights", zipped(instead), f"holds '{name}', and what it may hold is")
    yield Hostile("a folder", zipped([*FILES.items(), ("preview.png/", b"")]), "and what it may hold is")


def links() -> Iterator[Hostile]:
    kinds = {stat.S_IFLNK: "as a link", stat.S_IFIFO: "else than a file", stat.S_IFCHR: "else than a file",
             stat.S_IFDIR: "else than a file", stat.S_IFSOCK: "else than a file", 0: "else than a file"}  # fmt: skip
    for kind, refusal in kinds.items():
        for name in FILES:
            others = [(other, content) for other, content in FILES.items() if other != name]

            def change(entry: zipfile.ZipInfo, kind: int = kind) -> None:
                entry.external_attr = (kind | 0o777) << 16

            yield Hostile(f"{name} of mode {kind:o}", zipped([*others, (name, b"/etc/passwd")], change), refusal)


def bombs() -> Iterator[Hostile]:
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        for name in FILES:
            others = [(other, content) for other, content in FILES.items() if other != name]
            bomb = zipped([*others, (name, b"0" * (8 << 20))], kind=kind)
            yield Hostile(f"{name} of 8 MiB in {len(bomb)} bytes, method {kind}", bomb, "compressed")
    whole = sample().to_bytes()
    for name in FILES:
        for claim in (10_000_000_000 % 2**32, 2**32 - 2, (64 << 20) + 1):
            both = struct.pack("<II", claim, claim)
            yield Hostile(f"{name} claims {claim:,}", patched(whole, name, 20, both), f"claims {claim:,} bytes")
            one = patched(whole, name, 24, struct.pack("<I", claim))
            yield Hostile(f"{name} claims {claim:,} unpacked", one, f"claims {claim:,} bytes")
    length = (10_000_000_000).to_bytes(8, "little")
    yield Hostile(
        "weights claim a header of 10 GB", forged(q_net=length + FILES[WEIGHTS][8:]), "cut short in its header"
    )
    yield Hostile("weights claim 2^64", forged(q_net=b"\xff" * 8 + FILES[WEIGHTS][8:]), "cut short in its header")
    huge = {"a": {"dtype": "F32", "shape": [50_000, 50_000], "data_offsets": [0, 10_000_000_000]}}
    yield Hostile("an array claims 10 GB", forged(q_net=tensors(huge, b"")), "places 'a' at")
    huge = {"a": {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 8]}}
    yield Hostile("an array claims 2^62", forged(q_net=tensors(huge, b"12345678")), "of the shape")
    many = {f"a{n}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * n, 4 * n + 4]} for n in range(300)}
    yield Hostile("300 arrays", forged(q_net=tensors(many, b"\0" * 1_200)), "holds 300 arrays")
    long = tensors(b" " * (2 << 20) + b"{}", b"")
    yield Hostile("a header of 2 MiB", forged(q_net=long), "has a header of 2,097,154 bytes")
    yield Hostile("bundle.json of 2 MiB", forged(bundle=b" " * (2 << 20) + FILES[JSON]), "bytes of bundle.json, and")
    deep = b'{"name":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    yield Hostile("bundle.json 200,000 lists deep", forged(bundle=deep), "bundle.json that is not JSON")
    yield Hostile("curve.json 200,000 lists deep", forged(curve=deep), "curve.json that is not JSON")
    yield Hostile(
        "an array's header 200,000 lists deep", forged(q_net=tensors(deep, b"")), "has a header that is not JSON"
    )
    digits = FILES[JSON].replace(b'"step":1000', b'"step":' + b"9" * 10_000)
    yield Hostile("a number of 10,000 digits", forged(bundle=digits), "bundle.json that is not JSON")
    yield Hostile("a picture of 100,000 by 100,000", forged(preview=png(100_000, 100_000)), "claims 100,000 by 100,000")
    yield Hostile("a picture of 0 by 2", forged(preview=png(0, 2)), "claims 0 by 2")
    yield Hostile(
        "a picture of 3 MiB", forged(preview=png(more=chunk(b"tRNS", b"\0" * (3 << 20)))), "bytes of preview.png"
    )
    points = {"steps": list(range(10_001)), "lines": [0] * 10_001}
    yield Hostile("a curve of 10,001 points", forged(curve=json.dumps(points).encode()), "10,001 steps")


def wrong_records() -> Iterator[Hostile]:
    for name in (WEIGHTS, PREVIEW, CURVE):

        def hash_of(value: dict[str, Any], name: str = name) -> None:
            value["files"][name]["sha256"] = "0" * 64

        yield Hostile(f"hash of {name}", forged(hash_of), f"an altered {name}")
        for size in (0, 1, len(FILES[name]) - 1, len(FILES[name]) + 1):

            def size_of(value: dict[str, Any], name: str = name, size: int = size) -> None:
                value["files"][name]["size"] = size

            yield Hostile(f"{name} of {size}", forged(size_of), f"bytes of {name}, and its bundle.json says {size:,}")
        yield Hostile(
            f"no record of {name}", forged(lambda value, name=name: value["files"].pop(name)), "has other files"
        )
        for wrong in (None, [], {}, {"size": 1}, {"size": -1, "sha256": "0" * 64}, {"size": 1, "sha256": "0" * 63},
                      {"size": 1, "sha256": "G" * 64}, {"size": 1.0, "sha256": "0" * 64},
                      {"size": True, "sha256": "0" * 64}, {"size": 10_000_000_000, "sha256": "0" * 64}):  # fmt: skip

            def record_of(value: dict[str, Any], name: str = name, wrong: Any = wrong) -> None:
                value["files"][name] = wrong

            yield Hostile(f"record {wrong} of {name}", forged(record_of), "a wrong 'files'")
    more = {"size": 1, "sha256": "0" * 64}
    yield Hostile("a record of no file", forged(lambda value: value["files"].update(x=more)), "has other files")


def wrong_arrays() -> Iterator[Hostile]:
    def one(**changes: Any) -> bytes:
        header = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}
        return forged(q_net=tensors({"a": header}, b"\0" * 24))

    for kind in ("F16", "BF16", "I64", "I32", "U8", "BOOL", "F8_E4M3", "f32", "", 1, None, ["F32"]):
        yield Hostile(f"dtype {kind}", one(dtype=kind), "F32 or F64 is allowed")
    for shape in ([6, 4, 1], [], [0, 6], [-2, -3], [2.0, 3.0], ["2", "3"], [True, 6], "23", None, {"2": 3}, [2**63, 1]):
        yield Hostile(f"shape {shape}", one(shape=shape), "of the shape")
    for shape in ([2, 4], [3, 3], [23], [1]):
        yield Hostile(f"shape {shape}", one(shape=shape), "its shape needs")
    for offsets in ([0], [0, 24, 24], [-24, 0], [0.0, 24.0], "ab", None, [False, 24], [0, 2**40]):
        yield Hostile(f"offsets {offsets}", one(data_offsets=offsets), "places 'a' at")
    yield Hostile("offsets swapped", one(data_offsets=[24, 0]), "gives 'a' -24 bytes")
    yield Hostile("offsets behind the end", one(data_offsets=[24, 48]), "a gap or an overlap")
    for missing in ("dtype", "shape", "data_offsets"):
        header = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
        del header[missing]
        yield Hostile(
            f"array without {missing}", forged(q_net=tensors({"a": header}, b"\0" * 4)), "something else than"
        )
    yield Hostile("array with more", one(code="x"), "something else than")
    at = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    yield Hostile("arrays overlap", forged(q_net=tensors({"a": at, "b": at}, b"\0" * 4)), "a gap or an overlap")
    yield Hostile("metadata", forged(q_net=tensors({"__metadata__": {"a": "b"}, "a": at}, b"\0" * 4)), "something else")
    yield Hostile("cut numbers", forged(q_net=FILES[WEIGHTS][:-4]), "is cut short: ")
    for name in ("", "\x1b[2J", "a" * 129, "é", "a\nb"):
        yield Hostile(f"array {name[:9]!r}", forged(q_net=tensors({name: at}, b"\0" * 4)), "of a strange name")
    twice = b'{"a":' + json.dumps(at).encode() + b',"a":' + json.dumps(at).encode() + b"}"
    yield Hostile("an array twice", forged(q_net=tensors(twice, b"\0" * 4)), "holds a key twice")
    for header in (b"", b"[]", b"null", b"\xff", b"{", b'{"a":NaN}'):
        yield Hostile(f"header {header!r}", forged(q_net=tensors(header, b"")), "has a header that")
    yield Hostile("no array", forged(q_net=tensors({}, b"")), "holds 0 arrays")
    for value in (np.nan, np.inf, -np.inf):
        for name in sample().weights:
            weights = {key: kept.copy() for key, kept in sample().weights.items()}
            weights[name].flat[-1] = value
            yield Hostile(f"{value} in {name}", forged(q_net=written(weights)), f"in '{name}' that is not finite")
    for name in sample().weights:
        fewer = {key: kept for key, kept in sample().weights.items() if key != name}
        yield Hostile(f"no {name}", forged(q_net=written(fewer)), "other arrays in q_net.safetensors than bundle.json")
        doubled = {key: kept.astype(np.float64) if key == name else kept for key, kept in sample().weights.items()}
        yield Hostile(f"{name} of another dtype", forged(q_net=written(doubled)), "has other arrays in")
    reshaped = dict(sample().weights)
    reshaped["q_net.0.weight"] = reshaped["q_net.0.weight"].reshape(4, 64)
    yield Hostile("another shape", forged(q_net=written(reshaped)), "other arrays in")


def written(weights: dict[str, Any]) -> bytes:
    """The weights as anybody would write them."""
    header, numbers = {}, b""
    for name, kind in tensor_kinds(weights).items():
        end = len(numbers) + weights[name].nbytes
        header[name] = {**kind, "data_offsets": [len(numbers), end]}
        numbers += weights[name].tobytes()
    return tensors(header, numbers)


def wrong_keys() -> Iterator[Hostile]:
    for key in DESCRIBED:
        yield Hostile(f"no {key}", forged(lambda value, key=key: value.pop(key)), f"has no '{key}' in its bundle.json")
        twice = FILES[JSON].replace(b"{", f'{{"{key}":1,'.encode(), 1)
        yield Hostile(f"{key} twice", forged(bundle=twice), "holds a key twice")
        for wrong in (None, True, -1, 1.5, [], [[]], "\x1b[2J", {"a": {"b": 1}}):
            is_allowed = (key == "seed" and wrong is None) or (key == "tags" and wrong == [])
            if is_allowed or (key == "tensors" and isinstance(wrong, dict)):
                continue

            def put(value: dict[str, Any], key: str = key, wrong: Any = wrong) -> None:
                value[key] = wrong

            yield Hostile(f"{key} is {wrong!r}", forged(put), f"has a wrong '{key}'")
    for key in ("extra", "code", "__class__", "Name", "", "hmac", "a\nb"):
        yield Hostile(f"key {key!r}", forged(lambda value, key=key: value.update({key: 1})), "has an unknown ")
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        said = FILES[JSON].replace(b'"gamma":0.9', b'"gamma":' + text)
        yield Hostile(f"gamma is {text.decode()}", forged(bundle=said), "bundle.json that holds")
    for name in ("", ".", "..", "../x", "a/b", "-rf", "a b", "x" * 65, "é", "a\n", "\x00", "CON/", "~"):
        yield Hostile(f"called {name[:9]!r}", forged(lambda value, name=name: value.update(name=name)), "wrong 'name'")
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

            yield Hostile(f"{key} is {str(value)[:20]!r}", forged(put_other), f"has a wrong '{key}'")
    yield Hostile("a newer format", forged(lambda value: value.update(format_version=2)), "made by a newer tetrarium")
    for text in (b"", b"null", b"[]", b'"a"', b"{", b"\xff\xfe", FILES[JSON].decode().encode("utf-16"), b"{} {}"):
        yield Hostile(f"bundle.json is {text[:9]!r}", forged(bundle=text), "has a bundle.json that ")


def wrong_entries() -> Iterator[Hostile]:
    for name, content in FILES.items():
        with_warning = _twice(name, content)
        yield Hostile(f"{name} twice", with_warning, f"holds '{name}' twice")
        rest = [(other, inner) for other, inner in FILES.items() if other != name]
        if name in (JSON, WEIGHTS):
            yield Hostile(f"no {name}", zipped(rest), f"has no '{name}'")
        else:
            yield Hostile(f"no {name}", pack_archive(dict(rest)), "has other files than")
    yield Hostile("nothing in the zip", zipped([]), "has no 'bundle.json'")
    yield Hostile("nothing in the file", b"", "is not a whole zip file")
    yield Hostile("zeros", bytes(5_000), "is not a whole zip file")
    yield Hostile("another order", pack_archive(dict(reversed(FILES.items()))), "beside its files")
    whole = sample().to_bytes()
    for name in FILES:
        yield Hostile(f"{name} encrypted", patched(whole, name, 8, b"\x01\x00"), "encrypted")
        yield Hostile(f"{name} with strong encryption", patched(whole, name, 8, b"\x41\x00"), "encrypted")
        yield Hostile(f"{name} dated", patched(whole, name, 12, b"\x11\x11"), "beside its files")
        yield Hostile(f"{name} elsewhere", patched(whole, name, 42, b"\x11\x11\x00\x00"), "not a whole zip file")
        yield Hostile(f"{name} with a wrong check sum", patched(whole, name, 16, b"\x11\x11"), "not a whole zip file")
        yield Hostile(f"{name} for a later zip", patched(whole, name, 6, b"\xff\x00"), "not a whole zip file")
        yield Hostile(f"{name} of an unknown method", patched(whole, name, 10, b"\x63\x00"), "compressed")
    yield Hostile("a zip in the zip", pack_archive({**FILES, JSON: whole}), "bundle.json that is not JSON")
    for name in (PREVIEW,):
        for content, said in (
            (b"", "is not a PNG"),
            (b"GIF89a", "is not a PNG"),
            (b"<svg onload='x()'/>", "is not a PNG"),
        ):
            yield Hostile(f"{name} is {content!r}", forged(preview=content), said)
        yield Hostile("a picture cut", forged(preview=png()[:-1]), "cut short")
        yield Hostile("a picture without its end", forged(preview=png()[:-12]), "cut short")
        yield Hostile(
            "a picture altered", forged(preview=png().replace(b"\x08\x02", b"\x08\x03")), "a check sum differs"
        )
        yield Hostile("a picture twice", forged(preview=png() + png()[8:]), "which no picture here needs")
        yield Hostile("a picture without a size", forged(preview=png()[:8] + png()[33:]), "begin with its size")
    curves = (
        {}, {"steps": [1]}, {"steps": [1], "lines": ["1"]}, {"steps": [1], "lines": [-1]}, {"a": [], "b": []},
        {"steps": [1], "lines": [True]}, {"steps": 1, "lines": 1}, {"steps": [1], "lines": [1], "x": [1]},
    )  # fmt: skip
    for curve in curves:
        yield Hostile(f"curve {curve}", forged(curve=json.dumps(curve).encode()), "is not steps and lines")
    yield Hostile("an empty curve", forged(curve=b'{"steps":[],"lines":[]}'), "has 0 steps")
    yield Hostile("a curve of unlike lengths", forged(curve=b'{"steps":[1,2],"lines":[1]}'), "has 2 steps and 1 lines")
    yield Hostile("a curve that turns back", forged(curve=b'{"steps":[2,1],"lines":[1,1]}'), "steps that do not rise")


def _twice(name: str, content: bytes) -> bytes:
    """The same name again, under which another reader may find another content."""
    other = "X" * len(name)
    return zipped([*FILES.items(), (other, content)]).replace(other.encode(), name.encode())


def truncated() -> Iterator[Hostile]:
    whole = sample().to_bytes()
    for length in sorted({*range(0, len(whole), 1_000), *range(1, 40), *range(len(whole) - 40, len(whole))}):
        yield Hostile(f"the first {length} bytes", whole[:length], "is not a whole zip file")
    for start in range(1_000, len(whole), 1_000):
        yield Hostile(f"without its first {start} bytes", whole[start:], "zip file")
        yield Hostile(f"a byte turned at {start}", whole[:start] + bytes([whole[start] ^ 255]) + whole[start + 1 :], "")


KINDS: Final = (pickles, paths, links, bombs, wrong_records, wrong_arrays, wrong_keys, wrong_entries, truncated)
CORPUS: Final = {kind.__name__: tuple(kind()) for kind in KINDS}
