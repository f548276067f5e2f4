"""Engine and rules to takes; needs no torch."""

from hocket.generation.openings import Opening, Recipe
from hocket.generation.rules import rules_for
from hocket.generation.sampler import Take, sample
from hocket.generation.seeds import search

__all__ = ["Opening", "Recipe", "Take", "rules_for", "sample", "search"]
