"""Ways to run one job over many items: in this process, or on a Ray cluster. Knows nothing of photos or towers."""

from dp2vl.engine.job import Engine, Job, Worker

__all__ = ["ENGINES", "Engine", "Job", "Worker"]

ENGINES = ("local", "ray")
"""Names of engines; each is a module of this room, imported on use."""
