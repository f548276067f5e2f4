"""MIDI bytes <-> Piece, by symusic one way and by hand the other.

Surprising decision: hocket writes its own MIDI files. symusic's writer puts tempo and metre into
the first part's track and has no place for a title; here a track of their own comes first, and
reading back what was written gives the same piece, exactly, if it stands on the hybrid grid.

Sources: Standard MIDI Files 1.0 (RP-001) and the General MIDI sound set (program numbers).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ScoreError
from hocket.music.grid import LIVE_PLAYED, late_by, off_grid, snap, snap_durations
from hocket.music.piece import TICKS_PER_QUARTER, Key, Meter, Note, Part, Piece, Tempo
from hocket.scores import smf
from hocket.scores.pedal import pedalled

MAX_BYTES = 16 * 2**20
MAX_NOTES = 200_000
MAX_SECONDS = 2 * 60 * 60
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
    hybrid grid; a note never gets shorter than 2 ticks. With `pedal` the sustain pedal lengthens
    notes to its release, or to the next onset of the same pitch in the part. A file that looks
    live-played has a remark, unless it is `notated` for certain. Raises ScoreError, with `name` in
    front, where there are no pitched notes or the file is damaged or too large.
    """
    # Here, not above: loading symusic takes time that `hocket --help` should not.
    from symusic import Score

    if len(data) > MAX_BYTES:
        raise ScoreError(f"{name}: larger than {MAX_BYTES // 2**20} MiB; give a single piece")
    tracks = smf.split(data, name)
    try:
        score: Any = Score.from_midi(smf.join(tracks))
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).removeprefix("MiniMidi: ").splitlines()[0]
        raise ScoreError(f"{name}: damaged MIDI file ({reason}); export it again") from error
    remarks: list[str] = []
    pitched = _pitched_tracks(score, name, remarks)
    presses = sum(len(track.pedals) for track in score.tracks)
    if presses and not pedal:
        remarks.append(f"sustain pedal left out ({presses} presses): notes end with their key")
    shift = 0 if notated else _judge_timing(score, pitched, remarks)
    piece = _piece(score, pitched, shift, pedal, remarks)
    title = smf.sequence_name(tracks)
    if title.strip().lower() not in _NO_TITLES:
        piece = replace(piece, title=title)
    _check_length(piece, name)
    return piece, tuple(remarks)


def midi_bytes(piece: Piece) -> bytes:
    """Return the piece as MIDI, format 1 at 480 ticks per quarter; the same bytes each time.

    Its first track holds title, tempo, metre and key; each part follows as a track on a channel of
    its own, shared beyond 15 parts. Within a part, notes of one pitch end in the order in which
    they start: MIDI cannot say otherwise. Raises ScoreError for values that MIDI has no room for.
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
        chunks.append(_part_track(part, _CHANNELS[index % len(_CHANNELS)], notes))
    for note in piece.notes:
        if not 0 <= note.part < len(piece.parts):
            raise ScoreError(f"{note} is in no part: there are {len(piece.parts)}; add its Part")
    return smf.join(smf.Tracks(1, WRITTEN_TICKS_PER_QUARTER, tuple(chunks)))


def _pitched_tracks(score: Any, name: str, remarks: list[str]) -> list[Any]:
    sounding = [track for track in score.tracks if len(track.notes)]
    if not sounding:
        raise ScoreError(f"{name}: no notes on any track; export it as notes, not audio")
    count = sum(len(track.notes) for track in sounding)
    if count > MAX_NOTES:
        raise ScoreError(f"{name}: {count} notes, more than {MAX_NOTES}; give a single piece")
    drums = [track for track in sounding if track.is_drum]
    pitched = [track for track in sounding if not track.is_drum]
    if not pitched:
        raise ScoreError(f"{name}: only drums, no pitched notes; add a track with a melody")
    if drums:
        counts = ", ".join(f"{len(track.notes)} notes on track {track.name!r}" for track in drums)
        remarks.append(f"drums left out: {counts}")
    if any(
        np.any(values < 0) or np.any(values > MAX_QUARTERS * score.ticks_per_quarter)
        for track in pitched
        for values in _times(track)
    ):
        raise ScoreError(
            f"{name}: longer than {MAX_QUARTERS} quarters; cut it into single pieces in your DAW"
        )
    return pitched


def _times(track: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return onsets and durations (N, N) in source ticks."""
    columns = track.notes.numpy()
    return columns["time"].astype(np.int64), columns["duration"].astype(np.int64)


