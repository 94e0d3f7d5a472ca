"""Round bodies: lysosomes, lipofuscin, multivesicular and multilamellar bodies, lipid droplets, endosomes."""
