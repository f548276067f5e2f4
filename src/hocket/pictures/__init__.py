"""Pieces, training and networks to pictures, PNG or SVG, as bytes; one look for all of them."""

from hocket.pictures.curves import curve
from hocket.pictures.network import network
from hocket.pictures.roll import roll
from hocket.pictures.shapes import network_text, shapes_of
from hocket.pictures.similarity import bars_matrix, self_similarity

__all__ = [
    "bars_matrix",
    "curve",
    "network",
    "network_text",
    "roll",
    "self_similarity",
    "shapes_of",
]
