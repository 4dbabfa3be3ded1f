"""`dp2vl doctor`: what is installed, which device there is, which towers are here."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "safetensors",
    "numpy",
    "pillow",
    "pillow-heif",
    "opencv-python-headless",
)


def doctor() -> None:
    """Show versions, devices, photo formats that can be written, and towers that are here."""
    from dp2vl import __version__

    print(f"dp2vl {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in PACKAGES:
        try:
            print(f"  {name} {version(name)}")
        except PackageNotFoundError:
            print(f"  {name} absent")
    import torch

    from dp2vl.images import PHOTO_FORMATS
    from dp2vl.protect.photo import choose_device
    from dp2vl.surrogates.sets import tower_states

    print(f"device: {choose_device('auto')} ({torch.get_num_threads()} threads)")
    print(f"photo formats: {', '.join(sorted(PHOTO_FORMATS))}")
    print("towers:")
    for name, state in tower_states().items():
        print(f"  {name}: {state}")
