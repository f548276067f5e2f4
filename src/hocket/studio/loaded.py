"""What children of the desk need, loaded and warmed up once, before they are forked."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hocket.reporter import Silent
from hocket.sources import read_piece, read_source
from hocket.studio import desk, shown  # noqa: F401

shown.piece_shown(read_piece(read_source("demo:gymnopedie", False, Silent()), False, Silent()))
