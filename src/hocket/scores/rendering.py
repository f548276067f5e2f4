"""A program: MusicXML on standard input -> verovio's MIDI and timemap as JSON on standard output.

Surprising decision: `hocket.scores.musicxml` runs this file in a process of its own, because
verovio divides by zero or counts for ever on some damaged scores (a beat type of -1, for one) and
would take hocket with it. It is run by its path and imports nothing of hocket, to start at once.
Its arguments say how many seconds of the processor, bytes of memory and bytes of answer it may take.
"""

import json
import sys


def main() -> int:
    """Return 0 with the JSON written, 1 where verovio cannot load the score, 3 for a long answer."""
    seconds, memory, most = map(int, sys.argv[1:])
    try:
        import resource  # not on Windows
    except ImportError:
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    if not toolkit.loadData(sys.stdin.buffer.read().decode()):
        return 1
    midi = toolkit.renderToMIDI()
    timemap = toolkit.renderToTimemap({"includeMeasures": True})
    answer = json.dumps({"midi": midi, "timemap": timemap})
    if len(answer) > most:
        return 3
    sys.stdout.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
