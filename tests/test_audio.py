"""Laws of sound: what is struck sounds when, at what pitch and how loud it should, and then ends."""

from __future__ import annotations

import io
import math
import tarfile
import wave
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hocket import audio
from hocket.audio import fluid, sampled, sounds, vst, writing
from hocket.audio.loudness import TARGET_LUFS, loudness, normalised, true_peak
from hocket.audio.performance import MOST_PEDAL_SECONDS, MOST_SECONDS, performance, seconds
from hocket.audio.piano import LAST_DAMPER, level, play
from hocket.errors import ConfigError, ScoreError
from hocket.music import Note, Part, Pedal, Piece, Tempo
from hocket.scores.midi import midi_bytes, read_midi
from pieces import pieces

RATE = 22_050


def one(
    pitch: int, velocity: int = 80, duration: int = 48, pedals: tuple[Pedal, ...] = ()
) -> Piece:
    return Piece.of([Note(0, duration, pitch, velocity)], pedals=pedals)


def dry(piece: Piece, rate: int = RATE) -> NDArray[np.float32]:
    return play(performance(piece), rate)


def level_db(sound: NDArray[np.float32], begin: float, end: float, rate: int = RATE) -> float:
    part = sound[int(begin * rate) : int(end * rate)].astype(np.float64)
    return 10 * math.log10(float((part**2).mean()) + 1e-20)


# When


@given(pieces().filter(lambda piece: bool(piece.notes)))
@settings(max_examples=60)
def test_strokes_are_where_the_piece_says(piece: Piece) -> None:
    strokes = performance(piece)
    # notes of one pitch that begin at once, in two parts, are one stroke: there is one string
    expected = sorted({(piece.seconds(note.start), note.pitch) for note in piece.notes})
    np.testing.assert_allclose(strokes.start, [start for start, _ in expected], atol=1e-9)
    assert strokes.pitch.tolist() == [pitch for _, pitch in expected]
    assert (strokes.end > strokes.start).all()


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(100_000, 2_000_000)), max_size=6))
def test_seconds_are_those_of_the_piece(changes: list[tuple[int, int]]) -> None:
    piece = Piece.of([Note(0, 600, 60)], tempos=[Tempo(*change) for change in changes])
    ticks = np.arange(0, 620, 7)
    np.testing.assert_allclose(seconds(piece, ticks), [piece.seconds(t) for t in ticks.tolist()])


def test_the_pedal_holds_until_it_is_lifted() -> None:
    pedals = (Pedal(0, True), Pedal(96, False))
    held = performance(one(60, duration=24, pedals=pedals))
    assert held.end[0] == pytest.approx(2.0)
    again = performance(one(60, duration=24, pedals=(Pedal(0, True), Pedal(72, True))))
    assert again.end[0] == pytest.approx(1.5)
    assert performance(one(60, duration=24)).end[0] == pytest.approx(0.5)
    before = performance(one(60, duration=24, pedals=(Pedal(24, True), Pedal(96, False))))
    assert before.end[0] == pytest.approx(0.5)


def test_a_string_that_is_struck_again_ends() -> None:
    piece = Piece.of([Note(0, 24, 60), Note(48, 24, 60)], pedals=[Pedal(0, True), Pedal(96, False)])
    assert performance(piece).end.tolist() == pytest.approx([1.0, 2.0])


def test_a_pitch_struck_by_two_parts_at_once_is_one_stroke_that_lasts_as_the_longer() -> None:
    """SoundFonts and samplers end all notes of a key at once, the longer one with the shorter."""
    notes = [Note(0, 12, 60, 90, 0), Note(0, 96, 60, 70, 1), Note(0, 12, 64, 50, 0)]
    strokes = performance(Piece.of(notes, parts=[Part("a"), Part("b")]))
    assert strokes.pitch.tolist() == [60, 64]
    assert strokes.velocity.tolist() == [90, 50]
    assert strokes.end.tolist() == pytest.approx([2.0, 0.25])
    again = performance(Piece.of([*notes, Note(24, 24, 60)], parts=[Part("a"), Part("b")]))
    assert again.end.tolist() == pytest.approx([0.5, 0.25, 1.0])


