"""The API does what the commands do, to the byte, and what it began survives kills of the server."""

from __future__ import annotations

import io
import json
import random
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hocket
from conftest import files
from hocket.model.theme import load
from hocket.scores.midi import midi_bytes
from studio.served import FEW, SMALL, Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    studio = Served(tmp_path_factory.mktemp("studio"))
    yield studio
    studio.close()


@pytest.fixture(scope="module")
def fused(served: Served, theme_files: list[Path]) -> tuple[str, str]:
    """A project, and its fusion, made in one go."""
    project = served.project(*theme_files)
    job = served.post(f"/projects/{project}/fuse", SMALL | FEW)["id"]
    served.ended(job)
    return project, job


def main(words: list[str]) -> int:
    """Run a command as its user does, in a process of its own."""
    return subprocess.run([sys.executable, "-m", "hocket", *words], capture_output=True).returncode


def options(knobs: dict[str, Any]) -> list[str]:
    return [word for k, v in knobs.items() for word in (f"--{k.replace('_', '-')}", str(v))]


def test_a_fusion_is_the_commands_to_the_byte(
    served: Served, fused: tuple[str, str], theme_files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["fuse", *map(str, theme_files), "-o", str(out), *options(SMALL | FEW)]
    assert main(words) == 0
    ours, theirs = files(served.data / "fusions" / fused[1] / "run"), files(out)
    # learning leaves its curve and its last checkpoint in the run only where it was done there
    learning = {"loss-A.png", "loss-B.png", "training.safetensors"}
    assert set(ours) == set(theirs) - learning
    assert {name for name in ours if ours[name] != theirs[name]} == set()


def test_downloads_are_the_commands_to_the_byte(
    served: Served, fused: tuple[str, str], tmp_path: Path
) -> None:
    run = served.data / "fusions" / fused[1] / "run"
    take, themes = str(run / "take-01.mid"), [str(run / "themes" / f"{x}.theme") for x in "AB"]
    out = tmp_path / "take-01"
    assert main(["render", take, "-o", f"{out}.mp3"]) == 0
    assert main(["engrave", take, "-o", f"{out}.musicxml"]) == 0
    for kind in ("svg", "pdf"):
        assert main(["engrave", take, "-o", f"{out}.{kind}", "--against", *themes]) == 0
    (tmp_path / "take-01.mid").write_bytes(Path(take).read_bytes())
    for kind in ("mid", "musicxml", "mp3", "svg", "pdf"):
        got = served.client.get(f"/api/fusions/{fused[1]}/takes/1/file/{kind}")
        assert got.content == Path(f"{out}.{kind}").read_bytes(), kind
        assert got.headers["content-disposition"] == f'attachment; filename="take-01.{kind}"'
    whole = served.client.get(f"/api/fusions/{fused[1]}/zip")
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        names = set(archive.namelist())
        assert archive.read("take-01.mid") == Path(take).read_bytes()
    kinds = {f"take-0{n}.{k}" for n in (1, 2) for k in ("mid", "musicxml", "mp3", "svg", "pdf")}
    assert names == kinds | {"index.html", "report.json"}
    page = served.client.get(f"/api/fusions/{fused[1]}/page")
    assert page.content == (run / "index.html").read_bytes()
    assert page.headers["content-disposition"].startswith("attachment")


def test_a_project_tells_all_there_is(served: Served, fused: tuple[str, str]) -> None:
    told = served.get(f"/projects/{fused[0]}")
    assert [theme["letter"] for theme in told["themes"]] == ["A", "B"]
    assert all(theme["learned"] for theme in told["themes"])
    assert (told["themes"][1]["metre"], told["themes"][1]["key"]) == ("3/4", "G minor")
    job = told["jobs"][0]
    assert job["page"]
    assert all(len(curve) == 4 for curve in job["progress"]["curves"].values())
    assert [take["number"] for take in job["takes"]] == [1, 2]
    assert job["takes"][0]["recipe"].startswith("hocket fuse walk.mid turn.mid -o out")
    shown = served.get(f"/fusions/{fused[1]}/takes/1/shown")
    piece = hocket.read(served.data / "fusions" / fused[1] / "run" / "take-01.mid")
    assert [note[2] for note in shown["notes"]] == [note.pitch for note in piece.notes]
    reasons = served.get(f"/fusions/{fused[1]}/takes/1/why?bar=1")["reasons"]
    assert reasons[0]["note"]["what"]
    assert served.get(f"/fusions/{fused[1]}/takes/1/score")[0].startswith("<svg")


def test_trimming_is_cut(
    served: Served, theme_files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = served.project(*theme_files)
    theme = served.get(f"/projects/{project}")["themes"][0]["id"]
    answer = served.client.patch(f"/api/themes/{theme}", json={"bars": "1-5"})
    assert answer.json()["bars"] == 5
    job = served.post(f"/projects/{project}/fuse", SMALL | FEW)["id"]
    served.ended(job)
    take = served.get(f"/projects/{project}")["jobs"][0]["takes"][0]
    cut, fuse = take["recipe"].split(" && ")
    for file in theme_files:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(cut)[1:]) == 0
    assert main(shlex.split(fuse)[1:]) == 0
    run = served.data / "fusions" / job / "run"
    assert (tmp_path / "out" / "take-01.mid").read_bytes() == (run / "take-01.mid").read_bytes()
    assert served.client.patch(f"/api/themes/{theme}", json={"bars": "9-99"}).status_code == 400
    assert served.client.patch(f"/api/themes/{theme}", json={"bars": ""}).json()["bars"] == 8


def test_every_kind_of_score_is_read(served: Served, themes: list[Any]) -> None:
    from hocket.notation import musicxml
    from hocket.page.contents import _mxl
    from hocket.sources import demo_themes

    project = served.project()
    abc = demo_themes()["satie-gymnopedie-1"].read_bytes()
    served.upload(project, "satie.abc", abc)
    served.upload(project, "walk.musicxml", musicxml(themes[0]))
    served.upload(project, "turn.mxl", _mxl(themes[1], "turn"))
    served.upload(project, "no suffix", midi_bytes(hocket.cut("demo:elise", bars="1-9")))
    told = served.get(f"/projects/{project}")["themes"]
    assert [theme["metre"] for theme in told] == ["3/4", "4/4", "3/4", "3/8"]
    assert all(theme["remarks"] == [] or theme["remarks"][0] for theme in told)


def test_deleting_a_project_stops_its_jobs(served: Served, theme_files: list[Path]) -> None:
    project = served.project(*theme_files)
    job = served.post(f"/projects/{project}/learn", {"max_steps": 2000, "check_every": 1000})["id"]
    served.client.delete(f"/api/projects/{project}")
    served.ended(job, "stopped")


def test_seeds_can_be_heard_and_taken(served: Served, fused: tuple[str, str]) -> None:
    job = served.post(f"/projects/{fused[0]}/seeds", SMALL | FEW)["id"]
    found = served.ended(job)["result"]["seeds"]
    assert len(found) == SMALL["seeds"]
    sound = served.client.get(f"/api/seeds/{job}/1/sound")
    assert sound.headers["content-type"] == "audio/mpeg"
    assert len(sound.content) > 5000
    fusion = served.post(f"/projects/{fused[0]}/fuse", SMALL | FEW | {"seed": found[1]["seed"]})
    served.ended(fusion["id"])
    takes = served.get(f"/projects/{fused[0]}")["jobs"][0]["takes"]
    assert {take["seed"] for take in takes} == {found[1]["seed"]}


def test_more_like_a_take_has_its_opening(served: Served, fused: tuple[str, str]) -> None:
    like = served.get(f"/projects/{fused[0]}")["jobs"][-1]["takes"][1]
    job = served.post(f"/fusions/{fused[1]}/takes/2/more")["id"]
    served.ended(job)
    made = next(j for j in served.get(f"/projects/{fused[0]}")["jobs"] if j["id"] == job)
    assert {take["seed"] for take in made["takes"]} == {like["seed"]}
    assert made["knobs"]["rng"] > 1


def test_marks_deletes_and_undo(served: Served, fused: tuple[str, str]) -> None:
    project, fusion = fused

    def take() -> dict[str, Any]:
        jobs = served.get(f"/projects/{project}")["jobs"]
        found: dict[str, Any] = next(job for job in jobs if job["id"] == fusion)["takes"][0]
        return found

    served.client.patch(f"/api/fusions/{fusion}/takes/1", json={"favourite": True})
    assert take()["favourite"]
    served.client.delete(f"/api/fusions/{fusion}/takes/1")
    assert take()["deleted"]
    served.post(f"/fusions/{fusion}/takes/1/restore")
    assert not take()["deleted"]
    served.client.delete(f"/api/projects/{project}")
    assert served.client.get(f"/api/projects/{project}").status_code == 404
    served.post(f"/projects/{project}/restore")
    assert take()["favourite"]
    served.client.patch(f"/api/projects/{project}", json={"name": "Renamed"})
    assert served.get(f"/projects/{project}")["name"] == "Renamed"


def test_what_cannot_be_is_said_in_one_line(served: Served, fused: tuple[str, str]) -> None:
    lone = served.project()
    for path, body, words in (
        (f"/projects/{lone}/fuse", {}, "add 2 more"),
        (f"/projects/{fused[0]}/fuse", {"temperature": 99}, "temperature"),
        (f"/projects/{fused[0]}/fuse", {"base": "/etc"}, "base"),
        (f"/projects/{fused[0]}/fuse", {"nothing": 1}, "nothing"),
        (f"/projects/{lone}/demo", {"demo": "../../x"}, "no demo theme"),
        ("/projects", {"name": " "}, "name"),
    ):
        answer = served.client.post(f"/api{path}", json=body)
        assert answer.status_code in (400, 422), path
        assert words in answer.json()["error"]


def test_events_tell_each_change(served: Served, fused: tuple[str, str]) -> None:
    with served.client.stream("GET", f"/api/projects/{fused[0]}/events") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines)[6:])["id"] == fused[0]
        served.client.patch(f"/api/projects/{fused[0]}", json={"name": "Again"})
        assert json.loads(next(lines)[6:])["name"] == "Again"


