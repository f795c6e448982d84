"""Where networks run, and in which precision."""

import os
from pathlib import Path

import torch

from src.errors import UserError

CPUINFO = Path("/proc/cpuinfo")
ONEDNN_LIMIT = "ONEDNN_MAX_CPU_ISA"  # by which a user forbids instructions


def pick_device(name: str, setting: str) -> torch.device:
    """Return the device of that name (auto, cpu or cuda); `auto` is a GPU if there is one.

    Raises:
        UserError: `name` is cuda, and torch sees no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{setting} = 'cuda', but torch sees no GPU: expected auto or cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False  # float32 has its 24 bits: scores compare
    return torch.device("cuda")


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return autocast's dtype; `auto` is bf16 if the device is faster in it, else float32."""
    if precision == "auto":
        is_gpu = device.type == "cuda"
        fast = _gpu_computes_in_bf16() if is_gpu else _cpu_is_fast_in_bf16()
        precision = "bf16" if fast else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def describe(device: torch.device, dtype: torch.dtype) -> dict[str, str]:
    """Return what the rounding of a computation depends on.

    Returns:
        processor: A GPU's name, or a CPU's with the instructions that torch finds. dtype: Of the
        products, such as bfloat16.
    """
    gpu = device.type == "cuda"
    processor = torch.cuda.get_device_name(device) if gpu else _cpu()
    return {"processor": processor, "dtype": str(dtype).removeprefix("torch.")}


def _cpu() -> str:
    flags = torch.cpu.get_capabilities()
    words = [str(flags.get("cpu_name", "CPU")), torch.backends.cpu.get_cpu_capability()]
    words += [name for name in ("avx512_bf16", "amx_bf16") if flags.get(name)]
    words += [f"{ONEDNN_LIMIT}={os.environ[ONEDNN_LIMIT]}"] if ONEDNN_LIMIT in os.environ else []
    return ", ".join(words)


def _gpu_computes_in_bf16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))  # emulated it is slower


def _cpu_is_fast_in_bf16() -> bool:
    """Return whether the CPU has AMX, or is an AMD with AVX-512 for bf16.

    There a product takes half of float32's time; with Intel's AVX-512 it takes twice as long.
    The answer comes from the CPU's flags, because a resumed training needs the same one.
    """
    flags = torch.cpu.get_capabilities()
    is_amd = "AuthenticAMD" in CPUINFO.read_text(encoding="utf-8")
    return bool(flags.get("amx_bf16", False) or (is_amd and flags.get("avx512_bf16", False)))
