"""What a network sees beside the last event: held against what the piece says."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from hocket.music import Meter, Note, Pedal, Piece
from hocket.tokens import FEATURES, PLACE_SIZES, VOCAB, encode, sight, simplify
from hocket.tokens.automaton import SOUNDING
from hocket.tokens.memory import NOTHING, TAPES
from hocket.tokens.vocab import LOUDNESSES, PITCHES
from pieces import pieces
from stretches import features_of


@given(pieces())
def test_features_say_what_the_piece_says(piece: Piece) -> None:
    ids, said = encode(piece), simplify(piece)
    sounding, place, _ = features_of(ids)
    now = part = 0
    loudness = dict.fromkeys(range(4), 0)
    for n, event in enumerate(ids.tolist()):
        if event in VOCAB.families["PART"]:
            part = event - VOCAB.families["PART"].start + 1
        if event in VOCAB.families["VEL"]:
            loudness[part] = event - VOCAB.families["VEL"].start + 1
        if event in VOCAB.families["DUR"]:
            now, part = now + event - VOCAB.families["DUR"].start + 1, 0
        assert tuple(place[n, 3:5]) == (part, loudness[part])
        if event not in VOCAB.families["DUR"]:
            continue
        bar = next((b for b in said.bars() if b.start <= now < b.stop), None)
        for column, own in ((0, said.notes), (88, [n for n in said.notes if n.part == 0])):
            # Before the instant's own events: what ends at its beginning still sounds.
            expected = {n.pitch for n in own if n.start < now <= n.end}
            found = np.flatnonzero(sounding[n, column : column + 88]) + PITCHES[0]
            assert set(found) == expected
        down = [pedal.down for pedal in said.pedals if pedal.tick < now]
        assert place[n, 5] == (down[-1] if down else 0)
        if bar is None or bar.start == now:  # a metre may change in this instant
            continue
        ticks = next(m.bar_ticks for m in reversed(said.meters) if m.tick <= now)
        here = now - bar.start
        assert place[n, 0] == here % 24
        assert place[n, 1] == min(here // 24, 15)
        assert place[n, 2] == min((ticks - here) // 24, 15)


@given(pieces())
def test_places_stay_inside_their_sizes(piece: Piece) -> None:
    sounding, place, recalled = features_of(encode(piece))
    assert sounding.shape[1] == SOUNDING
    assert (place >= 0).all()
    assert (place < PLACE_SIZES).all()
    assert ((recalled >= 0) & (recalled <= NOTHING)).all()
    assert ((recalled == NOTHING) == (place[:, -TAPES:] == 0)).all()


@given(pieces())
def test_all_ways_to_look_see_the_same(piece: Piece) -> None:
    ids = encode(piece).astype(np.int64)
    sounding, place, recalled = features_of(ids)
    seen = np.full((len(ids), FEATURES + 2), 7, np.float32)
    told = np.zeros((len(ids), TAPES), np.int64)
    sight.follow(sight.begin(1, len(ids)), ids, seen, told)
    assert (told == recalled).all()
    assert (seen[:, :SOUNDING] == sounding).all()
    assert (seen[:, FEATURES:] == 7).all()
    ends = np.cumsum((SOUNDING, *PLACE_SIZES))
    for part, columns in enumerate(np.split(seen[:, :FEATURES], ends[:-1], axis=1)[1:]):
        assert (columns.sum(1) == 1).all()
        assert (columns.argmax(1) == place[:, part]).all()
    walkers = sight.begin(2, len(ids))
    for event in ids[:-1]:
        sight.pass_by(walkers, 1, event)
    last = sight.room(1)
    sight.watch(walkers, 1, ids[-1], last.sounding[0], last.place[0], last.recalled[0])
    assert all((one[0] == all_[-1]).all() for one, all_ in zip(last, features_of(ids), strict=True))
    assert walkers.memory.at[0, 0] == 0


def test_parts_loudness_and_pedal_are_seen() -> None:
    piece = Piece.of(
        [Note(0, 24, 60, 96), Note(0, 48, 48, 46, 1), Note(24, 24, 62, 46)],
        meters=[Meter(0, 3, 4)],
        pedals=[Pedal(0, True), Pedal(24, False)],
    )
    ids = encode(piece)
    sounding, place, _ = features_of(ids)
    names = [VOCAB.names[i] for i in ids]
    after_part = names.index("PART 1")
    assert np.flatnonzero(sounding[after_part]).tolist() == [60 - 21]
    assert place[after_part].tolist()[:6] == [0, 0, 3, 1, 0, 1]
    bass = names.index("NOTE_ON 48")
    assert np.flatnonzero(sounding[bass]).tolist() == [48 - 21, 60 - 21, 88 + 48 - 21]
    assert place[bass, 3:6].tolist() == [1, LOUDNESSES.index(46) + 1, 1]
    later = names.index("NOTE_ON 62")
    assert place[later, :6].tolist() == [0, 1, 2, 0, LOUDNESSES.index(46) + 1, 0]
