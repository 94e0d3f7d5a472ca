"""One row for every knob of the scene of tissue: two values, what grows between them, and in which setting.

The setting is `knob_settings.QUIET`, in which little is there but cells and mitochondria, and what the row adds to it.
"""

from knob_rows_of_cells import CELLS
from knob_rows_of_images import IMAGES
from knob_rows_of_lookalikes import LOOKALIKES
from knob_rows_of_organs import ORGANS

ROWS = [*CELLS, *LOOKALIKES, *ORGANS, *IMAGES]
