"""Networks, what they are taught, and how they are saved."""
