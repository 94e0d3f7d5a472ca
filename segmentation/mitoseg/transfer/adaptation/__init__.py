"""Adapting a model to unlabelled images: it learns from what it finds there itself, seen from several sides.

What reads the user's images (`sampling`) cannot see labels, and nothing else here opens them; import-linter holds it.
"""
