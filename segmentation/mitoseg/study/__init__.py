"""Studies: what a setting of the generator or of the fit costs or gains, on synthetic images and on real ones.

A *study* names factors and their levels; its design makes *conditions* of them; each condition with each seed is a
*trial*: images are rendered, a network is fitted to them, and it is scored on synthetic and on real images.
"""
