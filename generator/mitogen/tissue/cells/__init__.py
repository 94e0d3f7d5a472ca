"""Cells of many micrometres: loose in resin, or side by side as an epithelium."""
