"""Learning from the few labels that a user has: what is reviewed, what each step brings, and how far to go."""
