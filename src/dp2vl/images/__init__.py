"""The room that knows file formats: bytes to upright pixels and back, with the metadata policy.

Depends on numpy, Pillow, OpenCV and pillow-heif; knows nothing of towers and albums.
"""

from dp2vl.images.colour import shrunk_size
from dp2vl.images.picture import Coding, Metadata, Picture
from dp2vl.images.policy import METADATA_POLICIES, explain_metadata
from dp2vl.images.reading import check_file_size, decode_photo, read_photo
from dp2vl.images.sniffing import PHOTO_FORMATS, PHOTO_SUFFIXES, sniff
from dp2vl.images.writing import encode, output_suffix

__all__ = [
    "METADATA_POLICIES",
    "PHOTO_FORMATS",
    "PHOTO_SUFFIXES",
    "Coding",
    "Metadata",
    "Picture",
    "check_file_size",
    "decode_photo",
    "encode",
    "explain_metadata",
    "output_suffix",
    "read_photo",
    "shrunk_size",
    "sniff",
]
