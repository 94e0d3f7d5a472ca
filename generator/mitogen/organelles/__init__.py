"""What fills the cells: one module an organelle; each draws on a canvas and leaves other organelles alone."""
