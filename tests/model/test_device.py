"""The device and the precision that are picked."""

import pytest
import torch

from src.errors import UserError
from src.model.device import ONEDNN_LIMIT, describe, pick_device, pick_dtype

CPU = torch.device("cpu")


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"train\.device = 'cuda'"):
        pick_device("cuda", "train.device")
    assert pick_device("auto", "a") == pick_device("cpu", "a") == CPU


def test_float32_is_float32_on_a_gpu_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert pick_device("auto", "a") == torch.device("cuda")
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("computes", [True, False])
def test_a_gpu_that_emulates_bf16_takes_float32(monkeypatch, computes: bool):
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: computes or including_emulation,
    )
    expected = torch.bfloat16 if computes else torch.float32
    assert pick_dtype("auto", torch.device("cuda")) == expected


@pytest.mark.parametrize(
    ("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_named_precision_is_taken(precision: str, expected: torch.dtype):
    assert pick_dtype(precision, CPU) == expected


@pytest.mark.parametrize(
    ("vendor", "avx512", "amx", "expected"),
    [
        ("AuthenticAMD", True, False, torch.bfloat16),
        ("AuthenticAMD", False, False, torch.float32),
        ("GenuineIntel", True, False, torch.float32),  # twice as slow there
        ("GenuineIntel", True, True, torch.bfloat16),
    ],
)
def test_the_precision_follows_the_processor(
    tmp_path, monkeypatch, vendor: str, avx512: bool, amx: bool, expected: torch.dtype
):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nvendor_id : {vendor}\n", encoding="utf-8")
    monkeypatch.setattr("src.model.device.CPUINFO", tmp_path / "cpuinfo")
    flags = {"avx512_bf16": avx512, "amx_tile": True, "amx_bf16": amx}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert pick_dtype("auto", CPU) == expected


def test_a_computation_is_described_by_processor_instructions_and_dtype(monkeypatch):
    flags = {"cpu_name": "AMD EPYC", "avx512_bf16": True, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.delenv(ONEDNN_LIMIT, raising=False)
    described = describe(CPU, torch.bfloat16)
    assert described == {"processor": "AMD EPYC, AVX512, avx512_bf16", "dtype": "bfloat16"}
    monkeypatch.setenv(ONEDNN_LIMIT, "AVX2")
    assert describe(CPU, torch.float32)["processor"].endswith(", ONEDNN_MAX_CPU_ISA=AVX2")
