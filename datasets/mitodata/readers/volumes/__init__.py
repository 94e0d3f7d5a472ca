"""Volumes as microscopes and reconstruction programs write them: Gatan DM, MRC, NIfTI."""
