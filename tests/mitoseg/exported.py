"""Tiny networks with random weights, to be written for other programs."""

from dataclasses import asdict

import torch

from mitoseg.config.settings import make_config
from mitoseg.inference.decoding import Decoding
from mitoseg.models.card import Card
from mitoseg.models.portable import Portable
from mitoseg.networks.unet import build_model

CARD = Card(name="tiny-net", description="Finds dark discs.", licence="MIT", limits=("Discs only.",))


def make_portable(*settings: str, card: Card = CARD) -> Portable:
    torch.manual_seed(0)
    config = make_config(("network=tiny", "patch_px=64", "device=cpu", *settings), epochs=1)
    return Portable(build_model(config).eval(), config, asdict(Decoding(0.4, peak=0.5)), card)
