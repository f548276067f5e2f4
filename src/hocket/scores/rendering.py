"""A program: MusicXML on standard input -> verovio's MIDI and timemap as JSON on standard output.

Surprising decision: `hocket.scores.musicxml` runs this file in a process of its own, because
verovio divides by zero or counts for ever on some damaged scores (a beat type of -1, for one) and
would take hocket with it. It is run by its path and imports nothing of hocket, to start at once.
"""

import json
import sys

MEMORY_BYTES = 4 * 2**30
CPU_SECONDS = 120


def main() -> int:
    """Return 0 with the JSON written, or 1 where verovio cannot load the score."""
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
    if not toolkit.loadData(sys.stdin.buffer.read().decode()):
        return 1
    midi = toolkit.renderToMIDI()
    timemap = toolkit.renderToTimemap({"includeMeasures": True})
    json.dump({"midi": midi, "timemap": timemap}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