def test_a_pedal_that_is_lifted_late_holds_no_longer_than_strings_ring() -> None:
    """A file may lift it months later; what has died away is not waited for."""
    late = (Pedal(0, True), Pedal(2**28, False))
    assert performance(one(60, duration=24, pedals=late)).end[0] == 0.5 + MOST_PEDAL_SECONDS
    sound = audio.render(one(60, duration=24, pedals=late), engine="embedded", rate=RATE)
    assert sound.seconds < 0.5 + MOST_PEDAL_SECONDS


@pytest.mark.parametrize("start", [0, 24, 96, 333])
def test_an_onset_is_heard_where_it_is_written(start: int) -> None:
    sound = dry(Piece.of([Note(start, 48, 60, 100)], tempos=[Tempo(0, 431_000)]))
    loud = np.abs(sound).max(axis=1)
    heard = int(np.argmax(loud > 0.05 * loud.max())) / RATE
    assert heard == pytest.approx(start * 0.431 / 24, abs=0.005)


# What


@pytest.mark.parametrize("pitch", range(21, 109, 6))
def test_a_string_has_its_pitch(pitch: int) -> None:
    """The fundamental, to three cents of equal temperament; five where a cent is a fiftieth of a Hz."""
    rate, expected = 44_100, 440 * 2 ** ((pitch - 69) / 12)
    sound = dry(one(pitch, duration=240), rate).mean(axis=1)[rate // 2 : 4 * rate]
    size = 2**20
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    near = np.arange(int(expected * 0.97 * size / rate), int(expected * 1.03 * size / rate))
    found = near[spectrum[near].argmax()] * rate / size
    assert 1200 * abs(math.log2(found / expected)) < (3 if pitch > 30 else 5)


@pytest.mark.parametrize(("pitch", "rate"), [(0, 8_000), (108, 8_000), (127, 8_000), (127, 44_100)])
def test_the_outermost_pitches_of_midi_are_played(pitch: int, rate: int) -> None:
    """At a low rate nothing is left of the highest strings but the hammer."""
    sound = audio.render(one(pitch), engine="embedded", rate=rate).samples
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() > 0.01


def test_strings_are_evenly_loud() -> None:
    levels = [level_db(dry(one(pitch)), 0, 0.3) for pitch in range(28, 100, 6)]
    assert max(levels) - min(levels) < 7


def test_harder_is_louder_and_brighter() -> None:
    def centroid(velocity: int) -> float:
        sound = dry(one(60, velocity)).mean(axis=1)[: RATE // 2]
        spectrum = np.abs(np.fft.rfft(sound)) ** 2
        return float((spectrum * np.arange(len(spectrum))).sum() / spectrum.sum())

    soft, middle, hard = (centroid(velocity) for velocity in (20, 70, 120))
    assert 1.1 * soft < middle
    assert 1.05 * middle < hard
    loud = [level_db(dry(one(60, velocity)), 0, 0.3) for velocity in (20, 70, 120)]
    assert loud[0] + 8 < loud[1]
    assert loud[1] + 8 < loud[2]
    assert level(127) == 1


def test_strings_die_away_low_ones_slower_and_dampers_end_them() -> None:
    low, high = (dry(one(pitch, duration=480)) for pitch in (36, 84))
    for sound in (low, high):
        assert level_db(sound, 2, 2.2) < level_db(sound, 0, 0.2) - 6
    assert level_db(low, 3, 3.2) > level_db(high, 3, 3.2) + 6
    damped = dry(one(60, duration=24))
    assert level_db(damped, 1.2, 1.4) < level_db(damped, 0.3, 0.5) - 40
    free = dry(one(LAST_DAMPER + 4, duration=3))
    ended = dry(one(LAST_DAMPER, duration=3))
    assert level_db(free, 0.6, 0.7) > level_db(ended, 0.6, 0.7) + 20


def test_two_ears_hear_two_things() -> None:
    sound = dry(Piece.of([Note(0, 48, 40), Note(0, 48, 90)]))
    left, right = sound.T
    assert 0.2 < float(np.corrcoef(left, right)[0, 1]) < 0.98


# A whole rendering


@pytest.mark.parametrize("room", audio.ROOMS)
def test_a_rendering_is_loud_enough_whole_and_silent_at_its_end(
    themes: list[Piece], room: str
) -> None:
    sound = audio.render(themes[1], engine="embedded", room=room, rate=RATE)
    assert np.isfinite(sound.samples).all()
    assert loudness(sound.samples, RATE) == pytest.approx(TARGET_LUFS, abs=1.0)
    assert true_peak(sound.samples) <= -1.0
    assert sound.seconds > themes[1].seconds(themes[1].end)
    assert float(np.abs(sound.samples[-1]).max()) < 1e-6
    assert level_db(sound.samples, sound.seconds - 0.05, sound.seconds) < -70


def test_the_same_piece_gives_the_same_bytes(themes: list[Piece]) -> None:
    one, two = (audio.render(themes[0], engine="embedded", rate=RATE) for _ in range(2))
    for kind in writing.KINDS:
        data = audio.audio_bytes(one, kind)
        assert data == audio.audio_bytes(two, kind)
        assert len(data) > 10_000


def test_a_room_adds_a_tail() -> None:
    ends = [
        audio.render(one(72, duration=6), engine="embedded", room=room, rate=RATE).seconds
        for room in ("none", "studio", "hall")
    ]
    assert ends[0] < ends[1] < ends[2]


def test_what_is_read_from_a_file_sounds_alike(themes: list[Piece]) -> None:
    saved = read_midi(midi_bytes(themes[0]), "x.mid", pedal=False, notated=True)[0]
    there, here = (dry(piece) for piece in (themes[0], saved))
    np.testing.assert_array_equal(there, here)


# Loudness


def test_loudness_of_a_known_tone() -> None:
    """A sine of 997 Hz at full scale in one ear is -3.01 LUFS (ITU-R BS.1770-4, annex 1)."""
    for rate in (44_100, 48_000):
        tone = np.zeros((3 * rate, 2), np.float32)
        tone[:, 0] = np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate)
        assert loudness(tone, rate) == pytest.approx(-3.01, abs=0.02)
        assert loudness(tone * np.float32(0.1), rate) == pytest.approx(-23.01, abs=0.02)


def test_low_tones_count_less() -> None:
    times = np.arange(3 * 48_000) / 48_000
    low, high = (
        np.stack([np.sin(2 * np.pi * hertz * times)] * 2, axis=1).astype(np.float32)
        for hertz in (40, 3000)
    )
    assert loudness(low, 48_000) < loudness(high, 48_000) - 6


def test_a_peak_between_samples_is_found() -> None:
    """A sine of a quarter of the rate, sampled beside its peaks, is 3 dB higher than its samples."""
    tone = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4).astype(np.float32)
    both = np.stack([tone, tone], axis=1)
    assert true_peak(both) == pytest.approx(0.0, abs=0.15)
    assert np.abs(both).max() == pytest.approx(0.707, abs=0.001)


