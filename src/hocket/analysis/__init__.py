"""Looks at Pieces, never at weights: where notes come from, who shares music, measures, tables."""

from hocket.analysis.duplicates import Fingerprint, Overlap, clusters, fingerprint, overlaps
from hocket.analysis.metrics import Measures, measure
from hocket.analysis.provenance import Origins, origins
from hocket.analysis.report import as_json, legend, medians, table

__all__ = [
    "Fingerprint",
    "Measures",
    "Origins",
    "Overlap",
    "as_json",
    "clusters",
    "fingerprint",
    "legend",
    "measure",
    "medians",
    "origins",
    "overlaps",
    "table",
]
