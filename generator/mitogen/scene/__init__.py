"""The scene in 3D: placement of what it holds, and the section that is cut from it."""
