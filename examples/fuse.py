"""The main job from Python: learn two themes, keep four takes, look at what they are made of."""

import hocket

run = hocket.fuse("demo:gymnopedie", "demo:elise", out="out/example", bars=16)

for take, measures in zip(run.takes, run.measures, strict=True):
    print(f"take {take.place} from {take.seed}: share {measures.share}, known {measures.known:.2f}")

# more takes of what was learned, with another balance, take a few seconds
more = hocket.more("out/example", mix=0.75, takes=16, keep=2)
print(more.medians["share"])
