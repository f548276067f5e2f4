"""Engine and rules to takes; needs no torch."""

from hocket.generation.rules import rules_for
from hocket.generation.sampler import Take, sample
from hocket.generation.seeds import Opening, Recipe, search

__all__ = ["Opening", "Recipe", "Take", "rules_for", "sample", "search"]
