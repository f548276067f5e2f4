"""A program: MusicXML on standard input -> verovio's pages as JSON on standard output.

Surprising decision: like the reader's (`scores/rendering.py`), this runs in a process of its own, with
limits of time and memory. It is run by its path and imports nothing of hocket, to start at once.
"""

import json
import sys

MEMORY_BYTES = 4 * 2**30
CPU_SECONDS = 120
OPTIONS = {
    "adjustPageHeight": False,
    "breaks": "auto",
    "footer": "none",
    "header": "auto",
    "pageHeight": 2970,
    "pageWidth": 2100,
    "pageMarginBottom": 120,
    "pageMarginLeft": 120,
    "pageMarginRight": 120,
    "pageMarginTop": 120,
    "scale": 100,
    "smuflTextFont": "none",
    "spacingLinear": 0.26,
    "spacingNonLinear": 0.6,
    "spacingSystem": 8,
    "svgRemoveXlink": True,
    "svgViewBox": True,
    "unit": 7,
    "xmlIdSeed": 1,
}

ON_SCREEN = {
    "adjustPageHeight": True,
    "header": "none",
    "pageMarginBottom": 20,
    "pageMarginLeft": 20,
    "pageMarginRight": 20,
    "pageMarginTop": 20,
}
"""With the argument `screen`: no margins, no title, and no more page than is used."""


def main() -> int:
    """Return 0 with the pages written, or 1 where verovio cannot load the score."""
    try:
        import resource  # not on Windows
    except ImportError:
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS | (ON_SCREEN if sys.argv[1:] == ["screen"] else {}))
    if not toolkit.loadData(sys.stdin.buffer.read().decode()):
        return 1
    pages = [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]
    json.dump(pages, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
