from importlib import import_module

import pytest
import torch
from monai.networks import nets
from monai.networks.nets.basic_unet import UpCat
from torch import nn

from mitodata import RunError
from mitoseg.config.settings import FitConfig, make_config
from mitoseg.networks.device import mixed_precision
from mitoseg.networks.stem_unet import StemUNet
from mitoseg.networks.unet import REDUCTION, build_model, fold_blocks, sides_3d, strides_3d, unfold_blocks

UNET = 'network_arguments={"channels": [4, 8], "strides": [2]}'


def made(*texts: str) -> tuple[nn.Module, FitConfig]:
    config = make_config(texts)
    return build_model(config), config


@pytest.mark.parametrize("target", ["semantic", "instance", "compartments"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_target_has_its_channels_in_2d_and_3d(target: str, dimensions: int) -> None:
    network, config = made("network=tiny", "patch_px=64", f"target={target}", f"dimensions={dimensions}")
    logits = network(torch.zeros(2, 1, *config.patch_shape))
    assert logits.shape == (2, {"semantic": 1, "instance": 3, "compartments": 12}[target], *config.patch_shape)


def test_weights_of_the_2d_network_keep_their_names() -> None:
    network, _ = made("network=tiny")
    assert isinstance(network, StemUNet)
    assert network.state_dict()["unet.conv_0.conv_0.conv.weight"].shape == (8, 4, 3, 3)
    assert len(network.state_dict()) == 82


def test_what_the_2d_network_does_not_pad_needs_no_padding() -> None:
    network, _ = made("network=tiny")
    image = torch.randn(1, 1, 3 * REDUCTION, 2 * REDUCTION, generator=torch.Generator().manual_seed(0))
    lean = network(image)
    parts = [module for module in network.modules() if isinstance(module, UpCat)]
    assert len(parts) == 4
    for part in parts:
        part.is_pad = True
    assert torch.equal(network(image), lean)


def test_strides_follow_the_voxels() -> None:
    even = make_config(("dimensions=3",))
    assert strides_3d(even) == [(2, 2, 2)] * 4
    flat = make_config(("dimensions=3", "working_slice_nm=40"))
    assert strides_3d(flat) == [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert sides_3d(flat) == (4, 16, 16)
    network, config = made("dimensions=3", "working_slice_nm=40", "patch_z_px=4", "patch_px=32", "network=tiny")
    assert network(torch.zeros(1, 1, *config.patch_shape)).shape == (1, 1, 4, 32, 32)
    kernels = [tuple(weight.shape[2:]) for name, weight in network.named_parameters() if "input_block.conv1" in name]
    assert (1, 3, 3) in kernels


def test_folding_loses_nothing() -> None:
    image = torch.arange(2 * 3 * 4 * 6 * 8, dtype=torch.float32).reshape(2, 3, 4, 6, 8)
    folded = fold_blocks(image, (1, 3, 2))
    assert folded.shape == (2, 18, 4, 2, 4)
    assert torch.equal(folded[0, :6, 0, 0, 0], image[0, 0, 0, :3, :2].flatten())
    assert torch.equal(unfold_blocks(folded, (1, 3, 2)), image)


def test_networks_of_monai_by_name() -> None:
    for texts in (
        ("network=UNet", UNET),
        ("network=BasicUNetPlusPlus", "network_arguments.features=[8, 8, 8, 8, 8, 8]"),
        ("network=SegResNet", "network_arguments.init_filters=8", "dimensions=3"),
    ):
        network, config = made("patch_px=32", "target=instance", *texts)
        assert network(torch.zeros(1, 1, *config.patch_shape)).shape == (1, 3, *config.patch_shape)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("network=huge",), "network: got 'huge'"),
        (("network=SegResnet",), "did you mean SegResNet?"),
        (("network=smal",), "did you mean small?"),
        (("network=tiny", "network_arguments.channels=[1]"), "which takes none"),
        (("network=UNet",), "UNet also needs channels, strides"),
        (("network=UNet", UNET, "network_arguments.chanels=[1]"), "network_arguments.chanels: UNet takes no such"),
        (("network=UNet", 'network_arguments={"channels": 3, "strides": [2]}'), "UNet refuses them"),
        (("network=DenseNet121",), "DenseNet121 gives (2, 1) for a batch of two patches"),
        (
            ("network=UNet", 'network_arguments={"channels": [4, 4, 4], "strides": [3, 3]}', "patch_px=192"),
            "UNet cannot work on patches",
        ),
        (("patch_px=32",), "patch of (32, 32) px"),
        (("dimensions=3", "patch_z_px=24"), "patch of (24, 160, 160) px; expected multiples of (16, 16, 16)"),
    ],
)
def test_bad_networks_are_named_in_one_line(texts: tuple[str, ...], expected: str) -> None:
    with pytest.raises(RunError) as caught:
        made(*texts)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


class Peeking(nn.Module):
    """A network that looks at its values, which cannot be done without computing."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(image * float(image.abs().max().item() + 1))
        return found


class Lacking(Peeking):
    """A network that needs what is not installed."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        twice: torch.Tensor = import_module("a_package_that_nobody_has").twice(image)
        return twice


def test_networks_that_must_compute_to_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets, "Peeking", Peeking, raising=False)
    monkeypatch.setattr(nets, "Lacking", Lacking, raising=False)
    network, config = made("network=Peeking")
    assert network(torch.zeros(1, 1, *config.patch_shape)).shape == (1, 1, *config.patch_shape)
    with pytest.raises(RunError, match="Lacking needs a package that MONAI does not bring along: No module named 'a_p"):
        made("network=Lacking")


def test_channels_last_changes_the_order_only() -> None:
    for dimensions in (2, 3):
        texts = ("network=tiny", "patch_px=64", f"dimensions={dimensions}")
        torch.manual_seed(0)
        on, config = made(*texts, "channels_last=on")
        torch.manual_seed(0)
        off, _ = made(*texts, "channels_last=off")
        image = torch.randn(1, 1, *config.patch_shape)
        torch.testing.assert_close(on(image), off(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("amp", "device", "capabilities", "expected"),
    [
        ("auto", "cpu", {"avx512_bf16": True}, True),
        ("auto", "cpu", {"avx512_bf16": False, "amx_bf16": False}, False),
        ("auto", "cpu", {}, False),
        ("auto", "cuda", {}, True),
        ("on", "cpu", {}, True),
        ("off", "cpu", {"avx512_bf16": True}, False),
        ("off", "cuda", {}, False),
    ],
)
def test_bfloat16_is_used_where_it_is_fast(
    amp: str, device: str, capabilities: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert mixed_precision(make_config((f"amp={amp}",)), torch.device(device)) == expected