def test_silence_stays_silent() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    assert loudness(silence, RATE) == -math.inf
    np.testing.assert_array_equal(normalised(silence, RATE), silence)


@given(st.integers(0, 1000), st.floats(-50, 0))
@settings(max_examples=15)
def test_normalised_sound_keeps_below_the_ceiling(rng: int, decibels: float) -> None:
    """Clicks over noise: far more peaky than any music."""
    random = np.random.default_rng(rng)
    sound = random.standard_normal((2 * RATE, 2)) * 0.02
    sound[random.integers(0, len(sound), 20)] += random.uniform(-1, 1, (20, 2))
    sound *= 10 ** (decibels / 20)
    assert true_peak(normalised(sound.astype(np.float32), RATE)) <= -1.0


# Files


def test_a_wav_holds_the_samples(tmp_path: Path, themes: list[Piece]) -> None:
    sound = audio.render(themes[0], engine="embedded", room="none", rate=RATE)
    audio.write_audio(sound, tmp_path / "x.wav")
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 2)
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    np.testing.assert_allclose(data / 32_767, sound.samples, atol=2e-5)


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3"])
def test_compressed_audio_sounds_like_the_sound(kind: str, themes: list[Piece]) -> None:
    soundfile: ModuleType = pytest.importorskip("soundfile")
    sound = audio.render(themes[0], engine="embedded")
    data, rate = soundfile.read(io.BytesIO(audio.audio_bytes(sound, kind)), always_2d=True)
    assert rate == sound.rate
    assert len(data) / rate == pytest.approx(sound.seconds, abs=0.1)
    at = int(np.argmax(np.correlate(data[:20_000, 0], sound.samples[2_000:12_000, 0], "valid")))
    begin = max(at - 2_000, 0)
    length = min(len(data) - begin, len(sound.samples))
    likeness = np.corrcoef(data[begin : begin + length, 0], sound.samples[:length, 0])[0, 1]
    assert likeness > 0.98


