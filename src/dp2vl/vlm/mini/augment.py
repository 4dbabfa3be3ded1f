"""What happens to a training photo before the tower sees it: crop, turn, light, blur, noise, JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from dp2vl.preprocess import Preprocess

_GREY = torch.tensor([0.299, 0.587, 0.114])


@dataclass(frozen=True, kw_only=True)
class Augment:
    """How far photos are changed. Never mirrored: a mirrored face, with its parting and moles, is another face.

    Args:
        zoom: smallest share of the photo's side that a crop keeps.
        stretch: log of the largest change of the aspect ratio.
        turn: largest rotation in radians.
        light: largest relative change of brightness, contrast, saturation and each channel.
        blur_share, jpeg_share, border_share: how many photos are blurred, compressed, or given borders (only
            for towers that pad photos).
        noise: largest standard deviation of noise, in [0, 1] units.
    """

    zoom: float = 0.72
    stretch: float = 0.15
    turn: float = 0.12
    light: float = 0.25
    blur_share: float = 0.4
    jpeg_share: float = 0.25
    border_share: float = 0.3
    noise: float = 0.02

    def __call__(self, photos: NDArray[np.uint8], preprocess: Preprocess, rng: np.random.Generator) -> Tensor:
        """Return normalised pixels (n, 3, side, side) of square photos (n, h, h, 3), uint8 sRGB."""
        return self.with_maps(photos, None, preprocess, rng)[0]

    def with_maps(
        self,
        photos: NDArray[np.uint8],
        maps: NDArray[np.uint8] | None,
        preprocess: Preprocess,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Return pixels as a call does, and `maps` (n, k, k) moved in the same way.

        The maps are (n, k, k) whole numbers, -1 where a border was put; without maps they are empty.
        """
        coded = np.stack([_jpeg(p, rng) if rng.random() < self.jpeg_share else p for p in photos])
        images = torch.from_numpy(coded).permute(0, 3, 1, 2).float().div_(255)
        theta = self._place(len(images), rng)
        images = _sample(images, theta, preprocess.side_px, "bilinear")
        images = self._light(images, rng)
        images = self._blur_and_noise(images, rng).clamp_(0, 1)
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (preprocess.mean, preprocess.std))
        pixels = (images - mean) / std
        moved = torch.empty(0, dtype=torch.long)
        if maps is not None:
            moved = _sample(torch.from_numpy(maps)[:, None].float(), theta, maps.shape[-1], "nearest")[:, 0].long()
        if preprocess.resize == "pad":
            half, upright = self._bars(len(pixels), rng)
            pixels = pixels * _inside(half, upright, pixels.shape[-1])[:, None]
            if maps is not None:
                moved = torch.where(_inside(half, upright, maps.shape[-1]) > 0, moved, -1)
        return pixels.contiguous(), moved

    def _place(self, n: int, rng: np.random.Generator) -> Tensor:
        """Return which part of each photo is seen, and how it is turned, as (n, 2, 3) for `affine_grid`."""
        scale = rng.uniform(self.zoom, 1, n)
        stretch = np.exp(rng.uniform(-self.stretch, self.stretch, n) / 2)
        angle = rng.uniform(-self.turn, self.turn, n)
        shift = rng.uniform(-1, 1, (n, 2)) * (1 - scale)[:, None]
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        theta = np.stack([c * stretch, -s / stretch, shift[:, 0], s * stretch, c / stretch, shift[:, 1]], 1)
        return torch.from_numpy(theta.reshape(n, 2, 3)).float()

    def _light(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        n = len(images)

        def factor(*shape: int) -> Tensor:
            return torch.from_numpy(1 + rng.uniform(-self.light, self.light, (n, *shape))).float()

        images = images * factor(1, 1, 1) * (1 + 0.3 * (factor(3, 1, 1) - 1))
        grey = torch.einsum("nchw,c->nhw", images, _GREY)[:, None]
        images = grey + (images - grey) * factor(1, 1, 1)
        middle = images.mean((1, 2, 3), keepdim=True)
        return middle + (images - middle) * factor(1, 1, 1)

    def _blur_and_noise(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        chosen = torch.from_numpy(np.flatnonzero(rng.random(len(images)) < self.blur_share))
        share = torch.from_numpy(rng.uniform(0, 1, (len(chosen), 1, 1, 1))).float()
        images[chosen] = torch.lerp(images[chosen], _binomial(_binomial(images[chosen])), share)
        level = rng.uniform(0, self.noise, (len(images), 1, 1, 1)).astype(np.float32)
        grain = rng.standard_normal((len(images), 1, *images.shape[-2:]), np.float32)
        return images + torch.from_numpy(level * grain)

    def _bars(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        """Return half of what photos of another aspect ratio fill of the square, and whether they are upright."""
        half = np.where(rng.random(n) < self.border_share, rng.uniform(0.36, 0.5, n), 0.5)
        return half, rng.random(n) < 0.5


def _inside(half: NDArray[np.floating], upright: NDArray[np.bool_], side: int) -> Tensor:
    """Return masks (n, side, side): 0 in the bars."""
    away = np.abs((np.arange(side) + 0.5) / side - 0.5)
    inside = torch.from_numpy((away[None] <= half[:, None]).astype(np.float32))
    return torch.where(torch.from_numpy(upright)[:, None, None], inside[:, None, :], inside[:, :, None])


def _sample(images: Tensor, theta: Tensor, side: int, mode: str) -> Tensor:
    grid = affine_grid(theta, [len(images), images.shape[1], side, side], align_corners=False)
    return grid_sample(images, grid, mode=mode, padding_mode="reflection", align_corners=False)


def _jpeg(photo: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    _, coded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _binomial(images: Tensor) -> Tensor:
    """Return images blurred by [1, 2, 1] / 4 along both axes."""
    x = pad(images, (1, 1, 1, 1), mode="replicate")
    x = (x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]) / 4
    return (x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]) / 4
