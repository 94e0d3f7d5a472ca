"""What fills cells: granular ground, filaments, vesicles, ribosomes and glycogen."""