def test_bit_rates_choose_the_size(themes: list[Piece]) -> None:
    sound = audio.render(themes[0], engine="embedded")
    for kbps in (48, 64, 96, 192):
        size = len(audio.audio_bytes(sound, "mp3", kbps=kbps))
        assert size * 8 / 1000 / sound.seconds == pytest.approx(kbps, rel=0.05)


def test_without_libsndfile_a_wav_is_written_and_others_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "soundfile", None)
    sound = audio.render(one(60), engine="embedded", rate=RATE)
    assert audio.audio_bytes(sound, "wav").startswith(b"RIFF")
    with pytest.raises(ConfigError, match="pip install soundfile"):
        audio.audio_bytes(sound, "ogg")


# Refusals


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"engine": "organ"}, "engine 'organ': there is none"),
        ({"room": "cave"}, "room 'cave': there is none"),
        ({"rate": 1}, "1 samples a second; give 8000 to 96000"),
        ({"engine": "fluidsynth", "instrument": "x.vst3"}, "played by vst, not by fluidsynth"),
        ({"soundfont": "x.sf2", "instrument": "x.vst3"}, "choose one"),
        ({"engine": "embedded", "soundfont": "x.sf2"}, "played by fluidsynth, not by embedded"),
    ],
)
def test_what_cannot_play_is_refused(knobs: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        audio.render(one(60), **knobs)  # type: ignore[arg-type]


def test_an_engine_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOCKET_SOUNDS", str(tmp_path))
    for module, name in ((sampled, "sfizz"), (fluid, "fluidsynth"), (vst, "vst")):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        with pytest.raises(ConfigError, match=rf"engine {name}: .*hocket\[{name}\]"):
            audio.render(one(60), engine=name)
    assert "embedded" in audio.render(one(60), rate=RATE).engine
    assert audio.engines()["embedded"] == ""


def test_a_bomb_is_refused_before_it_is_played() -> None:
    slow = Piece.of([Note(0, 2**28, 60)], tempos=[Tempo(0, 16_777_215)])
    with pytest.raises(ScoreError, match=r"lasts .* s; at most 1,200 are played"):
        audio.render(slow)
    many = Piece.of([Note(i, 1, 60) for i in range(200_001)], tempos=[Tempo(0, 1000)])
    with pytest.raises(ScoreError, match="200,001 notes"):
        audio.render(many)
    with pytest.raises(ScoreError, match="no notes to play"):
        audio.render(replace(one(60), notes=()))
    assert MOST_SECONDS == 1200


@pytest.mark.parametrize("name", ["x.aac", "x", ".mp3x"])
def test_another_kind_of_file_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"audio is written as \.wav, \.mp3, \.flac, \.ogg"):
        audio.check_name(name)


# The other engines


