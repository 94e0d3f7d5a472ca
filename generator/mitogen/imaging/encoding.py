"""From the detector's signal to stored bytes: display curve, local contrast equalisation, 8 bits, JPEG."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mitogen.geometry.grid import FloatArray

# Edge of the tiles whose histograms are equalised, in px; smaller images are one tile.
_TILE_PX = 64
_BINS = 256


def bend_tones(grey: FloatArray, gamma: float) -> FloatArray:
    """Apply the display curve grey^gamma on the range 0-255.

    Source: power-law transformations in Gonzalez and Woods, Digital Image Processing, 3rd ed. (2008), ch. 3.
    """
    bent: FloatArray = (255 * (np.clip(grey, 0, 255) / 255) ** gamma).astype(np.float32)
    return bent


def equalise(grey: FloatArray, share: float, clip: float) -> FloatArray:
    """Mix the image with its contrast limited, locally equalised self (CLAHE).

    Args:
        grey: (Y, X) float32 in 0-255.
        share: 0 leaves the image as it is, 1 gives the equalised one.
        clip: steepest slope of the tone curve, as in Fiji and OpenCV; 1 changes least.

    Source: Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV (1994).
    """
    if share <= 0 or grey.min() == grey.max():
        return grey
    from skimage.exposure import equalize_adapthist  # slow to import, rarely needed

    tile = [min(_TILE_PX, size) for size in grey.shape]
    flat = equalize_adapthist(grey / np.float32(255), kernel_size=tile, clip_limit=clip / _BINS, nbins=_BINS)
    mixed: FloatArray = (grey + np.float32(share) * (255 * flat - grey)).astype(np.float32)
    return mixed


def quantise(grey: FloatArray) -> NDArray[np.uint8]:
    """Round to 8 bits; values outside 0-255 saturate as they do in a detector.

    Source: Bennett, Spectra of quantized signals, Bell System Technical Journal 27 (1948).
    """
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def compress(image: NDArray[np.uint8], loss: float) -> NDArray[np.uint8]:
    """Store as JPEG of quality 100 - `loss` and read back; a loss of 0 means that no JPEG was made.

    Source: Wallace, The JPEG still picture compression standard, IEEE Transactions on Consumer Electronics 38 (1992).
    """
    quality = 100 - round(loss)
    if quality >= 100:
        return image
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))
