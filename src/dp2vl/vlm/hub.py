"""Published checkpoints on this machine, and fetching them from the Hugging Face hub. Does not import torch.

A source is a folder, or a hub id `org/name`, or `org/name@revision`. Without a revision it is the commit that
`dp2vl.vlm.revisions` names, or else whatever `main` was when it was fetched. The network is used by `plan_download` and
`download` alone.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dp2vl.errors import ModelError
from dp2vl.files import hash_file
from dp2vl.vlm.revisions import REVISIONS, UNPINNED

HUB_ID = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
SETTINGS = ("config.json", "preprocessor_config.json")
WORDS = (
    "added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json", "merges.txt",
    "processor_config.json", "qwen.tiktoken", "special_tokens_map.json", "tokenizer.json", "tokenizer.model",
    "tokenizer_config.json", "vocab.json",
)  # fmt: skip
"""What a language model needs beside weights; never code."""
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""What holds the weights or names the files that do; the first that is there counts."""
Wanted = Callable[[str], bool]
"""Name of a tensor -> whether it is needed."""


@dataclass(frozen=True)
class Download:
    """What `download` fetches: files of one repository, and their size."""

    repo: str
    revision: str
    files: tuple[str, ...]
    size_bytes: int


def find_checkpoint(spec: str, wanted: Wanted | None = None, *, pull: str = "") -> Path:
    """Return the folder with the complete checkpoint of `kind:source`, from disk or the hub's cache; no network.

    Args:
        spec: the kind is for messages only.
        wanted: tensors that are needed; files without any of them may be absent. All if not given.
        pull: what hints say to fetch; `spec` if not given.

    Raises:
        ModelError: it is not here, or files are missing.
    """
    source = spec.partition(":")[2]
    folder, hint = Path(source).expanduser(), "copy the checkpoint again"
    if not source or not folder.is_dir():
        hint = f"dp2vl models pull {pull or spec}"
        folder = _cached(spec, source, hint)
    missing = [name for name in ("config.json", *weight_files(folder, wanted)) if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{spec} is incomplete: {folder} has no {missing[0]}", hint)
    return folder


def _cached(spec: str, source: str, hint: str) -> Path:
    from huggingface_hub import try_to_load_from_cache

    if not HUB_ID.fullmatch(source):
        raise ModelError(f"no such folder: {source}", "give a folder, or a hub id such as openai/clip-vit-base-patch16")
    repo, revision = split_revision(source)
    config = try_to_load_from_cache(repo, "config.json", revision=revision)
    if not isinstance(config, str):
        raise ModelError(f"{spec} is not on this machine", hint)
    return Path(config).parent


def split_revision(source: str) -> tuple[str, str]:
    """Return (repository, revision) of a hub id, the revision that is taken where it names none."""
    repo, _, revision = source.partition("@")
    return repo, revision or REVISIONS.get(repo, UNPINNED)


def weight_files(folder: Path, wanted: Wanted | None = None) -> list[str]:
    """Return the files that hold the wanted weights; the first choice of names where there is none.

    Raises:
        ModelError: the index is damaged, or names a file outside the folder.
    """
    first = next((name for name in WEIGHTS if (folder / name).is_file()), WEIGHTS[0])
    if not first.endswith(".index.json"):
        return [first]
    try:
        index = json.loads((folder / first).read_text(encoding="utf-8"))["weight_map"]
        for file in set(index.values()):
            _check_inside(folder / first, file)
        return sorted({file for name, file in index.items() if wanted is None or wanted(name)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / first} is damaged: {error!r}", "fetch the checkpoint again") from error


def _check_inside(index: Path, file: str) -> None:
    """Raise unless `file` is a name below the folder of `index`; links may lead out, as in the hub's cache all do."""
    place = PurePosixPath(file)
    if place.is_absolute() or ".." in place.parts:
        raise ModelError(
            f"{index} names a file outside its folder: {file!r}",
            "do not use this checkpoint; fetch it from its authors",
        )
    if not place.name:
        raise ValueError(f"expected the name of a file, got {file!r}")


def plan_download(source: str, *, words: bool = False, prefix: str = "") -> Download:
    """Return what has to be fetched for a hub id: configuration and weights, safetensors where there are any.

    Args:
        source: a hub id, perhaps with @revision.
        words: also what a language model needs: tokenizer, chat template.
        prefix: of the weights only the files with tensors whose names begin so; the index is fetched to know them.

    Raises:
        ModelError: `source` is no hub id, the hub does not answer, or the repository has no weights.
    """
    from huggingface_hub import HfApi, hf_hub_download

    if not HUB_ID.fullmatch(source):
        raise ModelError(f"expected a hub id such as openai/clip-vit-base-patch16, got {source!r}")
    repo, revision = split_revision(source)
    try:
        info = HfApi().model_info(repo, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        files = choose_files(tuple(sizes), words=words)
        index = next((name for name in files if name.endswith(".index.json")), None)
        if prefix and index:
            folder = Path(hf_hub_download(repo, index, revision=revision)).parent
            needed = weight_files(folder, lambda tensor: tensor.startswith(prefix))
            files = tuple(n for n in files if n in needed or not n.endswith((".safetensors", ".bin")))
    except _network_errors() as error:
        raise _unreachable(source, error) from error
    if not files:
        raise ModelError(f"{source} holds no weights in a format that loads", f"expected {' or '.join(WEIGHTS[::2])}")
    return Download(repo, revision, files, sum(sizes[name] for name in files))


def choose_files(names: tuple[str, ...], *, words: bool = False) -> tuple[str, ...]:
    """Return the files among `names` that loading needs; empty if there are no weights."""
    others = (*SETTINGS, *WORDS) if words else SETTINGS
    for stem, suffix in (("model", "safetensors"), ("pytorch_model", "bin")):
        whole = f"{stem}.{suffix}"
        shards = [n for n in names if re.fullmatch(rf"{stem}-\d+-of-\d+\.{suffix}|{stem}\.{suffix}\.index\.json", n)]
        if whole in names or shards:
            weights = [whole] if whole in names else shards
            return tuple(sorted((*weights, *(n for n in others if n in names))))
    return ()


def download(plan: Download) -> Path:
    """Fetch the files of `plan` into the hub's cache and return their folder; resumes what was broken off.

    Each file is then read once and compared with the digest that the hub named, also where it was here before.

    Raises:
        ModelError: the hub does not answer, the disk is too small, or a file is not the one that the hub named.
    """
    from huggingface_hub import constants, snapshot_download

    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < plan.size_bytes:
        message = f"{plan.repo} needs {plan.size_bytes / 1e9:.1f} GB, {cache} has {free / 1e9:.1f} GB free"
        raise ModelError(message, "set HF_HUB_CACHE to a folder on a larger disk")
    try:
        folder = Path(snapshot_download(plan.repo, revision=plan.revision, allow_patterns=list(plan.files)))
    except _network_errors() as error:
        raise _unreachable(plan.repo, error) from error
    for name in plan.files:
        _check_digest(plan.repo, folder / name)
    return folder


def _check_digest(repo: str, path: Path) -> None:
    """Raise unless a file is what its name in the cache says: SHA-256 of a large file, git's SHA-1 of a small one.

    In a cache without links (a disk that has none) files have no such names, and nothing is compared.
    """
    place = path.resolve()
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", place.name) or not place.is_file():
        return
    found = hash_file(place)
    if len(place.name) == 40:
        content = place.read_bytes()
        found = hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False).hexdigest()
    if found != place.name:
        raise ModelError(
            f"{path.name} of {repo} is not the file that the hub names: {place} is damaged or was changed on the way",
            f"delete {place} and pull again",
        )


def _network_errors() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HfHubHTTPError

    # its bases are OSError and the HTTP library's own error, whichever library this version of the hub client uses
    return HfHubHTTPError.__bases__


def _unreachable(source: str, error: Exception) -> ModelError:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, GatedRepoError):
        return ModelError(f"{source} is gated", "accept its licence on the hub, then log in with `hf auth login`")
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError):
        return ModelError(f"the hub has no {source}, or it needs a licence and a login", "check the name")
    first = next(iter(str(error).strip().splitlines()), "")
    return ModelError(
        f"cannot fetch {source}: {type(error).__name__} {first}".strip(), "check the network and try again"
    )
