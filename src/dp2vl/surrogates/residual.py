"""Gradients that lean on the skip connections of a residual network rather than on what its blocks compute.

What a block computes is the model's own; what passes it by is nearer to what every model sees of the photo. A change
found by such gradients holds better on models that were not asked ("Skip Connections Matter", arXiv 2002.05990).
"""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, jit, nn

from dp2vl.surrogates.protocol import Surrogate

BRANCH = re.compile(r"(^|\.)(layers?|blocks)\.\d+\.(self_attn|attn|attention|mlp)$")
"""Names of the modules whose output a block adds to its tokens: of CLIP, SigLIP, EVA, Qwen-VL, InternViT, Qwen2-VL and
the bundled towers."""


@contextmanager
def damp_branches(surrogate: Surrogate, share: float) -> Iterator[int]:
    """Let only `share` of each gradient through attention and MLP of every block, and all of it past them.

    Features stay as they are. So do gradients of other threads, and all where it has no such blocks that can be told by
    name (TorchScript, networks of convolutions).

    Returns:
        On entry, how many branches were found.
    """
    found = _branches(getattr(surrogate, "model", None))
    with ExitStack() as hooks:
        for module in found:
            hooks.callback(module.register_forward_hook(_Damp(share)).remove)
        yield len(found)


def _branches(model: object) -> list[nn.Module]:
    if not isinstance(model, nn.Module) or isinstance(model, jit.ScriptModule):
        return []
    return [module for name, module in model.named_modules() if BRANCH.search(name)]


class _Damp:
    """Forward hook that scales the gradient of what a module returns, or of the first thing that it returns.

    Only in the thread that made it: others that search with the same tower have a hook of their own.
    """

    def __init__(self, share: float) -> None:
        self.share, self.thread = share, threading.get_ident()

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        values: Tensor = output[0] if isinstance(output, tuple) else output
        if values.requires_grad and self.thread == threading.get_ident():
            values.register_hook(lambda slope: slope * self.share)
