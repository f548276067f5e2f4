"""Sound to the bytes of audio files: WAV by the standard library, the others by libsndfile.

Surprising decision: samples go to libsndfile a second at a time. A long OGG written in one call
overflows the encoder's stack and kills the process.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hocket.errors import ConfigError
from hocket.scores.files import atomic_write

if TYPE_CHECKING:
    from hocket.audio import Sound

KINDS = {"wav": "", "mp3": "MPEG_LAYER_III", "flac": "PCM_16", "ogg": "VORBIS"}
_CONTAINERS = {"mp3": "MP3", "flac": "FLAC", "ogg": "OGG"}
MP3_KBPS = range(32, 321)
USUAL_KBPS = 192
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def check_name(path: str | Path) -> str:
    """Return the kind of audio that a name asks for; raises `ConfigError` for any other."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise ConfigError(
            f"{path}: audio is written as {', '.join('.' + known for known in KINDS)}; "
            "give a name that ends so"
        )
    return kind


def write_audio(sound: Sound, path: str | Path, *, kbps: int | None = None) -> None:
    """Write a sound in the format that the suffix of `path` names, whole or not at all."""
    atomic_write(path, audio_bytes(sound, check_name(path), kbps=kbps))


def audio_bytes(sound: Sound, kind: str, *, kbps: int | None = None) -> bytes:
    """Return a sound as `wav` (16 bits), `mp3`, `flac` or `ogg`; the same for the same sound.

    `kbps` is the constant bit rate of MP3, 192 by default; below 80 it is in one channel. Raises
    `ConfigError` where the format cannot be written here.
    """
    if kind not in KINDS:
        raise ConfigError(f"{kind!r}: no such audio; there is {', '.join(KINDS)}")
    if kbps is not None and (kind != "mp3" or kbps not in MP3_KBPS):
        raise ConfigError(
            f"{kbps} kbit/s: MP3 alone has a bit rate, of {MP3_KBPS.start} to {MP3_KBPS.stop - 1}"
        )
    if kind == "wav":
        return _wav(sound)
    if kind == "mp3" and sound.rate not in MP3_RATES:
        raise ConfigError(f"MP3 at {sound.rate} samples a second is not defined; give 44100")
    samples, bit_rate = sound.samples, kbps or USUAL_KBPS
    if kind == "mp3" and bit_rate < 80:
        samples = samples.mean(axis=1, keepdims=True)
    file, more = io.BytesIO(), dict[str, Any]()
    if kind == "mp3":
        low, high = (32, 320) if sound.rate >= 32_000 else (8, 160)
        level = (high - min(bit_rate, high)) / (high - low)
        more = {"bitrate_mode": "CONSTANT", "compression_level": level}
    with _soundfile(kind).SoundFile(
        file, "w", sound.rate, samples.shape[1], KINDS[kind], format=_CONTAINERS[kind], **more
    ) as target:
        for begin in range(0, len(samples), sound.rate):
            target.write(samples[begin : begin + sound.rate])
    return _same_each_time(file.getvalue(), kind)


def _wav(sound: Sound) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(sound.samples.shape[1])
        target.setsampwidth(2)
        target.setframerate(sound.rate)
        whole = np.clip(np.rint(sound.samples * 32_767), -32_768, 32_767)
        target.writeframes(whole.astype("<i2").tobytes())
    return file.getvalue()


def _same_each_time(data: bytes, kind: str) -> bytes:
    """Give an OGG stream a number of its own, where libsndfile draws one by the clock."""
    return _renumbered(data) if kind == "ogg" else data


def _renumbered(data: bytes) -> bytes:
    """Return the pages of an OGG file with the serial number 1 and their checksums (RFC 3533)."""
    pages, at = bytearray(data), 0
    while at + 27 <= len(pages) and pages[at : at + 4] == b"OggS":
        lengths = pages[at + 27 : at + 27 + pages[at + 26]]
        end = at + 27 + len(lengths) + sum(lengths)
        pages[at + 14 : at + 18] = (1).to_bytes(4, "little")
        pages[at + 22 : at + 26] = bytes(4)
        pages[at + 22 : at + 26] = _checksum(bytes(pages[at:end])).to_bytes(4, "little")
        at = end
    return bytes(pages)


def _checksum(page: bytes) -> int:
    register = 0
    for byte in page:
        register = ((register << 8) & 0xFFFFFFFF) ^ _TABLE[(register >> 24) ^ byte]
    return register


def _row(value: int) -> int:
    register = value << 24
    for _ in range(8):
        register = ((register << 1) ^ (0x04C11DB7 if register & 0x80000000 else 0)) & 0xFFFFFFFF
    return register


_TABLE = tuple(_row(value) for value in range(256))


def _soundfile(kind: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the package is there, its library is not
        raise ConfigError(
            f"{kind} needs the package soundfile and its libsndfile ({error}); install it with "
            "`pip install soundfile`, or give a name that ends in .wav"
        ) from None
    return soundfile
