"""Several processes that do one piece of work: what they tell each other, through torch.distributed.

Started by `torchrun`, each process is a rank and all of them run the same command; started by hand, a
process is a team of one, for which nothing here imports torch or does anything. Surprising decision: no
DistributedDataParallel. It rebuilds its buckets after the first backward pass, so that with three
ranks and more a resumed run adds gradients in another order than an undisturbed one; here they are
added as one flat array, always in the same order. Nothing is pickled: what is sent are plain numbers
and bytes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from hocket.errors import ConfigError

if TYPE_CHECKING:
    import torch

_T = TypeVar("_T")

PATIENCE = timedelta(hours=24)
"""How long a rank waits for the others. One that died is noticed at once, by its closed connection."""
_SECONDS_BETWEEN_LOOKS = 1.0


class Team:
    """One process alone: a team of one."""

    rank = 0
    size = 1

    def sum_flat(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors, the same on every rank, by their sums over the ranks, bit for bit alike."""

    def sums(self, *values: float) -> list[float]:
        """Return the sum over the ranks of each value."""
        return list(values)

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the tensors of all ranks, which are alike in shape and type, in order."""
        return [tensor]

    def from_first(self, make: Callable[[], bytes]) -> bytes:
        """Return on every rank what the first one makes; the others do not make it."""
        return make()

    def wait(self) -> None:
        """Return when every rank has come here."""

    def dealt(
        self, work: Callable[[Sequence[_T]], Sequence[float]], values: Sequence[_T]
    ) -> list[float]:
        """Return a number for each value, of which every rank works out its share."""
        return list(work(values))

    def share(self, count: int) -> range:
        """Return this rank's part of so many rows."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)


class Ranks(Team):
    """One of several processes."""

    def __init__(self) -> None:
        import torch.distributed as dist

        self._dist = dist
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def sum_flat(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors, the same on every rank, by their sums over the ranks, bit for bit alike."""
        import torch

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._dist.all_reduce(flat)
        begin = 0
        for tensor in tensors:
            tensor.copy_(flat[begin : begin + tensor.numel()].view_as(tensor))
            begin += tensor.numel()

    def sums(self, *values: float) -> list[float]:
        """Return the sum over the ranks of each value."""
        import torch

        found = torch.tensor(values, dtype=torch.float64)
        self._dist.all_reduce(found)
        summed: list[float] = found.tolist()
        return summed

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the tensors of all ranks, which are alike in shape and type, in order."""
        import torch

        mine = tensor.detach().cpu().contiguous()
        found = [torch.empty_like(mine) for _ in range(self.size)]
        self._dist.all_gather(found, mine)
        return found

    def from_first(self, make: Callable[[], bytes]) -> bytes:
        """Return on every rank what the first one makes; the others do not make it."""
        import numpy as np
        import torch

        data = make() if self.rank == 0 else b""
        length = int(self.sums(len(data))[0])
        if self.rank == 0:
            sent = torch.from_numpy(np.frombuffer(data, np.uint8).copy())
        else:
            sent = torch.empty(length, dtype=torch.uint8)
        if length:
            self._dist.broadcast(sent, 0)
        return data if self.rank == 0 else sent.numpy().tobytes()

    def wait(self) -> None:
        """Return when every rank has come here."""
        self.sums(0.0)

    def dealt(
        self, work: Callable[[Sequence[_T]], Sequence[float]], values: Sequence[_T]
    ) -> list[float]:
        """Return a number for each value, of which every rank works out its share."""
        import torch

        most = -(-len(values) // self.size)
        mine = torch.zeros(most, dtype=torch.float64)
        found = work(values[self.rank :: self.size])
        mine[: len(found)] = torch.tensor(list(found), dtype=torch.float64)
        every = [numbers.tolist() for numbers in self.gathered(mine)]
        return [every[place % self.size][place // self.size] for place in range(len(values))]


ALONE = Team()


def size(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes torchrun started for this command, 1 without it."""
    return int(environment.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in environment else 1


def is_first(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that speaks and writes for its team."""
    return size(environment) == 1 or environment.get("RANK", "0") == "0"


def processes_here(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many of the team's processes share this machine."""
    return int(environment.get("LOCAL_WORLD_SIZE", "1")) if size(environment) > 1 else 1


@contextmanager
def joined(say: Callable[[str], None] = lambda text: None) -> Iterator[Team]:
    """Join the ranks that torchrun started, for the block; without it, be a team of one.

    Raises `ConfigError` where the ranks cannot be joined. `say` hears what may go wrong later.
    """
    if size() == 1:
        yield ALONE
        return
    import torch
    import torch.distributed as dist

    die_with(os.getppid())
    restarted = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0
    if restarted and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True" and is_first():
        say(
            "ranks that torchrun restarts may look for each other where the dead ones were; set "
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment"
        )
    kinds = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        kinds = "cpu:gloo,cuda:nccl"
    try:
        dist.init_process_group(kinds, timeout=PATIENCE)
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigError(f"the ranks cannot be joined ({error}); see docs/cluster.md") from None
    try:
        yield Ranks()
    except RuntimeError as error:
        if "gloo" not in str(error).lower() and "nccl" not in str(error).lower():
            raise
        reason = str(error).splitlines()[0]
        raise ConfigError(f"another process of the team has ended ({reason})") from None
    finally:
        dist.destroy_process_group()


def die_with(parent: int) -> None:
    """Have this process killed when its parent dies: a torchrun that is killed leaves no orphans.

    On Linux the kernel does it; elsewhere a thread looks every second.
    """
    if platform.system() == "Linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os.kill(os.getpid(), signal.SIGKILL)
        return

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    threading.Thread(target=look, name="hocket-parent", daemon=True).start()
