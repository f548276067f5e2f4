"""The main job from Python: learn two themes, write four takes, look at what they are made of."""

import hocket

run = hocket.fuse("demo:gymnopedie", "demo:elise", out="out/example", takes=4, bars=16)

for take, measures in zip(run.takes, run.measures, strict=True):
    print(
        f"take {take.number} from {take.seed}: share {measures.share}, known {measures.known:.2f}"
    )

# more takes of what was learned, with another balance, take a few seconds
more = hocket.more("out/example", mix=0.75, takes=2)
print(more.medians["share"])
