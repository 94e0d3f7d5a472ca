"""Which device a network runs on, in which precision and memory order."""

import torch

from mitodata import RunError
from mitoseg.config.settings import FitConfig


def channels_last(config: FitConfig) -> bool:
    """Whether images and weights lie channels last in memory: as told, else where that was measured to be faster.

    That is in 2D, but for processors that train in bfloat16.
    """
    if config.channels_last != "auto":
        return config.channels_last == "on"
    device = pick_device(config.device)
    return config.dimensions == 2 and (device.type != "cpu" or not mixed_precision(config, device))


def mixed_precision(config: FitConfig, device: torch.device) -> bool:
    """Whether a network computes in bfloat16 where precision allows: as told, else where it was measured to be faster.

    That is on GPUs, and in 2D on processors with instructions for it (avx512_bf16, amx_bf16); on others it is slower.
    In 3D on such a processor gradients become infinite for some shapes and values (torch 2.13: network small, patches
    of 2 x 16 x 32 x 32 at the first step, 2 x 32 x 96 x 96 after 64 steps), in either memory order.
    """
    if config.amp != "auto" or device.type != "cpu":
        return config.amp != "off"
    if config.dimensions == 3:
        return False
    # Not in every version of torch that we support; without it nothing is known of the processor.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def memory_format(config: FitConfig) -> torch.memory_format:
    """The memory order of images and weights."""
    if not channels_last(config):
        return torch.contiguous_format
    return torch.channels_last if config.dimensions == 2 else torch.channels_last_3d


def pick_device(name: str) -> torch.device:
    """The device that `name` ("auto", "cpu", "cuda") stands for on this machine.

    Raises:
        RunError: there is no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise RunError("device=cuda: no CUDA device can be used here; take device=cpu, or install torch with CUDA")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
