"""MIDI bytes <-> Piece, by symusic one way (behind `sift`) and by hand the other.

Reading goes by columns, arrays of notes (`read_columns`); who wants no `Piece` stops there.

Surprising decision: hocket writes its own MIDI files. symusic's writer puts tempo and metre into
the first part's track and has no place for a title; here a track of their own comes first, and
reading back what was written gives the same piece, exactly, if it stands on the hybrid grid.

Sources: Standard MIDI Files 1.0 (RP-001) and the General MIDI sound set (program numbers).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ScoreError
from hocket.music.columns import Columns
from hocket.music.grid import LIVE_PLAYED, late_by, off_grid, snap, snap_durations
from hocket.music.piece import TICKS_PER_QUARTER, Key, Meter, Note, Part, Pedal, Piece, Tempo
from hocket.scores import smf
from hocket.scores.pedal import SUSTAIN, pedalled, pedalling
from hocket.scores.sift import Sifted, sifted

MAX_BYTES = 16 * 2**20
MAX_NOTES = 200_000
MAX_PARTS = 2_000
MAX_SECONDS = 2 * 60 * 60
FASTEST = 5_000  # microseconds per quarter: 12,000 quarters a minute; what is faster is no tempo
MAX_QUARTERS = 100_000  # two hours at 833 quarters a minute: bounds what a silly tempo would let in

WRITTEN_TICKS_PER_QUARTER = 480  # 20 for each of ours, and what most programs expect
_SCALE = WRITTEN_TICKS_PER_QUARTER // TICKS_PER_QUARTER
_CHANNELS = (*range(9), *range(10, 16))  # channel 9, the tenth, is for drums
# What programs call a track that holds no notes, which is nobody's title.
_NO_TITLES = {"control track", "tempo track", "conductor", "conductor track", "master track"}


def read_midi(
    data: bytes, name: str, *, pedal: bool, notated: bool = False
) -> tuple[Piece, tuple[str, ...]]:
    """Return the piece in a MIDI file, and remarks on what was left out or changed.

    Every track and channel with pitched notes is a part. Onsets and durations are snapped to the
    hybrid grid; a note never gets shorter than 2 ticks. The sustain pedal of all parts is snapped
    too; with `pedal` it lengthens notes instead, to its release, or to the next onset of the same
    pitch in the part. A file that looks live-played has a remark, unless it is `notated` for
    certain. Raises ScoreError, with `name` in front, where there are no pitched notes or the file
    is damaged or too large.
    """
    sound = _checked(data, name)
    columns, remarks = _columns(sound, name, pedal=pedal, notated=notated)
    title = smf.sequence_name(sound.tracks)
    piece = columns.piece()
    return (piece if title.strip().lower() in _NO_TITLES else replace(piece, title=title)), remarks


def read_columns(data: bytes, name: str, *, pedal: bool) -> Columns:
    """Return what `read_midi` does, but as columns, without the title and the remarks."""
    return _columns(_checked(data, name), name, pedal=pedal, notated=False)[0]


def midi_bytes(piece: Piece) -> bytes:
    """Return the piece as MIDI, format 1 at 480 ticks per quarter; the same bytes each time.

    Its first track holds title, tempo, metre and key; each part follows as a track on a channel of
    its own, shared beyond 15 parts, with the sustain pedal in each. Within a part, notes of one
    pitch end in the order in which they start: MIDI cannot say otherwise. Raises ScoreError for
    values that MIDI has no room for.
    """
    changes = sorted(
        [(tempo.tick, 0, _tempo_event(tempo)) for tempo in piece.tempos]
        + [(meter.tick, 1, _meter_event(meter)) for meter in piece.meters]
        + [(key.tick, 2, _key_event(key)) for key in piece.keys]
    )
    conductor = [(0, smf.meta(0x03, piece.title.encode()))] if piece.title else []
    conductor += [(tick * _SCALE, event) for tick, _, event in changes]
    chunks = [smf.track_bytes(conductor)]
    for index, part in enumerate(piece.parts):
        notes = [note for note in piece.notes if note.part == index]
        chunks.append(_part_track(part, _CHANNELS[index % len(_CHANNELS)], notes, piece.pedals))
    for note in piece.notes:
        if not 0 <= note.part < len(piece.parts):
            raise ScoreError(f"{note} is in no part: there are {len(piece.parts)}; add its Part")
    return smf.join(smf.Tracks(1, WRITTEN_TICKS_PER_QUARTER, tuple(chunks)))


class _Track(NamedTuple):
    """A track or channel with notes: symusic's `track`, and its notes as symusic's columns."""

    track: Any
    notes: dict[str, NDArray[np.integer]]


def _checked(data: bytes, name: str) -> Sifted:
    if len(data) > MAX_BYTES:
        raise ScoreError(f"{name}: larger than {MAX_BYTES // 2**20} MiB; give a single piece")
    sound = sifted(smf.split(data, name), MAX_QUARTERS, name)
    if sound.begun > MAX_NOTES:
        raise ScoreError(f"{name}: {sound.begun} notes, more than {MAX_NOTES}; give a single piece")
    if sound.parts > MAX_PARTS:
        raise ScoreError(f"{name}: {sound.parts} parts, more than {MAX_PARTS}; give a single piece")
    if sound.begun and sound.begun == sound.endless:
        raise ScoreError(f"{name}: no note of {sound.begun} has an end; export it again")
    return sound


def _columns(
    sound: Sifted, name: str, *, pedal: bool, notated: bool
) -> tuple[Columns, tuple[str, ...]]:
    # Here, not above: loading symusic takes time that `hocket --help` should not.
    from symusic import Score

    try:
        score: Any = Score.from_midi(smf.join(sound.tracks))
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).removeprefix("MiniMidi: ").splitlines()[0]
        raise ScoreError(f"{name}: damaged MIDI file ({reason}); export it again") from error
    remarks: list[str] = []
    if sound.endless:
        remarks.append(f"notes without an end left out: {sound.endless} of {sound.begun}")
    resolution = score.ticks_per_quarter
    sounding = [_Track(track, track.notes.numpy()) for track in score.tracks if len(track.notes)]
    pitched = _pitched(sounding, name, remarks)
    start, duration, pitch, velocity = (
        np.concatenate([notes[kind] for _, notes in pitched]).astype(np.int64)
        for kind in ("time", "duration", "pitch", "velocity")
    )
    total = sum(len(notes["time"]) for _, notes in sounding)
    if total != sound.begun - sound.endless or min(start.min(), duration.min()) < 0:
        raise ScoreError(f"{name}: damaged MIDI file (notes get lost in it); export it again")
    shift = 0 if notated else _judge_timing(start, resolution, remarks)
    counts = [len(notes["time"]) for _, notes in pitched]
    controls = [track.controls.numpy() for track, _ in pitched]
    if pedal:
        bounds = np.cumsum([0, *counts])
        for moved, first, last in zip(controls, bounds, bounds[1:], strict=False):
            own = slice(first, last)
            duration[own] = pedalled(start[own], duration[own], pitch[own], moved)
    columns = Columns(
        snap(np.maximum(start - shift, 0), resolution),
        snap_durations(duration, resolution),
        pitch,
        velocity,
        np.repeat(np.arange(len(counts)), counts),
        _frame(
            score,
            [Part(track.name, track.program) for track, _ in pitched],
            [] if pedal else pedalling(controls, resolution, shift),
            shift,
            remarks,
        ),
    )
    _check_length(columns, name)
    return columns, tuple(remarks)


def _pitched(sounding: list[_Track], name: str, remarks: list[str]) -> list[_Track]:
    if not sounding:
        raise ScoreError(f"{name}: no notes on any track; export it as notes, not audio")
    drums = [each for each in sounding if each.track.is_drum]
    pitched = [each for each in sounding if not each.track.is_drum]
    if not pitched:
        raise ScoreError(f"{name}: only drums, no pitched notes; add a track with a melody")
    if drums:
        counts = ", ".join(
            f"{len(notes['time'])} notes on track {track.name!r}" for track, notes in drums
        )
        remarks.append(f"drums left out: {counts}")
    return pitched


def _judge_timing(onsets: NDArray[np.int64], resolution: int, remarks: list[str]) -> int:
    """Return by how many source ticks everything stands too late; remark on what has no grid."""
    stray = off_grid(onsets, resolution)
    if stray <= LIVE_PLAYED:
        return 0
    shift = late_by(onsets, resolution)
    if shift:
        remarks.append(
            f"everything stood {abs(shift)}/{resolution} of a quarter "
            f"{'late' if shift > 0 else 'early'} (a grace note can do that): moved to the grid"
        )
    else:
        remarks.append(
            f"timing looks live-played: {stray:.0%} of the onsets are off the grid; "
            "quantise it in your DAW for better results"
        )
    return shift


def _frame(
    score: Any, parts: list[Part], pedals: list[Pedal], shift: int, remarks: list[str]
) -> Piece:
    """Return the piece without its notes: parts, metres, tempos, keys and pedals."""

    def ticks(events: Any) -> Iterator[tuple[int, Any]]:
        """Yield the events in order of time, each with its tick."""
        if not len(events):
            return iter(())
        ordered = sorted(events, key=lambda event: int(event.time))
        times = np.array([event.time for event in ordered], np.int64)
        snapped = snap(np.maximum(times - shift, 0), score.ticks_per_quarter)
        return zip(snapped.tolist(), ordered, strict=True)

    meters = [
        Meter(tick, event.numerator, event.denominator)
        for tick, event in ticks(score.time_signatures)
    ]
    odd = [meter for meter in meters if not _is_whole(meter)]
    if odd:
        names = ", ".join(sorted({str(meter) for meter in odd}))
        remarks.append(f"metre left out: {names} has no bar in whole ticks; the notes are kept")
    tempos = [Tempo(tick, event.mspq) for tick, event in ticks(score.tempos)]
    absurd = [tempo for tempo in tempos if tempo.microseconds < FASTEST]
    if absurd:
        remarks.append(
            f"tempo left out: {absurd[0].microseconds} microseconds per quarter are none; "
            "the notes are kept"
        )
    return Piece.of(
        (),
        parts=parts,
        meters=[meter for meter in meters if _is_whole(meter)],
        tempos=[tempo for tempo in tempos if tempo.microseconds >= FASTEST],
        keys=[
            Key(tick, event.key, event.tonality == 1)
            for tick, event in ticks(score.key_signatures)
            if -7 <= event.key <= 7
        ],
        pedals=pedals,
    )


def _is_whole(meter: Meter) -> bool:
    return (
        meter.numerator > 0
        and meter.denominator > 0
        and 4 * TICKS_PER_QUARTER * meter.numerator % meter.denominator == 0
    )


def _check_length(columns: Columns, name: str) -> None:
    seconds = columns.frame.seconds(columns.end)
    if seconds > MAX_SECONDS:
        raise ScoreError(
            f"{name}: lasts {seconds / 3600:.1f} hours, more than {MAX_SECONDS // 3600}; "
            "cut it into single pieces in your DAW"
        )


def _part_track(part: Part, channel: int, notes: Sequence[Note], pedals: Sequence[Pedal]) -> bytes:
    if not 0 <= part.program <= 127:
        raise ScoreError(f"part {part.name!r}: program {part.program} is not 0 to 127; change it")
    events = list(_pedal_events(pedals, channel))
    for note in notes:
        if not (
            0 <= note.pitch <= 127
            and 1 <= note.velocity <= 127
            and note.start >= 0
            and note.duration > 0
        ):
            raise ScoreError(f"part {part.name!r}: MIDI has no room for {note}; change it")
        events.append((note.start, 3, bytes((0x90 | channel, note.pitch, note.velocity))))
        events.append((note.end, 0, bytes((0x80 | channel, note.pitch, 64))))
    # A note ends before the pedal goes down and before the next one of its pitch starts, and what
    # the pedal lets go ends before a note starts. Sorting is stable, so that of two notes of one
    # pitch from one tick the shorter comes first, and is the first to end.
    events.sort(key=lambda event: event[:2])
    name = [(0, smf.meta(0x03, part.name.encode()))] if part.name else []
    program = (0, bytes((0xC0 | channel, part.program)))
    return smf.track_bytes(
        [*name, program, *((tick * _SCALE, message) for tick, _, message in events)]
    )


def _pedal_events(pedals: Sequence[Pedal], channel: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the tick, the place within the tick and the message of each move of the pedal."""
    up, down = (bytes((0xB0 | channel, SUSTAIN, value)) for value in (0, 127))
    is_down = False
    for pedal in pedals:
        if is_down or not pedal.down:
            yield pedal.tick, 1, up
        if pedal.down:
            yield pedal.tick, 2, down
        is_down = pedal.down


def _tempo_event(tempo: Tempo) -> bytes:
    if not 0 < tempo.microseconds < 1 << 24:
        raise ScoreError(f"MIDI has no room for {tempo.microseconds} microseconds per quarter")
    return smf.meta(0x51, tempo.microseconds.to_bytes(3, "big"))


def _meter_event(meter: Meter) -> bytes:
    power = meter.denominator.bit_length() - 1
    if meter.denominator != 1 << max(power, 0) or not 0 < meter.numerator < 256:
        raise ScoreError(f"MIDI has no room for the metre {meter}; write it in halves of a whole")
    clocks = max(1, min(255, 96 // meter.denominator))  # MIDI clocks, 24 a quarter, for each click
    return smf.meta(0x58, bytes((meter.numerator, power, clocks, 8)))


def _key_event(key: Key) -> bytes:
    if not -7 <= key.fifths <= 7:
        raise ScoreError(f"MIDI has no room for {key.fifths} sharps; spell the key enharmonically")
    return smf.meta(0x59, bytes((key.fifths & 0xFF, key.minor)))