def test_an_archive_that_is_not_the_samples_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(ConfigError, match="its sha512 differs"):
        sounds.install(archive, tmp_path / "sounds")
    assert not (tmp_path / "sounds").exists()


def test_samples_are_mapped_to_all_keys() -> None:
    text = sampled.sfz()
    ranges = [
        (int(line.split("lokey=")[1].split()[0]), int(line.split("hikey=")[1].split()[0]))
        for line in text.splitlines()
        if line.startswith("<region>")
    ]
    assert [key for low, high in ranges for key in range(low, high + 1)] == list(range(128))
    assert "hint_ram_based=1" in text


def test_sfizz_plays_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With sines in place of the piano's samples: the right pitch at the right time."""
    pytest.importorskip("pysfizz", reason="the extra hocket[sfizz] is not installed")
    soundfile: ModuleType = pytest.importorskip("soundfile")
    times = np.arange(2 * RATE) / RATE
    for pitch in sampled.samples().values():
        tone = 0.5 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * times)
        soundfile.write(tmp_path / f"{pitch}.ogg", tone, RATE)
    (tmp_path / sampled.SFZ_FILE).write_text(sampled.sfz(), encoding="utf-8")
    monkeypatch.setenv("HOCKET_SOUNDS", str(tmp_path))
    piece = Piece.of([Note(48, 24, 70, 100)])
    sound = audio.render(piece, room="none", rate=RATE)
    assert "sfizz" in sound.engine
    assert "Alexander Holm" in sound.credit
    loud = np.abs(sound.samples).max(axis=1)
    assert int(np.argmax(loud > 0.1 * loud.max())) / RATE == pytest.approx(1.0, abs=0.02)
    part = sound.samples[int(1.1 * RATE) : int(1.4 * RATE), 0]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 2**18))
    found = spectrum.argmax() * RATE / 2**18
    assert abs(1200 * math.log2(found / (440 * 2 ** (1 / 12)))) < 10


def test_a_file_that_is_no_soundfont_is_refused(tmp_path: Path) -> None:
    if fluid.missing():
        pytest.skip(f"FluidSynth: {fluid.missing()}")
    fake = tmp_path / "x.sf2"
    fake.write_bytes(b"RIFF0000sfbk")
    with pytest.raises(ConfigError, match="FluidSynth cannot load it"):
        audio.render(one(60), soundfont=fake)
    with pytest.raises(ConfigError, match="no such file"):
        audio.render(one(60), soundfont=tmp_path / "no.sf2")


def test_effects_are_heard() -> None:
    """With what plugins the machine has; Debian's zam-plugins, say."""
    if vst.missing():
        pytest.skip("the extra hocket[vst] is not installed")
    home = Path("/usr/lib/vst3")
    known = [home / f"{name}.vst3" for name in ("ZamEQ2", "ZamTube")]  # for two ears, and for one
    if not all(file.exists() for file in known):
        pytest.skip("no VST3 plugins here that the test knows")
    plain = audio.render(one(60), engine="embedded", room="none")
    for file in known:
        through = audio.render(one(60), engine="embedded", room="none", effects=[file])
        assert file.stem in through.engine
        assert true_peak(through.samples) <= -1.0
        assert loudness(through.samples, 44_100) == pytest.approx(TARGET_LUFS, abs=1.5)
        length = min(len(plain.samples), len(through.samples))
        assert not np.array_equal(plain.samples[:length], through.samples[:length])
    with pytest.raises(ConfigError, match="an effect, no instrument"):
        audio.render(one(60), instrument=known[0])


def test_a_file_that_is_no_plugin_is_refused(tmp_path: Path) -> None:
    if vst.missing():
        pytest.skip("the extra hocket[vst] is not installed")
    fake = tmp_path / "x.vst3"
    fake.write_bytes(b"no plugin")
    with pytest.raises(ConfigError, match="cannot be loaded as a VST3 plugin"):
        audio.render(one(60), instrument=fake)
    with pytest.raises(ConfigError, match="cannot be loaded as a VST3 plugin"):
        audio.render(one(60), effects=[fake], engine="embedded")
