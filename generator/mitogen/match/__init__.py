"""The recipe that looks most like unlabelled real images: a search over its knobs that never sees a label.

from mitogen.match import Settings, look_at_real, match_recipe

found = match_recipe(load_recipe("mito"), look_at_real(Path("real.h5")), Path("search.journal"), Settings())
found.matched.to_toml()
"""

from mitogen.match.matching import Match, Settings, match_recipe
from mitogen.match.target import Target, look_at_real

__all__ = ["Match", "Settings", "Target", "look_at_real", "match_recipe"]
