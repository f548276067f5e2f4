"""The exception tree: every error says what is wrong, where, and what to do next.

The command line prints one line and exits 1 for any `HocketError`; anything else is our own defect.
"""


class HocketError(Exception):
    """Any error that hocket raises on purpose."""


class ScoreError(HocketError):
    """A file that cannot be read as music, or cannot be written."""


class TokenError(HocketError):
    """Events that are not in the vocabulary or break the grammar."""


class ConfigError(HocketError):
    """An option or configuration file with a value that makes no sense."""


class CheckpointError(HocketError):
    """Weights, or the files beside them, that are missing, torn or do not belong together."""


class GenerationError(HocketError):
    """A take that cannot be made as asked: no seed fits, no continuation is legal."""


class ScoreWarning(UserWarning):
    """Something in a file was left out or changed while reading; the text says what and why."""
