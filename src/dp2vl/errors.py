"""Errors that reach a person: one line that says what was expected and what came, and a hint that says what to do."""


class DP2VLError(Exception):
    """Something about the world (a file, a disk, a missing model) stops the work; not a bug of the caller.

    Printed by the command line as `error: <message>` and, on a line of its own, `hint: <hint>`.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; hint: {self.hint}" if self.hint else self.message


class UsageError(DP2VLError):
    """The call itself is wrong: an unknown option value, an output folder inside the input."""

    exit_code = 2


class ModelError(DP2VLError):
    """A tower or checkpoint is unknown, absent, incomplete or of another family."""


class PhotoError(DP2VLError):
    """One photo could not be read or written. The album goes on; the photo's outcome is `failed`."""


class PlaceTaken(PhotoError):
    """Where a photo's copy would go lies the copy of another; the outcome is `failed`, without a place."""


class PhotoRefused(PhotoError):
    """One photo is readable but is not protected on purpose (animated, too large, already protected)."""
