"""Every knob: its unit, allowed range, default and meaning."""

from mitogen.distributions import Knob, LogNormal, Uniform, knob_table

KNOBS = knob_table(
    Knob(
        "mitochondria.radius_nm",
        unit="nm",
        low=30,
        high=800,
        default=LogNormal(median=130, spread=0.35, low=50, high=350),
        help="Radius of a mitochondrion across its axis.",
    ),
    Knob(
        "mitochondria.density_per_um3",
        unit="1/um3",
        low=0,
        high=50,
        default=0.6,
        help="Number of mitochondria in a cubic micrometre of tissue.",
    ),
    Knob(
        "section.thickness_nm",
        unit="nm",
        low=1,
        high=200,
        default=Uniform(5, 50),
        help="Thickness of the section the electrons pass through or the beam mills away.",
    ),
)
