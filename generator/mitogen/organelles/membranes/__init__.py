"""Membranes around cells and what lies on them: plasma membranes, synapses, myelin."""
