"""The table of organelles, in the order in which they are drawn: the later lie over the earlier.

Whatever builds, cuts or draws a scene takes from here what it needs. Names of fields and keys are those of random
streams; no two organelles share one.
"""

from mitogen.organelles.cytoplasm.filaments import FILAMENTS
from mitogen.organelles.cytoplasm.ground import CYTOPLASM
from mitogen.organelles.cytoplasm.particles import GLYCOGEN, RIBOSOMES
from mitogen.organelles.cytoplasm.rosettes import ROSETTES
from mitogen.organelles.cytoplasm.vesicles import DENSE_CORES, LOOSE_VESICLES, PACKED_VESICLES
from mitogen.organelles.golgi import GOLGI
from mitogen.organelles.membranes.connective_tissue import CONNECTIVE_TISSUE
from mitogen.organelles.membranes.myelin import MYELIN
from mitogen.organelles.membranes.plasma_membrane import PLASMA_MEMBRANE
from mitogen.organelles.membranes.synapse import SYNAPSES, T_BARS
from mitogen.organelles.mitochondria.drawing import MITOCHONDRIA
from mitogen.organelles.muscle.myofibrils import MYOFIBRILS
from mitogen.organelles.muscle.sarcoplasmic_reticulum import SARCOPLASMIC_RETICULUM
from mitogen.organelles.nuclei import NUCLEI
from mitogen.organelles.organelle import Organelle
from mitogen.organelles.reticulum import RETICULUM
from mitogen.organelles.round_bodies.endosomes import ENDOSOMES
from mitogen.organelles.round_bodies.insulin import INSULIN
from mitogen.organelles.round_bodies.lipid import LIPID
from mitogen.organelles.round_bodies.lipofuscin import LIPOFUSCIN
from mitogen.organelles.round_bodies.lysosomes import LYSOSOMES
from mitogen.organelles.round_bodies.multilamellar import MULTILAMELLAR_BODIES
from mitogen.organelles.round_bodies.multivesicular import MULTIVESICULAR_BODIES
from mitogen.organelles.round_bodies.peroxisomes import PEROXISOMES
from mitogen.organelles.round_bodies.zymogen import ZYMOGEN
from mitogen.organelles.wrapping import WRAPPING_CISTERNAE

ORGANELLES: tuple[Organelle, ...] = (
    CYTOPLASM,
    MYOFIBRILS,
    CONNECTIVE_TISSUE,
    NUCLEI,
    FILAMENTS,
    SARCOPLASMIC_RETICULUM,
    WRAPPING_CISTERNAE,
    RETICULUM,
    GOLGI,
    RIBOSOMES,
    GLYCOGEN,
    ROSETTES,
    PACKED_VESICLES,
    LOOSE_VESICLES,
    DENSE_CORES,
    PLASMA_MEMBRANE,
    SYNAPSES,
    T_BARS,
    MYELIN,
    LYSOSOMES,
    MULTIVESICULAR_BODIES,
    LIPID,
    ENDOSOMES,
    LIPOFUSCIN,
    MULTILAMELLAR_BODIES,
    PEROXISOMES,
    ZYMOGEN,
    INSULIN,
    MITOCHONDRIA,
)
ROUND_BODIES = tuple(organelle for organelle in ORGANELLES if organelle.body)
"""Those that are scattered among mitochondria, as round bodies; the place of one here is its species."""
