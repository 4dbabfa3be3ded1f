"""Mini models: the families' own classes at a size that two cores can train, and what trains them."""

from dp2vl.vlm.mini.files import bundled_folder, load_tower, read_record, write_tower
from dp2vl.vlm.mini.towers import MINI_TOWERS, TowerConfig, VisionTower, make_tower

__all__ = [
    "MINI_TOWERS",
    "TowerConfig",
    "VisionTower",
    "bundled_folder",
    "load_tower",
    "make_tower",
    "read_record",
    "write_tower",
]
