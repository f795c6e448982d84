"""Several processes that do one thing together, started by torchrun: who is who among them.

On one machine they are started here; on several, each machine runs the same command with
torchrun's own variables set (PET_NNODES, PET_RDZV_BACKEND, PET_RDZV_ENDPOINT) and one file system.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from src.errors import UserError

PATIENCE = timedelta(hours=12)  # while the first process does what takes long
NO_SERVER = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"  # of torchrun's own, open to all
FILE = "PIX2PIX_MEETING"  # names the file through which one machine's processes meet


@dataclass(frozen=True)
class World:
    """This process's number among all, from 0, and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """The one that writes and shows progress."""
        return self.rank == 0

    def on_main(self, function: Callable[..., object], *arguments: object) -> None:
        """Call the function in the first process, as what it writes is the same in all."""
        if self.is_main:
            function(*arguments)

    def local_slice(self, count: int, name: str) -> slice:
        """This process's part of `count` things; UserError where they cannot be dealt out evenly.

        name: what the user calls the count.
        """
        if count % self.size:
            raise UserError(f"{name} = {count}: expected a multiple of the {self.size} processes")
        part = count // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def wrap_ddp(self, module: nn.Module) -> nn.Module:
        """How to call a module so that its gradients are the mean over all processes."""
        if self.size == 1:
            return module
        # normalisation is shared by itself: its statistics are the same everywhere
        return DistributedDataParallel(module, broadcast_buffers=False)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes, everywhere the same."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Each item's result, in order and everywhere the same; the items are dealt out."""
        own = [function(item) for item in items[self.rank :: self.size]]
        if self.size == 1:
            return own
        parts: list[list[Any]] = [[] for _ in range(self.size)]
        dist.all_gather_object(parts, own)
        return [parts[at % self.size][at // self.size] for at in range(len(items))]

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()


SINGLE_PROCESS = World()


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes, as if they were one.

    As torch's SyncBatchNorm, which runs on GPUs only. Every process has as many pictures.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        kind, x = x.dtype, x.float()
        size = dist.get_world_size()

        def mean_over_all(values: Tensor) -> Tensor:
            return dist.nn.functional.all_reduce(values.mean((0, 2, 3))) / size

        mean = mean_over_all(x)
        variance = mean_over_all((x - mean[:, None, None]) ** 2)
        with torch.no_grad():
            count = size * x.numel() // x.shape[1]
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        made = (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return made.to(kind)


def sync_batch_norms(module: nn.Module, world: World) -> nn.Module:
    """Make every batch normalisation of a module one over all processes' batches."""
    for name, child in module.named_children() if world.size > 1 else ():
        if isinstance(child, nn.BatchNorm2d):
            made = SyncedBatchNorm2d(child.num_features, child.eps, child.momentum)
            made.to(child.weight).load_state_dict(child.state_dict())
            setattr(module, name, made)
        else:
            sync_batch_norms(child, world)
    return module


def run(main: Callable[[World], None], module: str, processes: int, device: str) -> None:
    """Run `main` here, or in several processes as `python -m module`; a failure ends the program.

    Inside such a process, main is run as the one it is. device: auto, cpu or cuda, of which each
    has one. Raises UserError where there are fewer GPUs, or the processes do not find each other.
    """
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda and processes > torch.cuda.device_count():
        raise UserError(
            f"processes = {processes}: expected at most the {torch.cuda.device_count()} GPUs here, "
            "or device: cpu"
        )
    if "TORCHELASTIC_RUN_ID" in os.environ:
        _joined(main, cuda)
    elif processes == 1 and "PET_NNODES" not in os.environ:
        main(SINGLE_PROCESS)
    else:
        _start(module, processes)


def _joined(main: Callable[[World], None], cuda: bool) -> None:
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    meeting = os.environ.get(FILE)
    where = f"file://{meeting}" if meeting else "env://"
    dist.init_process_group(backend, where, timeout=PATIENCE, rank=rank, world_size=size)
    world = World(rank, size)
    main(world)
    world.wait()  # else another machine's DVC would take what the first one has not written yet
    dist.destroy_process_group()


def _start(module: str, processes: int) -> None:
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError

    given = ["--nproc-per-node", str(processes)]
    with tempfile.TemporaryDirectory() as folder:
        if "PET_NNODES" not in os.environ:
            # through a file and this machine's own address: nothing can be reached from outside
            os.environ |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), "lo")
            os.environ |= {FILE: str(Path(folder) / "meeting"), NO_SERVER: "1"}
            given += ["--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file"]
            given += ["--rdzv-endpoint", str(Path(folder) / "agents"), "--local-addr", "127.0.0.1"]
        logging.disable(logging.CRITICAL)  # a process that fails says why by itself
        try:
            torchrun.run(torchrun.parse_args([*given, "-m", module]))
        except SignalException:
            raise KeyboardInterrupt from None
        except RendezvousError as error:
            raise UserError(f"the processes did not find each other: {error}") from None
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode < 0:
                raise UserError(
                    f"process {rank} was ended by signal {-failure.exitcode}: was memory short?"
                ) from None
            raise SystemExit(1) from None  # what it was, the process itself has said
