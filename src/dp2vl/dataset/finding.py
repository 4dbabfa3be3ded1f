"""What a rule has to say about a data set."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a rule has to say.

    Args:
        rule: the rule's name. where: file, row, person or scenario. message: one line.
        serious: False for a note: a rule that could not be judged here.
    """

    rule: str
    where: str
    message: str
    serious: bool = True

    def __str__(self) -> str:
        return f"{'error' if self.serious else 'note '} {self.rule} {self.where}: {self.message}"
