"""What only muscle cells hold."""
