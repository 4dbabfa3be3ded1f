"""DP²-VL: protect private photos from being learned by vision-language models, and measure whether it worked.

Names load on use, so that `import dp2vl` costs nothing and `dp2vl --help` never imports torch.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from dp2vl.errors import DP2VLError
from dp2vl.types import Budget, Outcome, Photo, Status

if TYPE_CHECKING:
    from dp2vl.protect.api import protect_images
    from dp2vl.protect.run import AlbumResult, protect_album
    from dp2vl.surrogates import Features, Surrogate, load_surrogate, load_surrogates
    from dp2vl.vlm import load_vlm

__version__ = version("dp2vl")

_HOME = {
    "AlbumResult": "dp2vl.protect.run",
    "Features": "dp2vl.surrogates",
    "Surrogate": "dp2vl.surrogates",
    "load_surrogate": "dp2vl.surrogates",
    "load_surrogates": "dp2vl.surrogates",
    "load_vlm": "dp2vl.vlm",
    "protect_album": "dp2vl.protect.run",
    "protect_images": "dp2vl.protect.api",
}

__all__ = [
    "AlbumResult",
    "Budget",
    "DP2VLError",
    "Features",
    "Outcome",
    "Photo",
    "Status",
    "Surrogate",
    "__version__",
    "load_surrogate",
    "load_surrogates",
    "load_vlm",
    "protect_album",
    "protect_images",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'dp2vl' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