def test_stop_keeps_what_was_learned(served: Served, theme_files: list[Path]) -> None:
    project = served.project(*theme_files)
    long = {"max_steps": 400, "check_every": 200, "patience": 100}
    job = served.post(f"/projects/{project}/learn", long)["id"]
    while not served.job(job)["progress"].get("step"):
        time.sleep(0.1)
    served.post(f"/jobs/{job}/stop")
    stopped = served.ended(job, "stopped")
    reached = stopped["progress"]["step"]
    served.post(f"/jobs/{job}/resume")
    seen = served.job(job)
    while (step := seen["progress"].get("step", 0)) <= reached or seen["state"] != "running":
        assert seen["state"] in ("queued", "running"), seen
        time.sleep(0.05)
        seen = served.job(job)
    curve = next(iter(seen["progress"]["curves"].values()))
    assert [point[0] for point in curve] == list(range(1, step + 1))
    served.post(f"/jobs/{job}/stop")
    served.ended(job, "stopped")


def test_kills_lose_nothing(theme_files: list[Path], tmp_path: Path) -> None:
    """Twenty kills are done by benchmarks/studio/kills.py; here are some, at any moment."""
    chance, studio = random.Random(1), Served(tmp_path / "studio")
    project = studio.project(*theme_files)
    long = {"max_steps": 40, "check_every": 10, "patience": 100}
    job = studio.post(f"/projects/{project}/fuse", SMALL | long)["id"]
    for _ in range(4):
        time.sleep(chance.uniform(0.5, 4))
        studio.kill()
        studio.start()
        assert studio.get(f"/projects/{project}")["name"] == "Both"
    assert len(studio.ended(job)["result"]["takes"]) == 2
    run = studio.data / "fusions" / job / "run"
    hocket.fuse(*theme_files, out=tmp_path / "whole", **(SMALL | long))
    for name in ("take-01.mid", "take-02.mid", "report.json"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert load(run / "themes" / "A.theme").step <= 40
    studio.close()


def test_an_upload_named_like_a_demo_theme_stays_itself(
    served: Served, theme_files: list[Path]
) -> None:
    project = served.project()
    key = served.upload(project, "demo:satie-gymnopedie-1", theme_files[0].read_bytes())["id"]
    trimmed = served.client.patch(f"/api/themes/{key}", json={"bars": "1-5"}).json()
    assert (trimmed["metre"], trimmed["whole"]) == ("4/4", 8)
    assert served.client.patch(f"/api/themes/{key}", json={"name": "x"}).status_code == 422
