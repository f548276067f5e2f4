"""Learns two or more musical themes with an LSTM and writes new pieces that fuse them."""

__version__ = "0.1.0"
