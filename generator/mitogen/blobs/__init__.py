"""The fluorescence scenes of study S2: cell-like blobs, an instance each."""
