"""XMP under the `keep` policy: everything but embedded pictures, with orientation and size made true."""

import re
from xml.etree import ElementTree

from dp2vl.images.hidden import spells_picture

_PREFIXES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
for _prefix, _uri in _PREFIXES.items():
    ElementTree.register_namespace(_prefix, _uri)

_PICTURE_NAMESPACES = re.compile(
    r"xap/1\.0/g/img/|photos/1\.0/(image|depthmap|camera|container|audio)/|hdr-gain-map|HDRGainMap|xmp/note/|dynamic_?depth"
)
"""Namespaces of embedded pictures, gain maps, motion photos, and pointers to data that the copy does not have."""
_PICTURE_NAMES = re.compile(r"thumbnail|preview|motionphoto|microvideo", re.IGNORECASE)
_LONGEST_VALUE = 8192
_TIFF, _EXIF = _PREFIXES["tiff"], _PREFIXES["exif"]


def clean_xmp(xmp: bytes, width: int, height: int, lost: list[str]) -> bytes | None:
    """Return an XMP packet without embedded pictures and with orientation 1; None where it cannot be parsed.

    Args:
        xmp: the source's packet.
        width, height: of the upright photo, written where the packet states a size.
        lost: gets the names of values that are too long, or hold a picture and do not say so in their names.
    """
    root = _parse(xmp.strip(b"\x00 \r\n\t"))
    if root is None:
        return None
    true = {
        f"{{{_TIFF}}}Orientation": "1",
        f"{{{_TIFF}}}ImageWidth": str(width),
        f"{{{_TIFF}}}ImageLength": str(height),
        f"{{{_EXIF}}}PixelXDimension": str(width),
        f"{{{_EXIF}}}PixelYDimension": str(height),
    }
    if _is_lost(root.tag, root.text or "", lost):
        root.text = None
    for element in list(root.iter()):
        _clean(element, true, lost)
    try:
        body = ElementTree.tostring(root, encoding="utf-8")
    except RecursionError:  # thousands of elements inside each other: no program writes that
        return None
    packet_id = b"W5M0MpCehiHzreSzNTczkc9d"
    return b'<?xpacket begin="\xef\xbb\xbf" id="' + packet_id + b'"?>\n' + body + b'\n<?xpacket end="w"?>'


def _parse(xmp: bytes) -> ElementTree.Element | None:
    for text in (xmp, xmp.decode("latin-1")):  # XMP is UTF-8, but some programs write Latin-1
        try:
            return ElementTree.fromstring(text)
        except (ElementTree.ParseError, ValueError, LookupError):
            continue
    return None


def _clean(element: ElementTree.Element, true: dict[str, str], lost: list[str]) -> None:
    for child in list(element):
        if _is_picture(child.tag) or _is_lost(child.tag, child.text or "", lost):
            element.remove(child)
        elif child.tag in true:
            child.text = true[child.tag]
        if _is_lost(child.tag, child.tail or "", lost):
            child.tail = None
    for name, value in list(element.attrib.items()):
        if _is_picture(name) or _is_lost(name, value, lost):
            del element.attrib[name]
        elif name in true:
            element.attrib[name] = true[name]


def _is_picture(name: str) -> bool:
    namespace, local = _split_name(name)
    return bool(_PICTURE_NAMESPACES.search(namespace) or _PICTURE_NAMES.search(local))


def _is_lost(name: str, value: str, lost: list[str]) -> bool:
    if len(value) <= _LONGEST_VALUE and not spells_picture(value):
        return False
    lost.append(f"XMP {_split_name(name)[1]!r} (too long, or holds a picture)")
    return True


def _split_name(name: str) -> tuple[str, str]:
    """Return (namespace, local name) of a name as ElementTree writes it."""
    namespace, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    return namespace, local
