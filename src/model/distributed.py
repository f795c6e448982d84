"""Several processes that train or score together, started by torchrun, and their ranks.

On one machine this module starts them. On several, each machine runs the same command, with
torchrun's own variables set (PET_NNODES, PET_RDZV_BACKEND, PET_RDZV_ENDPOINT) and one file system.
"""

import atexit
import ctypes
import hashlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from src.errors import TORCHRUN, Terminated, UserError

TIMEOUT = timedelta(hours=12)  # for which other processes wait for the main one
NO_TCP_STORE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"  # torchrun's own store accepts any connection
PR_SET_PDEATHSIG = 1  # of Linux's prctl
RENDEZVOUS_FILE = "PIX2PIX_RENDEZVOUS_FILE"  # where the processes of one machine meet

Item = TypeVar("Item")
Result = TypeVar("Result")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class World:
    """The processes that work together, and which of them this one is.

    Attributes:
        rank: This process's number, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and shows progress."""
        return self.rank == 0

    def on_main(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function in the main process only, because it writes the same in all."""
        if self.is_main:
            function(*arguments)

    def local_slice(self, count: int, name: str) -> slice:
        """Return this process's part of `count` things, which a user knows by `name`.

        Raises:
            UserError: The processes cannot share them evenly.
        """
        if count % self.size:
            raise UserError(f"{name} = {count}: expected a multiple of the {self.size} processes")
        part = count // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def wrap_ddp(self, module: nn.Module) -> nn.Module:
        """Return a module to call, whose gradients become the mean over all processes."""
        if self.size == 1:
            return module
        # the buffers are equal already: SyncedBatchNorm2d's, frozen ones and spectral norms'
        return DistributedDataParallel(module, forward_sync_buffers=False)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all processes, in each of them."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return each item's result, in order and in every process; they share the work."""
        results = [function(item) for item in items[self.rank :: self.size]]
        if self.size == 1:
            return results
        parts: list[list[Result]] = [[] for _ in range(self.size)]
        dist.all_gather_object(parts, results)
        return [parts[i % self.size][i // self.size] for i in range(len(items))]

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


SINGLE_PROCESS = World()


class SumOverAll(torch.autograd.Function):
    """The sum of a tensor over all processes; torch's own function warns that it will go."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes, as if they were one.

    It is torch's SyncBatchNorm, which runs on GPUs only. All processes have equally many pictures.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        dtype, x = x.dtype, x.float()
        size = dist.get_world_size()

        def mean_over_all(values: Tensor) -> Tensor:
            total: Tensor = SumOverAll.apply(values.mean((0, 2, 3)))
            return total / size

        mean = mean_over_all(x)
        variance = mean_over_all((x - mean[:, None, None]) ** 2)
        with torch.no_grad():
            count = size * x.numel() // x.shape[1]
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        y = (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return y.to(dtype)


def sync_batch_norms(module: Network, world: World) -> Network:
    """Replace a module's batch normalisations by synced ones, in place; return the module.

    Those in evaluation mode have fixed statistics, and stay.
    """
    for name, child in module.named_children() if world.size > 1 else ():
        if isinstance(child, nn.BatchNorm2d) and child.training:
            synced = SyncedBatchNorm2d(child.num_features, child.eps, child.momentum)
            synced.to(child.weight).load_state_dict(child.state_dict())
            setattr(module, name, synced)
        else:
            sync_batch_norms(child, world)
    return module


def run(main: Callable[[World], None], module: str, processes: int, device: str) -> None:
    """Run `main` in this process, or in several ones that torchrun starts by `python -m module`.

    In a process that torchrun started, `main` runs as one of them. On GPUs each has one of its own.
    A process that fails ends the program.

    Raises:
        UserError: There are fewer GPUs, the processes do not find each other, or a signal ended
            one.
    """
    cuda = require_gpus(processes, device)
    if TORCHRUN in os.environ:
        _run_in_group(main, cuda)
    elif processes == 1 and "PET_NNODES" not in os.environ:
        main(SINGLE_PROCESS)
    else:
        launch(module, processes)


def require_gpus(processes: int, device: str) -> bool:
    """Return whether this machine's processes use GPUs; raise UserError if there are not as many."""
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda and processes > torch.cuda.device_count():
        raise UserError(
            f"processes = {processes}: expected at most the {torch.cuda.device_count()} GPUs here, "
            "or device: cpu"
        )
    return cuda


def _run_in_group(main: Callable[[World], None], cuda: bool) -> None:
    # else it would outlive a killed launcher, and run beside the next training
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    file = os.environ.get(RENDEZVOUS_FILE)
    url = f"file://{file}" if file else "env://"
    dist.init_process_group(backend, url, timeout=TIMEOUT, rank=rank, world_size=size)
    world = World(rank, size)
    try:
        with _reported_once(file):
            main(world)
    except BaseException:
        # gloo's threads would abort a process whose interpreter ends while they still need it
        atexit.register(os._exit, 1)
        atexit.register(sys.stdout.flush)
        raise
    world.barrier()  # DVC on another machine must not collect outputs before they are written
    dist.destroy_process_group()


@contextmanager
def _reported_once(rendezvous: str | None) -> Iterator[None]:
    """Let only one process of this machine report an error that several have.

    Args:
        rendezvous: The file where the processes meet, beside which the first one leaves a mark;
            None: several machines, each of which reports its errors.

    Raises:
        UserError: In the first process.
        SystemExit: In the others.
    """
    try:
        yield
    except UserError as error:
        if not rendezvous:
            raise
        digest = hashlib.sha256(str(error).encode()).hexdigest()
        try:
            Path(f"{rendezvous}.{digest}").touch(exist_ok=False)
        except FileExistsError:
            raise SystemExit(1) from None
        raise


def launch(module: str, processes: int) -> None:
    """Start `python -m module` in several processes by torchrun, and wait for them.

    Raises:
        UserError: They do not find each other, or a signal ended one.
        SystemExit: One failed; it has printed why.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError

    with tempfile.TemporaryDirectory() as folder:
        words = ["--nproc-per-node", str(processes), *_local_rendezvous(Path(folder))]
        logging.disable(logging.CRITICAL)  # a process that fails says why itself
        try:
            torchrun.run(torchrun.parse_args([*words, "-m", module]))  # type: ignore[no-untyped-call]
        except SignalException as error:
            raise (Terminated if error.sigval == SIGTERM else KeyboardInterrupt) from None
        except RendezvousError as error:
            raise UserError(f"the processes did not find each other: {error}") from None
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode < 0:
                raise UserError(
                    f"signal {-failure.exitcode} ended process {rank}: was memory short?"
                ) from None
            raise SystemExit(1) from None


def _local_rendezvous(folder: Path) -> list[str]:
    """Return torchrun's options, and set variables, for processes that meet on this machine only.

    They meet in a file and talk over the loopback device, so that nothing outside reaches them.
    Several machines bring their own options, in torchrun's variables.
    """
    if "PET_NNODES" in os.environ:
        return []
    os.environ |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), "lo")
    os.environ |= {RENDEZVOUS_FILE: str(folder / "processes"), NO_TCP_STORE: "1"}
    endpoint = ["--rdzv-endpoint", str(folder / "agents"), "--local-addr", "127.0.0.1"]
    return ["--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file", *endpoint]
