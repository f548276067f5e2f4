"""Pieces to ids and back: vocabulary, grammar and events."""

from hocket.tokens.events import decode, encode, simplify, text, waiting, waits
from hocket.tokens.grammar import Grammar, NoteGrammar, State
from hocket.tokens.sight import FEATURES, PLACE_SIZES, Features
from hocket.tokens.vocab import VOCAB, Vocab

GRAMMAR = NoteGrammar()
"""The grammar in use."""

__all__ = [
    "FEATURES",
    "GRAMMAR",
    "PLACE_SIZES",
    "VOCAB",
    "Features",
    "Grammar",
    "NoteGrammar",
    "State",
    "Vocab",
    "decode",
    "encode",
    "simplify",
    "text",
    "waiting",
    "waits",
]
