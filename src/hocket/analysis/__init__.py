"""Looks at Pieces, never at weights: where notes come from, measures, tables and pictures."""

from hocket.analysis.metrics import Measures, measure
from hocket.analysis.pictures import curve_png, roll_png
from hocket.analysis.provenance import Origins, origins
from hocket.analysis.report import as_json, legend, medians, table

__all__ = [
    "Measures",
    "Origins",
    "as_json",
    "curve_png",
    "legend",
    "measure",
    "medians",
    "origins",
    "roll_png",
    "table",
]
