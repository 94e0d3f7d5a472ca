"""How cells fill space, and the canvas that organelles are drawn on."""
