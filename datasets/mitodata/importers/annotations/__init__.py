"""What the numbers and shapes of an annotation mean: foreground, instances, or classes that the user has to name."""
