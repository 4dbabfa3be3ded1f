"""Colour profiles with nothing in them but colours: what else a profile says can tell who made or showed a photo."""

import struct
from collections.abc import Mapping

_HEADER, _ENTRY = 128, 12
_TRIPLES = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"bkpt")
_CURVES = (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
_TABLES = tuple(way + digit for way in (b"A2B", b"B2A", b"D2B", b"B2D") for digit in (b"0", b"1", b"2", b"3"))
_COLOUR_TAGS = (*_TRIPLES, *_CURVES, *_TABLES, b"chad", b"cicp")
_TABLE_TYPES = (b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet")
_PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers a parametric curve has, by its kind (ICC.1:2022, 10.18)."""
_KEPT_FIELDS = (slice(8, 24), slice(36, 40), slice(64, 80))
"""Of the header: version, class and colour spaces; the signature; rendering intent and illuminant. Others, which name
maker, model, creator, date and system, become zero."""
_NAME = "colours"


def clean_profile(icc: bytes | None) -> bytes | None:
    """Return a profile that means the same colours and says nothing else; None where it is cut, damaged or none.

    Tags are those that colours are computed from, each at the length that its type has. Tables may have any length, so
    what follows a table inside its tag stays. A clean profile comes back as it is.
    """
    if icc is None or len(icc) < _HEADER + 4 or icc[36:40] != b"acsp":
        return None
    stated = int.from_bytes(icc[:4], "big")
    if not _HEADER + 4 <= stated <= len(icc):
        return None
    colours = _colour_tags(icc[:stated])
    if not any(name in colours for name in (*_CURVES, *_TABLES)):
        return None
    return _build(icc, {**colours, **_descriptions(version=icc[8])})


def _colour_tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, _HEADER)
    table = icc[_HEADER + 4 : _HEADER + 4 + _ENTRY * min(count, 256)]
    found: dict[bytes, bytes] = {}
    for at in range(0, len(table) - _ENTRY + 1, _ENTRY):
        name, start, length = struct.unpack_from(">4sII", table, at)
        content = _measured(name, icc[start : start + length]) if name in _COLOUR_TAGS else None
        if content is not None:
            found.setdefault(name, content)
    return found


def _measured(name: bytes, content: bytes) -> bytes | None:
    """Return a tag's content cut to what its type needs; None where the type is not one for this tag, or it is cut."""
    kind, length = content[:4], None
    if name in _TRIPLES and kind == b"XYZ ":
        length = 20
    elif name == b"chad" and kind == b"sf32":
        length = 8 + 9 * 4
    elif name == b"cicp" and kind == b"cicp":
        length = 12
    elif name in _TABLES and kind in _TABLE_TYPES:
        length = len(content)
    elif name in _CURVES and kind == b"curv" and len(content) >= 12:
        length = 12 + 2 * int.from_bytes(content[8:12], "big")
    elif name in _CURVES and kind == b"para" and len(content) >= 12:
        shape = int.from_bytes(content[8:10], "big")
        length = 12 + 4 * _PARAMETERS[shape] if shape < len(_PARAMETERS) else None
    if length is None or len(content) < length:
        return None
    return kind + bytes(4) + content[8:length]


def _descriptions(*, version: int) -> dict[bytes, bytes]:
    """Return the two texts that each profile must have, in the form of its version."""
    if version >= 4:
        text = _NAME.encode("utf-16-be")
        words = b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(text), 28) + text
        return {b"desc": words, b"cprt": words}
    name = _NAME.encode() + b"\x00"
    return {
        b"desc": b"desc" + struct.pack(">II", 0, len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + name,
    }


def _build(icc: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    header = bytearray(_HEADER)
    for place in _KEPT_FIELDS:
        header[place] = icc[place]
    start, table, body = _HEADER + 4 + _ENTRY * len(tags), b"", bytearray()
    places: dict[bytes, int] = {}  # the three curves of a display are often one
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    header[:4] = struct.pack(">I", start + len(body))
    return bytes(header) + struct.pack(">I", len(tags)) + table + bytes(body)