def _judge_timing(score: Any, tracks: list[Any], remarks: list[str]) -> int:
    """Return by how many source ticks everything stands too late; remark on what has no grid."""
    onsets = np.concatenate([_times(track)[0] for track in tracks])
    shift = late_by(onsets, score.ticks_per_quarter)
    if shift:
        remarks.append(
            f"everything stood {abs(shift)}/{score.ticks_per_quarter} of a quarter "
            f"{'late' if shift > 0 else 'early'} (a grace note can do that): moved to the grid"
        )
    elif (stray := off_grid(onsets, score.ticks_per_quarter)) > LIVE_PLAYED:
        remarks.append(
            f"timing looks live-played: {stray:.0%} of the onsets are off the grid; "
            "quantise it in your DAW for better results"
        )
    return shift


def _piece(score: Any, tracks: list[Any], shift: int, pedal: bool, remarks: list[str]) -> Piece:
    def ticks(events: Iterable[Any]) -> list[tuple[int, Any]]:
        """Return the events in order of time, each with its tick."""
        return [
            (int(snap(np.array([max(event.time - shift, 0)]), resolution)[0]), event)
            for event in sorted(events, key=lambda event: int(event.time))
        ]

    resolution = score.ticks_per_quarter
    notes: list[Note] = []
    for index, track in enumerate(tracks):
        columns = track.notes.numpy()
        starts, durations = _times(track)
        if pedal:
            durations = pedalled(starts, durations, columns["pitch"], track.controls)
        notes.extend(
            Note(start, duration, pitch, velocity, index)
            for start, duration, pitch, velocity in zip(
                snap(np.maximum(starts - shift, 0), resolution).tolist(),
                snap_durations(durations, resolution).tolist(),
                columns["pitch"].tolist(),
                columns["velocity"].tolist(),
                strict=True,
            )
        )
    meters = [
        Meter(tick, event.numerator, event.denominator)
        for tick, event in ticks(score.time_signatures)
    ]
    odd = [meter for meter in meters if not _is_whole(meter)]
    if odd:
        names = ", ".join(sorted({str(meter) for meter in odd}))
        remarks.append(f"metre left out: {names} has no bar in whole ticks; the notes are kept")
    return Piece.of(
        notes,
        parts=[Part(track.name, track.program) for track in tracks],
        meters=[meter for meter in meters if _is_whole(meter)],
        tempos=[Tempo(tick, event.mspq) for tick, event in ticks(score.tempos) if event.mspq > 0],
        keys=[
            Key(tick, event.key, event.tonality == 1)
            for tick, event in ticks(score.key_signatures)
            if -7 <= event.key <= 7
        ],
    )


def _is_whole(meter: Meter) -> bool:
    return (
        meter.numerator > 0
        and meter.denominator > 0
        and 4 * TICKS_PER_QUARTER * meter.numerator % meter.denominator == 0
    )


def _check_length(piece: Piece, name: str) -> None:
    seconds = piece.seconds(piece.end)
    if seconds > MAX_SECONDS:
        raise ScoreError(
            f"{name}: lasts {seconds / 3600:.1f} hours, more than {MAX_SECONDS // 3600}; "
            "cut it into single pieces in your DAW"
        )


def _part_track(part: Part, channel: int, notes: list[Note]) -> bytes:
    if not 0 <= part.program <= 127:
        raise ScoreError(f"part {part.name!r}: program {part.program} is not 0 to 127; change it")
    events: list[tuple[int, int, bytes]] = []
    for note in notes:
        if not (
            0 <= note.pitch <= 127
            and 1 <= note.velocity <= 127
            and note.start >= 0
            and note.duration > 0
        ):
            raise ScoreError(f"part {part.name!r}: MIDI has no room for {note}; change it")
        events.append((note.start, 1, bytes((0x90 | channel, note.pitch, note.velocity))))
        events.append((note.end, 0, bytes((0x80 | channel, note.pitch, 64))))
    # A note ends before the next one of its pitch starts; sorting is stable, so that of two notes
    # of one pitch from one tick the shorter comes first, and is the first to end.
    events.sort(key=lambda event: event[:2])
    name = [(0, smf.meta(0x03, part.name.encode()))] if part.name else []
    program = (0, bytes((0xC0 | channel, part.program)))
    return smf.track_bytes(
        [*name, program, *((tick * _SCALE, message) for tick, _, message in events)]
    )


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
