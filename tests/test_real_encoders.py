"""The move on real encoders and real faces, measured on the written 8-bit file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

import dp2vl
from dp2vl.protect.views import jpeg
from feature_tools import median_distance

LINF = 6 / 255
PHOTOS = 32


def read(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255


def read_portraits(shared_data: Path, count: int) -> torch.Tensor:
    """Return portraits of the commonest size."""
    by_size: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for path in sorted((shared_data / "portraits").glob("*.jpg")):
        image = read(path)
        by_size.setdefault(tuple(image.shape), []).append(image)
    photos = max(by_size.values(), key=len)[:count]
    assert len(photos) == count
    return torch.stack(photos)


ENCODERS = ("face_mobileface_v2_112.pt?px=112", "imagenet_mobilenet_v2_tf2_feat1280_224.pt?px=224")


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_protected_portraits_move_as_far_as_another_person_and_noise_does_not(
    encoder: str, shared_data: Path, tmp_path: Path
):
    photos = read_portraits(shared_data, PHOTOS)
    tower = dp2vl.load_surrogate(f"torchscript:{shared_data / 'encoders' / encoder}")
    protected = dp2vl.protect_images(photos, surrogates=[tower], budget=dp2vl.Budget(linf=LINF), effort="normal")
    written = []
    for i, image in enumerate(protected):
        Image.fromarray((image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)).save(tmp_path / f"{i}.png")
        written.append(read(tmp_path / f"{i}.png"))
    assert (torch.stack(written) - photos).abs().max() <= LINF + 1e-6
    noise = LINF * torch.sign(torch.rand(photos.shape, generator=torch.Generator().manual_seed(0)) - 0.5)
    noisy = ((photos + noise).clamp(0, 1) * 255).round() / 255

    def pooled(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return normalize(torch.cat([tower.features(i[None]).pooled for i in images]), dim=-1)

    clean = pooled(photos)
    distance = median_distance(clean, range(PHOTOS))
    moved = float((pooled(torch.stack(written)) - clean).norm(dim=-1).median()) / distance
    jitter = float((pooled(noisy) - clean).norm(dim=-1).median()) / distance
    print(f"{encoder}: protected {moved:.2f}, noise {jitter:.2f} of the distance between people")
    assert moved >= 1.0
    assert jitter < 0.5


@pytest.mark.slow
def test_most_of_the_movement_outlasts_jpeg_on_every_encoder_that_it_was_searched_on(shared_data: Path):
    photos = read_portraits(shared_data, 5)
    towers = [dp2vl.load_surrogate(f"torchscript:{shared_data / 'encoders' / encoder}") for encoder in ENCODERS]
    copies = dp2vl.protect_images(photos, surrogates=towers, budget=dp2vl.Budget(linf=LINF, ssim=0.92))
    saved = [jpeg(photos, 75), jpeg(copies, 75)]
    for tower in towers:
        with torch.no_grad():
            before, after, saved_before, saved_after = (
                normalize(tower.features(images).pooled, dim=-1) for images in (photos, copies, *saved)
            )
        kept = (saved_after - saved_before).norm(dim=-1) / (after - before).norm(dim=-1)
        assert float(kept.median()) >= 0.7, f"{tower.name} keeps {kept}"
